//! Owns tests of strings of many mebibytes: they come and go in parts, in order, and as they were when they were asked for.

use std::thread;
use std::time::Duration;

use hyperion_wire::reply::Reply;

use super::client::{Client, Dice, command, show};
use super::harness::{Node, Setup, wait_for};
use super::http_call::get;

const LONG_BYTES: usize = 5_000_000;

fn setups() -> impl Iterator<Item = Setup> {
    [Some(Setup::new()), Setup::two_cores()].into_iter().flatten()
}

fn value(seed: u64) -> Vec<u8> {
    Dice(seed).bytes(LONG_BYTES + usize::try_from(seed).expect("seeds are small") * 70_001)
}

fn live_bytes(node: &Node) -> u64 {
    get(node.http(), "/status").json()["memory"]["live_bytes"].as_u64().expect("it is shown")
}

fn is(reply: &Reply, expected: &[u8]) -> bool {
    matches!(reply, Reply::Bulk(bytes) if bytes.as_slice() == expected)
}

#[test]
fn long_strings_keep_their_place_among_other_answers_and_survive_a_kill() {
    for setup in setups() {
        let mut node = setup.start();
        let mut client = node.client();
        for seed in 0..6 {
            client.set(&format!("long{seed}"), &value(seed));
        }
        let mut batch = Vec::new();
        for seed in 0..6 {
            batch.extend(command(&[b"SET", format!("small{seed}").as_bytes(), b"x"]));
            batch.extend(command(&[b"GET", format!("long{seed}").as_bytes()]));
            batch.extend(command(&[b"STRLEN", format!("long{}", 5 - seed).as_bytes()]));
            batch.extend(command(&[b"GET", format!("small{seed}").as_bytes()]));
        }
        client.send(&batch);
        for seed in 0..6 {
            assert_eq!(client.shown(), "OK");
            assert!(is(&client.reply(), &value(seed)), "long{seed}");
            assert_eq!(client.shown(), value(5 - seed).len().to_string());
            assert_eq!(client.shown(), "x");
        }
        node.kill_and_start();
        let mut client = node.client();
        for seed in 0..6 {
            client.expect_bytes(&format!("long{seed}"), &value(seed));
        }
    }
}

#[test]
fn a_slow_reader_gets_the_value_that_it_asked_for_and_holds_nobody_up() {
    for setup in setups() {
        let node = setup.start();
        let mut other = node.client();
        for (round, change) in
            ["SET long0 new", "DEL long0", "APPEND long0 x", "SETRANGE long0 7 y", "FLUSHALL"]
                .into_iter()
                .enumerate()
        {
            // One of each core, if there are two.
            for key in ["long0", "long1", "long2"] {
                other.set(key, &value(round as u64));
            }
            let mut slow: Vec<Client> = (0..3).map(|_| node.client()).collect();
            for (at, client) in slow.iter_mut().enumerate() {
                client.send(&command(&[b"GET", format!("long{at}").as_bytes()]));
                client.send(&command(&[b"PING"]));
            }
            slow.iter_mut().for_each(Client::wait_for_bytes);
            for at in 0..3 {
                other.ask(&change.replace("long0", &format!("long{at}")));
            }
            for client in &mut slow {
                assert!(is(&client.reply(), &value(round as u64)), "{change}");
                assert_eq!(client.shown(), "PONG", "{change}");
            }
        }
    }
}

#[test]
fn what_is_not_read_or_not_wanted_is_given_back() {
    for setup in setups() {
        let node = setup.start();
        let mut other = node.client();
        for _ in 0..3 {
            for key in ["long0", "long1", "long2"] {
                other.set(key, &value(1));
                let mut gone = node.client();
                gone.send(&command(&[b"GET", key.as_bytes()]));
                gone.send(&command(&[b"GET", key.as_bytes()]));
            }
            for key in [&b"long0"[..], b"long1", b"long2"] {
                assert!(matches!(other.call(&[b"SET", key, &value(2), b"NX"]), Reply::Null));
            }
            other.ask("DEL long0 long1 long2");
        }
        wait_for("the memory of values that nobody has", || live_bytes(&node) < 100_000);
        other.set("long0", &value(3));
        other.expect_bytes("long0", &value(3));
    }
}

