//! Owns tests of clients that ask for much, read little or say nothing: others are served, memory stays bounded.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::client::{Client, Dice, command, pipeline};
use super::harness::{Node, PATIENCE, Setup, wait_for};

const MEBIBYTE: u64 = 1 << 20;

/// Another client is served while something else goes on.
fn expect_service(node: &Node) {
    let mut client = node.client();
    client.expect(&[("SET service 1", "OK"), ("GET service", "1"), ("DEL service", "1")]);
}

const MILLION: usize = 1_000_000;

/// Sends `count` commands and reads their answers: nothing at first, then all of them.
fn read_late(
    node: &Node,
    address: SocketAddr,
    count: usize,
    line: &str,
    answer: &str,
    bound_bytes: u64,
) {
    let mut stream = TcpStream::connect(address).expect("the node listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    let mut writer = stream.try_clone().expect("it is a socket");
    let before = node.memory("VmRSS");
    let commands = pipeline([line]).repeat(1_000);
    // The node stops taking commands while nobody reads; the rest is sent while we read.
    let sender = thread::spawn(move || {
        (0..count / 1_000).for_each(|_| writer.write_all(&commands).expect("it takes them"));
    });
    thread::sleep(Duration::from_millis(300));
    expect_service(node);
    let answer = answer.as_bytes();
    let (mut left, mut buffer, mut kept) = (count * answer.len(), vec![0; 1 << 20], 0);
    while left > 0 {
        let came = stream.read(&mut buffer[kept..]).expect("the node answers");
        assert!(came > 0, "the node closed, {left} bytes are missing");
        left -= came;
        let whole = (kept + came) / answer.len() * answer.len();
        assert!(
            buffer[..whole].chunks(answer.len()).all(|one| one == answer),
            "an answer is wrong"
        );
        buffer.copy_within(whole..kept + came, 0);
        kept = kept + came - whole;
    }
    sender.join().expect("all was sent");
    let grown = node.memory("VmHWM").saturating_sub(before);
    assert!(grown < bound_bytes, "memory grew by {grown} bytes");
    expect_service(node);
}

#[test]
fn a_million_pings_in_one_pipeline() {
    let node = Setup::new().start();
    read_late(&node, node.resp(), MILLION, "PING", "+PONG\r\n", 48 * MEBIBYTE);
}

#[test]
fn a_million_reads_in_one_pipeline() {
    let node = Setup::new().start();
    node.client().set("key", b"0123456789");
    read_late(&node, node.resp(), MILLION, "GET key", "$10\r\n0123456789\r\n", 48 * MEBIBYTE);
}

#[test]
fn a_long_pipeline_of_reads_of_the_other_core() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.at("/nodes/0/resp_cores", json!(1)).start();
    let key = key_of_the_second_core(&node);
    node.client().set(&key, b"0123456789");
    read_late(
        &node,
        node.resp_core(0),
        MILLION / 4,
        &format!("GET {key}"),
        "$10\r\n0123456789\r\n",
        64 * MEBIBYTE,
    );
}

/// Sends GETs of 1 MiB to an address and reads nothing, until the node closes; gives how much its memory grew.
fn never_reads(node: &Node, address: SocketAddr, key: &str) -> u64 {
    let mut client = node.client();
    client.set(key, &Dice(1).bytes(1 << 20));
    let before = node.memory("VmRSS");
    let mut silent = Client::tcp(address);
    let number = silent.ask("CLIENT ID");
    let gets = pipeline([format!("GET {key}")]).repeat(4_000);
    let mut sent = 0;
    wait_for("the node closes a client that does not read", || {
        sent += silent.send_some(&gets[sent..]).unwrap_or(0);
        expect_service(node);
        client.ask(&format!("CLIENT LIST ID {number}")).is_empty()
    });
    node.memory("VmHWM").saturating_sub(before)
}

#[test]
fn a_client_that_never_reads_is_closed() {
    let node = Setup::new().at("/settings/limits/write_timeout_s", json!(1)).start();
    let grown = never_reads(&node, node.resp(), "key");
    assert!(grown < 48 * MEBIBYTE, "memory grew by {grown} bytes");
}

#[test]
fn a_client_that_never_reads_from_the_other_core_is_closed() {
    let Some(setup) = Setup::two_cores() else { return };
    let setup =
        setup.at("/nodes/0/resp_cores", json!(1)).at("/settings/limits/write_timeout_s", json!(1));
    let node = setup.start();
    let key = key_of_the_second_core(&node);
    let grown = never_reads(&node, node.resp_core(0), &key);
    assert!(grown < 128 * MEBIBYTE, "memory grew by {grown} bytes");
}

