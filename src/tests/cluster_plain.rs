//! Clients that do not know the cluster, with `resp.cluster: transparent`: each node answers for all of them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hyperion_model::slot_of;
use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::{Client, Dice, command, pipeline, show};
use super::cluster_harness::Cluster;
use super::harness::wait_for;
use super::http_call::{get, post};

fn transparent(nodes: u32) -> Cluster {
    Cluster::plan(nodes).at("/settings/resp", json!({ "cluster": "transparent" }))
}

#[test]
fn any_node_answers_for_all_and_in_order() {
    let cluster = transparent(3).start();
    for node in cluster.numbers() {
        let mut client = cluster.client(node);
        let mut lines = Vec::new();
        let mut answers = Vec::new();
        for number in 0..400 {
            let key = format!("k:{node}:{}", number % 40);
            let turn = number / 40;
            lines.push(format!("INCR {key}"));
            answers.push((turn + 1).to_string());
            lines.push(format!("SET {key}:text v{number}"));
            answers.push("OK".to_owned());
            lines.push(format!("GET {key}:text"));
            answers.push(format!("v{number}"));
            lines.push(format!("INCR {key}:text"));
            answers.push("-ERR value is not an integer or out of range".to_owned());
        }
        client.send(&pipeline(&lines));
        for (line, answer) in lines.iter().zip(&answers) {
            assert_eq!(client.shown(), *answer, "{line} at node {node}");
        }
        let other = node % 3 + 1;
        let mut elsewhere = cluster.client(other);
        elsewhere.expect(&[(&format!("GET k:{node}:7"), "10")]);
    }
}

#[test]
fn a_node_that_answers_for_all_calls_itself_one_redis() {
    let cluster = Cluster::plan(3).start();
    let mut client = cluster.client(2);
    for (routing, mode, enabled) in
        [("redirect", "cluster", "1"), ("transparent", "standalone", "0")]
    {
        let mut next = get(cluster.http(1), "/config?next=1").json();
        next["settings"]["resp"] = json!({ "cluster": routing });
        assert_eq!(post(cluster.http(1), "/config", &next.to_string()).status, 200);
        let line = format!("cluster_enabled:{enabled}\r\n");
        wait_for("the routing", || client.ask("INFO cluster").contains(&line));
        assert!(client.ask("INFO server").contains(&format!("redis_mode:{mode}\r\n")));
        assert!(client.ask("HELLO 2").contains(&format!("mode {mode} ")), "{routing}");
        let parameter = if enabled == "1" { "yes" } else { "no" };
        client.expect(&[("CONFIG GET cluster-enabled", &format!("[cluster-enabled {parameter}]"))]);
    }
    // Who knows the cluster is told of it all the same.
    assert_eq!(client.ask("CLUSTER NODES").lines().count(), 3);
}

#[test]
fn what_other_nodes_run_is_in_the_slow_log_of_the_node_that_was_asked() {
    let cluster = transparent(3).start();
    let mut client = cluster.client(1);
    client.expect(&[("CONFIG SET slowlog-log-slower-than 0", "OK")]);
    let elsewhere: Vec<String> = (0..60)
        .map(|number| format!("k{number}"))
        .filter(|key| cluster.leader_of(slot_of(key.as_bytes())) != 1)
        .take(5)
        .collect();
    assert_eq!(elsewhere.len(), 5);
    client.expect(&[("SLOWLOG RESET", "OK")]);
    for key in &elsewhere {
        client.expect(&[(&format!("GET {key}"), "nil")]);
    }
    let log = client.ask("SLOWLOG GET 20");
    for key in &elsewhere {
        assert!(log.contains(&format!("[GET {key}]")), "{key}: {log}");
    }
    assert_eq!(log.matches("127.0.0.1:").count(), log.matches("[GET").count() + 1, "{log}");
}