/// Answers of many parts are made whole: one at a time for a client, whichever core owns the key, and who reads gets all, in order.
#[test]
fn long_answers_that_were_asked_for_at_once_are_made_one_after_the_other() {
    const ASKED: usize = 24;
    const LISTS: usize = 4;
    for setup in setups() {
        let node = setup.start();
        let mut client = node.client();
        let part = "x".repeat(1_000);
        let parts = format!(" {part}").repeat(1_000);
        for list in 0..LISTS {
            for number in 1..=8 {
                let count = (number * 1_000).to_string();
                assert_eq!(client.ask(&format!("RPUSH list{list}{parts}")), count);
            }
        }
        let expected: usize = 8_000 * (1_000 + b"$1000\r\n\r\n".len()) + b"*8000\r\n".len();
        let before = node.memory_but_arenas();
        // By chance some are on each core.
        let mut silent: Vec<Client> = (0..4).map(|_| node.client()).collect();
        for client in &mut silent {
            for number in 0..ASKED {
                let list = format!("list{}", number % LISTS);
                client.send(&command(&[b"LRANGE", list.as_bytes(), b"0", b"-1"]));
                client.send(&command(&[b"SET", format!("end{number}").as_bytes(), b"x"]));
            }
        }
        let mut most = 0;
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(50));
            most = most.max(node.memory_but_arenas().saturating_sub(before));
        }
        // One that is on its way and one that is made, each with the room that it grew into, for each client and core.
        let bound = silent.len() * 2 * 4 * expected;
        assert!(most < bound as u64, "{most} bytes, {bound} allowed");
        let (mut reader, gone) = (silent.pop().expect("there are four"), silent);
        drop(gone);
        for number in 0..ASKED {
            match reader.reply() {
                Reply::Array(items) => assert_eq!(items.len(), 8_000, "answer {number}"),
                other => panic!("{other:?}"),
            }
            assert_eq!(reader.shown(), "OK");
        }
        for number in 0..ASKED {
            assert_eq!(client.ask(&format!("GET end{number}")), "x");
        }
        // Who wants no answers takes them all the same.
        let mut quiet = node.client();
        quiet.send(&command(&[b"CLIENT", b"REPLY", b"OFF"]));
        for number in 0..ASKED {
            let list = format!("list{}", number % LISTS);
            quiet.send(&command(&[b"LRANGE", list.as_bytes(), b"0", b"-1"]));
        }
        for list in 0..LISTS {
            quiet.send(&command(&[b"DEL", format!("list{list}").as_bytes()]));
        }
        wait_for("what was sent behind them", || client.ask("DBSIZE") == ASKED.to_string());
    }
}