/// A key that the second core owns.
fn key_of_the_second_core(node: &Node) -> String {
    let (mut client, mut second) = (node.client(), Client::tcp(node.resp_core(1)));
    let key = (0..).map(|number| format!("key:{number}")).find(|key| {
        client.set(key, b"1");
        second.ask("DBSIZE") == "1"
    });
    client.ask("FLUSHALL");
    key.expect("half of all keys are there")
}

#[test]
fn a_client_that_reads_slowly_gets_all() {
    let node = Setup::new().start();
    let value = Dice(2).bytes(1 << 20);
    let mut client = node.client();
    client.set("key", &value);
    client.send(&pipeline(["GET key"]).repeat(64));
    for _ in 0..64 {
        let hyperion_wire::reply::Reply::Bulk(bytes) = client.reply() else { panic!("GET") };
        assert!(bytes == value);
    }
}

/// Answers are made as they are read: what a client has asked for does not lie there as a whole.
#[test]
fn a_pipeline_of_long_values_comes_in_order_and_little_of_it_is_made_ahead() {
    const VALUES: usize = 300;
    let node = Setup::new().start();
    let mut client = node.client();
    let value = |number: usize| Dice(number as u64).bytes(50_000 + number);
    for number in 0..VALUES {
        client.set(&format!("key:{number}"), &value(number));
    }
    client.send(&pipeline((0..VALUES).map(|number| format!("GET key:{number}"))));
    let mut other = node.client();
    // The tick notes it.
    let mut longest = || {
        let info = other.ask("INFO clients");
        let line = info.split("client_recent_max_output_buffer:").nth(1).expect("it is told");
        line.split(|byte: char| !byte.is_ascii_digit())
            .next()
            .map_or(0, |it| it.parse().unwrap_or(0))
    };
    let mut most = 0_usize;
    wait_for("output of a client that does not read", || {
        most = longest();
        most > 0
    });
    // How much of the last send the system took is by chance, and the first look may have come too early.
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(50));
        most = most.max(longest());
    }
    // What is being sent, and what comes next.
    assert!(most < 2 * (128 << 10) + 2 * 51_000, "{most} bytes");
    for number in 0..VALUES {
        let hyperion_wire::reply::Reply::Bulk(bytes) = client.reply() else { panic!("GET") };
        assert!(bytes == value(number), "key:{number}");
    }
}

#[test]
fn two_thousand_half_commands_do_no_harm() {
    const CLIENTS: usize = 2_000;
    let node = Setup::new().start();
    let before = node.memory("VmRSS");
    let whole = command(&[b"SET", b"half", b"0123456789"]);
    let mut clients: Vec<Client> = Vec::with_capacity(CLIENTS);
    for number in 0..CLIENTS {
        let mut client = node.client();
        client.send(&whole[..1 + number % (whole.len() - 1)]);
        clients.push(client);
        if number % 200 == 0 {
            expect_service(&node);
        }
    }
    let grown = node.memory("VmHWM").saturating_sub(before);
    assert!(grown < 64 * MEBIBYTE, "memory grew by {grown} bytes");
    assert_eq!(node.client().ask("EXISTS half"), "0");
    // Each of them may still finish.
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(&whole[1 + number % (whole.len() - 1)..]);
        assert_eq!(client.shown(), "OK", "client {number}");
    }
}

#[test]
fn a_claimed_length_takes_no_memory() {
    let node = Setup::new().start();
    let before = node.memory("VmRSS");
    let mut clients: Vec<Client> = (0..200).map(|_| node.client()).collect();
    for client in &mut clients {
        client.send(b"*1048576\r\n$3\r\nSET\r\n$536870912\r\nabc");
    }
    expect_service(&node);
    let grown = node.memory("VmHWM").saturating_sub(before);
    assert!(grown < 16 * MEBIBYTE, "memory grew by {grown} bytes");
}