#[test]
fn errors_are_counted_by_the_node_that_was_asked() {
    let cluster = transparent(3).start();
    let mut client = cluster.client(1);
    for number in 0..30 {
        client.expect(&[
            (&format!("SET k{number} x"), "OK"),
            (&format!("INCR k{number}"), "-ERR value is not an integer or out of range"),
            (&format!("XGROUP CREATE s{number} g $ MKSTREAM"), "OK"),
            (
                &format!("XGROUP CREATE s{number} g $"),
                "-BUSYGROUP Consumer Group name already exists",
            ),
        ]);
        let mut waiting = cluster.client(1);
        waiting.send(&pipeline([format!("XREADGROUP GROUP g me BLOCK 0 STREAMS s{number} >")]));
        wait_for("it waits", || client.ask("INFO clients").contains("blocked_clients:1"));
        client.expect(&[(&format!("XGROUP DESTROY s{number} g"), "1")]);
        assert!(waiting.shown().starts_with("-NOGROUP"), "s{number}");
    }
    let text = client.ask("INFO everything");
    for part in [
        "total_error_replies:90\r\n",
        "errorstat_ERR:count=30\r\n",
        "errorstat_BUSYGROUP:count=30\r\n",
        "errorstat_NOGROUP:count=30\r\n",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    for name in ["incr", "xgroup|create", "xreadgroup"] {
        let found = text.lines().find(|line| line.starts_with(&format!("cmdstat_{name}:")));
        let line = found.expect("it ran");
        let calls = if name == "xgroup|create" { 60 } else { 30 };
        assert!(line.contains(&format!("calls={calls},")), "{line}");
        assert!(line.ends_with("rejected_calls=0,failed_calls=30"), "{line}");
    }
    for other in [2, 3] {
        let text = cluster.client(other).ask("INFO everything");
        assert!(text.contains("total_error_replies:0\r\n"), "node {other}: {text}");
    }
}

#[test]
fn what_a_client_has_set_of_itself_goes_with_its_commands() {
    let cluster = transparent(3).start();
    let mut client = cluster.client(1);
    for number in 0..20 {
        client.expect(
            &[
                ("SELECT 0", "OK"),
                (&format!("SET d{number} zero"), "OK"),
                ("SELECT 3", "OK"),
                (&format!("GET d{number}"), "nil"),
                (&format!("SET d{number} three"), "OK"),
                ("CLIENT REPLY SKIP", ""),
            ][..5],
        );
        client.send(&pipeline([
            "CLIENT REPLY SKIP".to_owned(),
            format!("SET d{number} silent"),
            format!("GET d{number}"),
        ]));
        assert_eq!(client.shown(), "silent");
        client.expect(&[("SELECT 0", "OK"), (&format!("GET d{number}"), "zero")]);
    }
    client.ask("HELLO 3");
    let nulls: BTreeSet<String> =
        (0..20).map(|number| client.ask(&format!("GET none{number}"))).collect();
    assert_eq!(nulls.len(), 1, "{nulls:?}");
    // Keys of one partition go together wherever it is.
    for tag in 0..20 {
        client.expect(&[
            (&format!("MSET {{{tag}}}a 1 {{{tag}}}b 2"), "OK"),
            (&format!("DEL {{{tag}}}a {{{tag}}}b {{{tag}}}c"), "2"),
        ]);
    }
}

#[test]
fn long_values_are_carried_up_to_a_bound_that_is_told() {
    let cluster = transparent(2).start();
    let mut random = Dice(7);
    let mut client = cluster.client(1);
    for bytes in [1 << 20, 3 << 20, 6 << 20] {
        let value = random.bytes(bytes);
        for key in ["long:a", "long:b", "long:c", "long:d"] {
            // On a busy machine a lead may change meanwhile: the client hears so by the end of its connection.
            while client.try_set(key, &value).is_err() {
                client = cluster.client(1);
            }
            client.expect_bytes(key, &value);
        }
    }
    let elsewhere = (0..).map(|number| format!("beyond:{number}"));
    let elsewhere =
        elsewhere.into_iter().find(|key| cluster.leader_of(slot_of(key.as_bytes())) == 2);
    let key = elsewhere.expect("node 2 leads something");
    let reply = client.call(&[b"SET", key.as_bytes(), &vec![b'x'; 65 << 20]]);
    assert!(show(&reply).contains("too long to be carried"), "{}", show(&reply));
    client.expect(&[(&format!("GET {key}"), "nil")]);
}

/// A long command goes to another node in parts, between which there is room for others: those of the same client were there before it
/// was whole, and were answered with what was there before.
#[test]
fn what_follows_a_long_command_does_not_overtake_it() {
    const BYTES: usize = 9 << 20;
    let cluster = transparent(2).start();
    let mut keys = (0..).map(|number| format!("key:{number}"));
    let key = keys.find(|key| cluster.leader_of(slot_of(key.as_bytes())) == 2);
    let key = key.expect("node 2 leads something");
    let value = Dice(11).bytes(BYTES);
    let mut commands = command(&[b"SET", key.as_bytes(), b"short"]);
    commands.extend(command(&[b"SET", key.as_bytes(), &value]));
    commands.extend(pipeline([
        format!("STRLEN {key}"),
        format!("SET {key} last"),
        format!("GET {key}"),
    ]));
    let mut whole = 0;
    for _ in 0..12 {
        let mut client = cluster.client(1);
        let _ = client.try_send(&commands);
        let answers: Vec<Option<String>> =
            (0..5).map(|_| client.try_reply().ok().map(|reply| show(&reply))).collect();
        let length = BYTES.to_string();
        let expected = ["OK", "OK", &length, "OK", "last"];
        // On a busy machine a lead may change meanwhile: the client hears so by the end of its connection.
        let answered = answers.iter().map_while(|answer| answer.as_deref());
        for (answer, expected) in answered.clone().zip(expected) {
            assert_eq!(answer, expected, "{answers:?}");
        }
        whole += usize::from(answered.count() == expected.len());
        if whole == 3 {
            return;
        }
    }
    panic!("answered whole {whole} times of 12");
}

#[test]
fn nodes_of_several_cores_carry_for_each_other() {
    let mut plan = transparent(3).at("/mode", json!("sharding")).at("/replication", json!(1));
    for node in 0..3 {
        plan = plan.at(&format!("/nodes/{node}/cores"), json!("0-1"));
    }
    let cluster = plan.start();
    let mut clients: Vec<Client> =
        (0..4).flat_map(|_| cluster.numbers()).map(|node| cluster.client(node)).collect();
    for round in 0..5 {
        for client in &mut clients {
            client.send(&pipeline((0..100).map(|key| format!("INCR c{key}"))));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            for key in 0..100 {
                let value: u32 = client.shown().parse().expect("a count");
                assert!(
                    value > round * 12 && value <= (round + 1) * 12,
                    "{value}: c{key}, client {number}, round {round}"
                );
            }
            client.expect(&[("PING", "PONG")]);
        }
    }
}

#[test]
fn a_node_that_dies_is_waited_for_and_nothing_is_told_but_the_end_of_a_connection() {
    let mut cluster = transparent(3).start();
    let mut client = cluster.client(1);
    for number in 0..200 {
        client.expect(&[(&format!("SET f{number} 0"), "OK")]);
    }
    for round in 1..4 {
        cluster.kill(2);
        for number in 0..200 {
            let (set, get) = (format!("SET f{number} {round}"), format!("GET f{number}"));
            loop {
                match client.try_ask(&set) {
                    Ok(answer) => {
                        assert_eq!(answer, "OK", "{set}");
                        break;
                    }
                    // It was on its way to the node that died: the client does not know, and neither does node 1.
                    Err(_) => client = cluster.client(1),
                }
            }
            client.expect(&[(&get, &round.to_string())]);
        }
        cluster.start_again(2);
    }
}

#[test]
fn commands_about_all_keys_mean_those_of_all_nodes() {
    let mut plan = transparent(3).at("/mode", json!("sharding")).at("/replication", json!(1));
    for node in 0..3 {
        plan = plan.at(&format!("/nodes/{node}/cores"), json!("0-1"));
    }
    let cluster = plan.start();
    let mut clients: Vec<Client> = cluster.numbers().map(|node| cluster.client(node)).collect();
    let all: BTreeSet<String> = (0..500).map(|number| format!("whole:{number}")).collect();
    let lines: Vec<String> = all.iter().map(|key| format!("SET {key} x")).collect();
    clients[0].send(&pipeline(&lines));
    lines.iter().for_each(|line| assert_eq!(clients[0].shown(), "OK", "{line}"));
    clients[1].expect(&[("SELECT 2", "OK"), ("SET apart x", "OK")]);
    for (number, client) in clients.iter_mut().enumerate() {
        if number == 1 {
            client.expect(&[("DBSIZE", "1"), ("RANDOMKEY", "apart"), ("SCAN 0", "[0 [apart]]")]);
            client.expect(&[("SELECT 0", "OK")]);
        }
        client.expect(&[("DBSIZE", "500")]);
        assert_eq!(keys(&client.call(&[b"KEYS", b"*"])), all);
        assert!(all.contains(&client.ask("RANDOMKEY")));
        let (mut cursor, mut told) = ("0".to_owned(), BTreeSet::new());
        loop {
            let Reply::Array(reply) = client.call(&[b"SCAN", cursor.as_bytes(), b"COUNT", b"50"])
            else {
                panic!("a cursor and keys");
            };
            cursor = show(&reply[0]);
            told.extend(keys(&reply[1]));
            if cursor == "0" {
                break;
            }
        }
        assert_eq!(told, all, "client {number}");
    }
    clients[2].expect(&[("FLUSHDB", "OK"), ("DBSIZE", "0"), ("RANDOMKEY", "nil")]);
    clients[1].expect(&[("SELECT 2", "OK"), ("DBSIZE", "1")]);
    clients[0].expect(&[("FLUSHALL", "OK"), ("FLUSHALL NEVER", "-ERR syntax error")]);
    clients[1].expect(&[("DBSIZE", "0")]);
}

fn keys(reply: &Reply) -> BTreeSet<String> {
    let Reply::Array(keys) = reply else { panic!("a list of keys: {}", show(reply)) };
    keys.iter().map(show).collect()
}

#[test]
fn copies_on_other_nodes_are_waited_for_and_counted() {
    let mut cluster = Cluster::plan(3).at("/settings/durability", json!("always")).start();
    let mut routed = cluster.routed();
    for number in 0..200 {
        routed.set(&format!("copied:{number}"), b"x");
    }
    for node in cluster.numbers() {
        cluster.client(node).expect(&[
            ("WAIT 2 0", "2"),
            ("WAITAOF 1 2 0", "[1 2]"),
            ("WAIT 3 50", "2"),
            ("WAIT -1 0", "2"),
            ("WAIT x 1", "-ERR value is not an integer or out of range"),
            ("WAIT 1 -1", "-ERR timeout is negative"),
            ("WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1"),
        ]);
        assert_eq!(replicas(&mut cluster.client(node)), 2);
    }
    cluster.kill(3);
    let mut client = cluster.client(1);
    let own = (0..).map(|number| format!("k{number}"));
    let own = own.into_iter().find(|key| cluster.leader_of(slot_of(key.as_bytes())) == 1);
    let key = own.expect("node 1 leads something");
    client.expect(&[
        (&format!("SET {key} x"), "OK"),
        ("WAIT 1 5000", "1"),
        ("WAIT 2 50", "1"),
        ("WAITAOF 1 2 50", "[1 1]"),
    ]);
    assert_eq!(replicas(&mut cluster.client(1)), 1);
    // Without a majority it leads nothing, and waits for its time.
    cluster.kill(2);
    wait_for("a node that is alone", || {
        cluster.client(1).ask("CLUSTER INFO").contains("cluster_slots_assigned:0\r\n")
    });
    let (mut fresh, begin) = (cluster.client(1), Instant::now());
    fresh.expect(&[("WAIT 1 700", "0")]);
    assert!(begin.elapsed() >= Duration::from_millis(700), "{:?}", begin.elapsed());
    fresh.expect(&[("WAIT 0 5000", "0")]);
    assert_eq!(replicas(&mut fresh), 0);
}

/// How many replicas a node says that it has: INFO and ROLE say the same, with the same offset.
fn replicas(client: &mut Client) -> usize {
    let (info, role) = (client.ask("INFO replication"), client.ask("ROLE"));
    let line = |name: &str| {
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_else(|| panic!("no {name} in {info}")).to_owned()
    };
    let count: usize = line("connected_slaves").parse().expect("a number");
    let offset = line("master_repl_offset");
    assert!(role.starts_with(&format!("[master {offset} [")), "{role}, {info}");
    assert_eq!(role.matches("127.0.0.1").count(), count, "{role}, {info}");
    assert_eq!(info.matches(",state=online,").count(), count, "{info}");
    assert!(count == 0 || offset.parse::<u64>().is_ok_and(|offset| offset > 0), "{info}");
    count
}