#[test]
fn clients_that_set_long_strings_at_once_all_do() {
    for setup in setups() {
        let node = setup.start();
        let writers: Vec<_> = (0..4_u64)
            .map(|seed| {
                let mut client = node.client();
                thread::spawn(move || {
                    for round in 0..3 {
                        client.set(&format!("long{seed}"), &value(seed + round));
                        client.expect_bytes(&format!("long{seed}"), &value(seed + round));
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().expect("all is as it should be"));
    }
}

#[test]
fn parts_copies_and_new_names_of_long_strings_are_whole_and_survive_a_kill() {
    for setup in setups() {
        let mut node = setup.start();
        let mut client = node.client();
        // One slot: one core has them all.
        for seed in 0..3 {
            client.set(&format!("{{t}}{seed}"), &value(seed));
        }
        let long = value(1);
        for (start, end) in [(0, 99_999), (1, 3_000_000), (70_000, 70_001), (4_999_990, 9_000_000)]
        {
            let range = &long[start..long.len().min(end + 1)];
            let (start, end) = (start.to_string(), end.to_string());
            let reply = client.call(&[b"GETRANGE", b"{t}1", start.as_bytes(), end.as_bytes()]);
            assert!(is(&reply, range), "{start} {end}");
        }
        let reply = client.call(&[b"MGET", b"{t}0", b"{t}none", b"{t}2"]);
        let Reply::Array(values) = reply else { panic!("MGET gives an array") };
        assert!(is(&values[0], &value(0)) && is(&values[2], &value(2)));
        assert!(matches!(values[1], Reply::Null));
        assert_eq!(client.ask("COPY {t}0 {t}copy"), "1");
        assert_eq!(client.ask("RENAME {t}1 {t}name"), "OK");
        assert_eq!(client.ask("APPEND {t}copy x"), (value(0).len() + 1).to_string());
        assert!(is(&client.call(&[b"GETSET", b"{t}2", b"new"]), &value(2)));
        assert!(is(
            &client.call(&[b"SET", b"{t}copy", b"newer", b"GET"]),
            &[&value(0)[..], b"x"].concat()
        ));
        node.kill_and_start();
        let mut client = node.client();
        client.expect_bytes("{t}0", &value(0));
        client.expect_bytes("{t}name", &long);
        assert_eq!(client.ask("MGET {t}2 {t}copy {t}1"), "[new newer nil]");
        assert!(is(&client.call(&[b"GETDEL", b"{t}name"]), &long));
        assert_eq!(client.ask("EXISTS {t}name"), "0");
    }
}

#[test]
fn commands_about_many_keys_are_whole_for_others_and_survive_a_kill() {
    let mut node = Setup::new().start();
    let keys: Vec<Vec<u8>> = (0..20_000).map(|key| format!("k{key}").into_bytes()).collect();
    let mut client = node.client();
    let with_values = |value: &'static [u8]| -> Vec<&[u8]> {
        std::iter::once(&b"MSET"[..]).chain(keys.iter().flat_map(|key| [key, value])).collect()
    };
    let about = |name: &'static [u8]| -> Vec<&[u8]> {
        std::iter::once(name).chain(keys.iter().map(Vec::as_slice)).collect()
    };
    client.send(&command(&with_values(b"one")));
    client.send(&command(&[b"GET", &keys[19_999]]));
    client.send(&command(&with_values(b"two")));
    client.send(&command(&[b"GET", &keys[0]]));
    let mut other = node.client();
    let mut seen = String::new();
    while seen != "[two two]" {
        seen = other.ask("MGET k0 k19999");
        assert!(["[nil nil]", "[one one]", "[two two]"].contains(&&*seen), "{seen}");
    }
    for expected in ["OK", "one", "OK", "two"] {
        assert_eq!(client.shown(), expected);
    }
    node.kill_and_start();
    let mut client = node.client();
    let Reply::Array(values) = client.call(&about(b"MGET")) else { panic!("it is an array") };
    assert!(values.len() == 20_000 && values.iter().all(|value| is(value, b"two")));
    assert!(matches!(client.call(&about(b"EXISTS")), Reply::Integer(20_000)));
    assert!(matches!(client.call(&about(b"DEL")), Reply::Integer(20_000)));
    node.kill_and_start();
    assert_eq!(node.client().ask("DBSIZE"), "0");
}

#[test]
fn a_client_for_which_more_waits_than_the_limit_is_closed_and_counted() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.set("long", &value(1));
    // As it comes the limit is above the longest value.
    let comes = client.ask("CONFIG GET client-output-buffer-limit");
    assert!(comes.contains("normal 2147483648 0 0"), "{comes}");
    limit_output(&mut client, "normal 1mb 0 0");
    let mut sloth = node.client();
    // More than the kernel's buffers of a socket take.
    let mut words = vec![&b"MGET"[..]];
    words.extend([&b"long"[..]; 6]);
    sloth.send(&command(&words));
    let counted = "client_output_buffer_limit_disconnections:1";
    wait_for("the one that does not read is closed", || client.ask("INFO stats").contains(counted));
    assert!(sloth.is_closed_by_node());
    // Where the limit allows it the same answer comes.
    limit_output(&mut client, "normal 2gb 0 0");
    let Reply::Array(values) = client.call(&words) else { panic!("no array") };
    assert!(values.len() == 6 && values.iter().all(|it| is(it, &value(1))));
    assert!(client.ask("INFO stats").contains(counted));
}

fn limit_output(client: &mut Client, limits: &str) {
    let name = b"client-output-buffer-limit";
    assert_eq!(show(&client.call(&[b"CONFIG", b"SET", name, limits.as_bytes()])), "OK");
}