#[test]
fn silence_ends_a_connection() {
    let node = Setup::new().at("/settings/limits/idle_timeout_s", json!(1)).start();
    let (mut idle, mut half) = (node.client(), node.client());
    idle.expect(&[("PING", "PONG")]);
    half.send(b"*1\r\n$4\r\nPI");
    let busy = node.resp();
    let speaker = thread::spawn(move || {
        let mut client = Client::tcp(busy);
        for _ in 0..20 {
            assert_eq!(client.ask("PING"), "PONG");
            thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(idle.is_closed_by_node());
    assert!(half.is_closed_by_node());
    speaker.join().expect("who speaks stays");
}

#[test]
fn one_client_too_many_is_told() {
    let node = Setup::new().at("/settings/limits/clients", json!(10)).start();
    // The harness' own look at the node may not be over.
    let mut client = node.client();
    wait_for("one client", || client.ask("CLIENT LIST").lines().count() == 1);
    let mut others: Vec<Client> = (0..9).map(|_| node.client()).collect();
    others.iter_mut().for_each(|other| other.expect(&[("PING", "PONG")]));
    for _ in 0..20 {
        let mut refused = node.client();
        assert_eq!(refused.shown(), "-ERR max number of clients reached");
        assert!(refused.is_closed_by_node());
    }
    client.expect(&[("PING", "PONG")]);
    // A place that comes free is taken.
    others.pop();
    wait_for("a free place", || node.client().try_ask("PING").is_ok_and(|answer| answer == "PONG"));
}

/// Where few files may be open, clients get a part of them: the node makes segments, is asked over HTTP and refuses the next client in words.
#[test]
fn a_node_that_may_open_few_files_keeps_some_for_itself() {
    // 64 segments with two files each, so that all of them and the clients fit.
    let setup = Setup::new().at("/settings/memory_bytes_max", json!("64MiB"));
    let node = setup.at("/settings/durability", json!("always")).open_files(600).start();
    let told = "600 open files are allowed: 150 clients are let in at once and not 10000";
    assert!(node.log().contains(told), "{}", node.log());
    let mut client = node.client();
    wait_for("one client", || client.ask("CLIENT LIST").lines().count() == 1);
    let mut others: Vec<Client> = (0..149).map(|_| node.client()).collect();
    others.iter_mut().for_each(|other| other.expect(&[("PING", "PONG")]));
    for _ in 0..3 {
        let crowd: Vec<Client> = (0..300).map(|_| node.client()).collect();
        for mut refused in crowd {
            assert_eq!(refused.shown(), "-ERR max number of clients reached");
        }
    }
    assert!(client.ask("INFO clients").contains("maxclients:150"));
    let value = "v".repeat(100_000);
    for number in 0..1_000 {
        client.expect(&[(&format!("SET key:{} {value}", number % 250), "OK")]);
    }
    assert_eq!(super::http_call::get(node.http(), "/health").status, 200);
    client.expect(&[("BGSAVE", "Background saving started")]);
    wait_for("the snapshot", || {
        client.ask("INFO persistence").contains("rdb_bgsave_in_progress:0")
    });
    assert!(client.ask("INFO persistence").contains("rdb_last_bgsave_status:ok"));
}

#[test]
fn clients_that_come_and_go_are_counted_right() {
    let node = Setup::new().at("/settings/limits/clients", json!(8)).start();
    let address = node.resp();
    let crowd: Vec<_> = (0..4)
        .map(|number| {
            thread::spawn(move || {
                for round in 0..300 {
                    let mut client = Client::tcp(address);
                    match (round + number) % 3 {
                        0 => drop(client),
                        1 => client.send(b"*1\r\n$4\r\nPI"),
                        _ => drop(client.try_ask("PING")),
                    }
                }
            })
        })
        .collect();
    crowd.into_iter().for_each(|one| one.join().expect("it only asks"));
    let mut client = node.client();
    wait_for("all others to be gone", || {
        client
            .try_ask("CLIENT LIST")
            .is_ok_and(|list| !list.starts_with('-') && list.lines().count() == 1)
            || {
                client = node.client();
                false
            }
    });
    let mut others: Vec<Client> = (0..7).map(|_| node.client()).collect();
    others.iter_mut().for_each(|other| other.expect(&[("PING", "PONG")]));
    wait_for("the figures of the next tick", || {
        let page = super::http_call::get(node.http(), "/metrics").body;
        page.contains("\nhyperion_clients{core=\"0\"} 8\n")
            && page.contains("\nhyperion_input_buffer_bytes{core=\"0\"} 0\n")
    });
}

#[test]
fn one_client_too_many_is_told_by_two_cores() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.at("/settings/limits/clients", json!(6)).start();
    let mut client = node.client();
    wait_for("one client", || client.ask("CLIENT LIST").lines().count() == 1);
    let mut others: Vec<Client> = (0..5).map(|_| node.client()).collect();
    others.iter_mut().for_each(|other| other.expect(&[("PING", "PONG")]));
    for _ in 0..6 {
        assert_eq!(node.client().shown(), "-ERR max number of clients reached");
    }
}
