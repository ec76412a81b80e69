//! Owns tests of commands that wait for what others write.

use std::collections::BTreeSet;
use std::thread;

use super::client::{Client, pipeline, words};
use super::harness::{Node, Setup, wait_for};

/// Each with its number of cores.
fn nodes() -> impl Iterator<Item = (usize, Node)> {
    let setups = [Some(Setup::new()), Setup::two_cores()];
    setups.into_iter().enumerate().filter_map(|(at, setup)| Some((at + 1, setup?.start())))
}

/// Waits until so many commands wait.
fn wait_for_blocked(observer: &mut Client, count: usize) {
    let line = format!("blocked_clients:{count}\r\n");
    wait_for(&line, || observer.ask("INFO clients").contains(&line));
}

fn number_of(client: &mut Client) -> u64 {
    client.ask("CLIENT ID").parse().expect("a number")
}

/// Keys of all cores, from clients of all cores.
#[test]
fn who_waits_is_served_in_order() {
    for (cores, node) in nodes() {
        let mut pushers = [node.client(), node.client()];
        for key in ["a", "b", "c", "d", "e", "f"] {
            let mut waiting: Vec<Client> = (0..4).map(|_| node.client()).collect();
            for (at, client) in waiting.iter_mut().enumerate() {
                client.send(&words(&format!("BLPOP none:{{{key}}} {key} 0")));
                wait_for_blocked(&mut pushers[0], at + 1);
            }
            for (at, pusher) in pushers.iter_mut().enumerate() {
                // All of it is served before the next command of the same client.
                pusher.send(&pipeline([
                    format!("RPUSH {key} {at}:1 {at}:2"),
                    format!("LLEN {key}"),
                    format!("EXISTS {key}"),
                ]));
                assert_eq!([pusher.shown(), pusher.shown(), pusher.shown()], ["2", "0", "0"]);
            }
            let told: Vec<String> = waiting.iter_mut().map(Client::shown).collect();
            let expected = ["0:1", "0:2", "1:1", "1:2"].map(|element| format!("[{key} {element}]"));
            assert_eq!(told, expected, "on {cores} cores");
        }
        wait_for_blocked(&mut pushers[0], 0);
    }
}

/// One of two cores has some of the keys, whichever core the client is on.
#[test]
fn keys_of_several_cores_are_waited_for_together() {
    for (_, node) in nodes() {
        let mut clients = [node.client(), node.client()];
        let mut other = node.client();
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let all = keys.join(" ");
        for client in &mut clients {
            for key in keys {
                // What is there is given at once, and what comes when it comes.
                other.ask(&format!("RPUSH {key} x"));
                assert_eq!(client.ask(&format!("BLPOP {all} 0")), format!("[{key} x]"));
                client.send(&pipeline([
                    format!("BLMPOP 0 8 {all} LEFT COUNT 3"),
                    "ECHO behind".into(),
                ]));
                wait_for(key, || other.ask("CLIENT LIST").contains("cmd=blmpop"));
                wait_for_blocked(&mut other, 1);
                other.send(&pipeline([format!("RPUSH {key} y z"), format!("EXISTS {all}")]));
                assert_eq!(other.shown(), "2");
                assert_eq!(
                    [client.shown(), client.shown()],
                    [format!("[{key} [y z]]"), "behind".into()]
                );
                other.shown();
                wait_for_blocked(&mut other, 0);
                assert_eq!(other.ask(&format!("EXISTS {all}")), "0");
            }
            let number = number_of(client);
            client.expect(&[
                (&format!("BLPOP {all} 0.02"), "nil"),
                (&format!("BLPOP {all} x"), "-ERR timeout is not a float or out of range"),
            ]);
            client.send(&words(&format!("BRPOP {all} 0")));
            wait_for_blocked(&mut other, 1);
            assert_eq!(other.ask(&format!("CLIENT UNBLOCK {number} ERROR")), "1");
            assert!(client.shown().starts_with("-UNBLOCKED"));
            wait_for_blocked(&mut other, 0);
        }
        let mut gone = node.client();
        gone.send(&words(&format!("BRPOP {all} 0")));
        wait_for_blocked(&mut other, 1);
        drop(gone);
        wait_for_blocked(&mut other, 0);
        other.expect(&[("RPUSH a 1", "1"), ("RPUSH b 1", "1"), ("LLEN a", "1"), ("LLEN b", "1")]);
    }
}

/// What tells of several keys, or changes two, waits for them wherever they lie.
#[test]
fn keys_of_several_cores_are_brought_together_when_there_is_something() {
    for (_, node) in nodes() {
        let (mut waiting, mut other) = (node.client(), node.client());
        let keys = ["a", "b", "c", "d", "e", "f"];
        let all = keys.join(" ");
        for (key, target) in keys.iter().flat_map(|key| keys.map(|target| (*key, target))) {
            for line in ["BLMOVE KEY TARGET RIGHT LEFT 0", "BRPOPLPUSH KEY TARGET 0"] {
                let line = line.replace("KEY", key).replace("TARGET", target);
                waiting.send(&pipeline([line.as_str(), "ECHO behind"]));
                wait_for_blocked(&mut other, 1);
                assert_eq!(other.ask(&format!("RPUSH {key} x")), "1");
                assert_eq!([waiting.shown(), waiting.shown()], ["x", "behind"], "{line}");
                assert_eq!(other.ask(&format!("LRANGE {target} 0 -1")), "[x]", "{line}");
                assert_eq!(other.ask(&format!("DEL {all}")), "1");
            }
        }
        for (at, key) in keys.into_iter().enumerate() {
            waiting.send(&words(&format!("XREAD BLOCK 0 STREAMS {all} $ 0 0 0 $ $")));
            wait_for_blocked(&mut other, 1);
            other.expect(&[(&format!("XADD {key} 1-{at} f v"), &format!("1-{at}"))]);
            assert_eq!(waiting.shown(), format!("[[{key} [[1-{at} [f v]]]]]"));
            // Touched, and nothing is there for who waits: it is not asked again and again.
            waiting.send(&words(&format!("XREAD BLOCK 0 STREAMS {all} $ $ $ $ $ $")));
            wait_for_blocked(&mut other, 1);
            other.expect(&[
                (&format!("XDEL {key} 1-{at}"), "1"),
                (&format!("XGROUP CREATE {key} g $"), "OK"),
                (&format!("XADD {key} 2-0 f w"), "2-0"),
            ]);
            assert_eq!(waiting.shown(), format!("[[{key} [[2-0 [f w]]]]]"));
            other.expect(&[(&format!("DEL {key}"), "1")]);
        }
        waiting.expect(&[
            ("XADD a 1-1 f v", "1-1"),
            ("XADD b 1-1 f v", "1-1"),
            ("XREAD BLOCK 0 STREAMS a b c d 0 0 0 $", "[[a [[1-1 [f v]]]] [b [[1-1 [f v]]]]]"),
            ("DEL a b", "2"),
            (&format!("XREAD BLOCK 10 STREAMS {all} 0 0 0 0 0 0"), "nil"),
            ("BLMOVE a b LEFT RIGHT 0.01", "nil"),
            ("BLMOVE b c LEFT RIGHT 0.01", "nil"),
        ]);
        let mut gone = node.client();
        gone.send(&words("BLMOVE a b LEFT RIGHT 0"));
        let mut away = node.client();
        away.send(&words("BLMOVE b c LEFT RIGHT 0"));
        wait_for_blocked(&mut other, 2);
        drop((gone, away));
        wait_for_blocked(&mut other, 0);
        other.expect(&[("RPUSH a 1", "1"), ("RPUSH b 1", "1"), ("LLEN a", "1"), ("LLEN b", "1")]);
    }
}

#[test]
fn a_wait_ends_in_time() {
    for (_, node) in nodes() {
        let mut client = node.client();
        for key in ["a", "b", "c", "d"] {
            client.expect(&[
                (&format!("BLPOP {key} 0.01"), "nil"),
                (&format!("BRPOP {key} {key} 0.001"), "nil"),
                (&format!("BLMOVE {key} {key} LEFT RIGHT 0.02"), "nil"),
                (&format!("BRPOPLPUSH {key} {key} 0.02"), "nil"),
                (&format!("BLMPOP 0.02 1 {key} LEFT"), "nil"),
                (&format!("BLPOP {key} -1"), "-ERR timeout is negative"),
                (&format!("SET {key} text"), "OK"),
                (
                    &format!("BLPOP {key} 0"),
                    "-WRONGTYPE Operation against a key holding the wrong kind of value",
                ),
            ]);
        }
        client.call(&[b"HELLO", b"3"]);
        client.expect(&[("BLPOP none 0.01", "nil"), ("BRPOPLPUSH none none 0.01", "nil")]);
    }
}

#[test]
fn what_is_behind_a_wait_runs_behind_it() {
    for (_, node) in nodes() {
        let (mut waiting, mut other) = (node.client(), node.client());
        for key in ["a", "b", "c", "d"] {
            waiting.send(&pipeline([
                format!("BLPOP {key} 0"),
                format!("RPUSH {key} mine"),
                "ECHO last".to_owned(),
            ]));
            wait_for_blocked(&mut other, 1);
            assert_eq!(other.ask(&format!("RPUSH {key} first")), "1");
            let told = [waiting.shown(), waiting.shown(), waiting.shown()];
            assert_eq!(told, [format!("[{key} first]"), "1".to_owned(), "last".to_owned()]);
            assert_eq!(other.ask(&format!("LRANGE {key} 0 -1")), "[mine]");
        }
    }
}

#[test]
fn a_key_may_come_in_any_way() {
    for (_, node) in nodes() {
        let (mut waiting, mut other) = (node.client(), node.client());
        for key in ["{a}", "{b}", "{c}", "{d}"] {
            for line in [
                format!("RENAME {key}1 {key}"),
                format!("COPY {key}1 {key}"),
                format!("LMOVE {key}1 {key} LEFT LEFT"),
                format!("RPOPLPUSH {key}1 {key}"),
                format!("RPUSH {key} x"),
            ] {
                other.ask(&format!("DEL {key}1"));
                other.ask(&format!("RPUSH {key}1 x"));
                waiting.send(&words(&format!("BLPOP {key} 0")));
                wait_for_blocked(&mut other, 1);
                other.ask(&line);
                assert_eq!(waiting.shown(), format!("[{key} x]"), "{line}");
            }
            // A string is not waited for, and what is left when a flush is over is.
            waiting.send(&words(&format!("BRPOP {key} 0")));
            wait_for_blocked(&mut other, 1);
            other.expect(&[
                (&format!("SET {key} text"), "OK"),
                ("FLUSHALL", "OK"),
                (&format!("RPUSH {key} y"), "1"),
            ]);
            assert_eq!(waiting.shown(), format!("[{key} y]"));
            // One moves to the other, and who waits there has it.
            let mut behind = node.client();
            waiting.send(&words(&format!("BLMOVE {key} {key}2 LEFT RIGHT 0")));
            wait_for_blocked(&mut other, 1);
            behind.send(&words(&format!("BLMPOP 0 2 {key}none {key}2 LEFT COUNT 5")));
            wait_for_blocked(&mut other, 2);
            other.ask(&format!("RPUSH {key} z"));
            assert_eq!(
                [waiting.shown(), behind.shown()],
                ["z".to_owned(), format!("[{key}2 [z]]")]
            );
        }
    }
}

#[test]
fn a_wait_ends_with_its_client_or_by_another() {
    for (_, node) in nodes() {
        let mut other = node.client();
        for key in ["a", "b", "c", "d"] {
            let (mut gone, mut killed, mut told) = (node.client(), node.client(), node.client());
            let numbers = [number_of(&mut killed), number_of(&mut told)];
            for (at, client) in [&mut gone, &mut killed, &mut told].into_iter().enumerate() {
                client.send(&words(&format!("BLPOP {key} 0")));
                wait_for_blocked(&mut other, at + 1);
            }
            drop(gone);
            wait_for_blocked(&mut other, 2);
            assert_eq!(other.ask(&format!("CLIENT KILL ID {}", numbers[0])), "1");
            assert!(killed.is_closed_by_node());
            wait_for_blocked(&mut other, 1);
            for (reason, answer) in [
                ("", "nil"),
                (" TIMEOUT", "nil"),
                (" error", "-UNBLOCKED client unblocked via CLIENT UNBLOCK"),
            ] {
                let line = format!("CLIENT UNBLOCK {}{reason}", numbers[1]);
                assert_eq!(other.ask(&line), "1");
                assert_eq!(told.shown(), answer);
                assert_eq!(other.ask(&line), "0");
                told.send(&words(&format!("BLPOP {key} 0")));
                wait_for_blocked(&mut other, 1);
            }
            assert_eq!(other.ask(&format!("RPUSH {key} x y")), "2");
            assert_eq!(told.shown(), format!("[{key} x]"));
            assert_eq!(other.ask(&format!("LRANGE {key} 0 -1")), "[y]");
        }
        other.expect(&[
            ("CLIENT UNBLOCK 99999", "0"),
            ("CLIENT UNBLOCK x", "-ERR value is not an integer or out of range"),
            ("CLIENT UNBLOCK 1 LATER", "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        ]);
    }
}

/// Consumers come and go, most of them in the middle of a wait: each element is told once, and what one consumer is told is in order.
#[test]
fn each_element_is_delivered_once() {
    const PUSHED: u64 = 3_000;
    for (cores, node) in nodes() {
        let address = node.resp();
        let pushers: Vec<_> = (0..3_u64)
            .map(|pusher| {
                thread::spawn(move || {
                    let mut client = Client::tcp(address);
                    for number in 0..PUSHED / 3 {
                        let line = format!("RPUSH queue {}", number * 3 + pusher);
                        assert!(!client.ask(&line).starts_with('-'));
                    }
                })
            })
            .collect();
        let consumers: Vec<_> = (0..8)
            .map(|at| {
                thread::spawn(move || {
                    let mut told: Vec<u64> = Vec::new();
                    let mut lost = 0;
                    'lives: loop {
                        let mut client = Client::tcp(address);
                        let waits = if at % 2 == 0 { 1_000 } else { 20 };
                        for _ in 0..waits {
                            match client.ask("BLPOP other:{queue} queue 0.5").as_str() {
                                "nil" => break 'lives,
                                element => {
                                    let number = element.strip_prefix("[queue ");
                                    let number = number.and_then(|it| it.strip_suffix(']'));
                                    told.push(
                                        number.and_then(|it| it.parse().ok()).expect(element),
                                    );
                                }
                            }
                        }
                        // It asks once more and is gone before it has read: that element may be lost with it.
                        client.send(&words("BLPOP queue 0"));
                        lost += 1;
                    }
                    (told, lost)
                })
            })
            .collect();
        pushers.into_iter().for_each(|pusher| pusher.join().expect("it pushes"));
        let mut all = BTreeSet::new();
        let (mut count, mut lost_max) = (0, 0);
        for consumer in consumers {
            let (told, lost) = consumer.join().expect("it consumes");
            for pusher in 0..3 {
                let own: Vec<u64> = told.iter().copied().filter(|it| it % 3 == pusher).collect();
                assert!(own.is_sorted(), "on {cores} cores: {own:?}");
            }
            count += told.len();
            lost_max += lost;
            all.extend(told);
        }
        assert_eq!(all.len(), count, "on {cores} cores an element was told twice");
        assert!(
            count + lost_max >= usize::try_from(PUSHED).expect("few"),
            "{count} told, {lost_max} may be lost"
        );
        let mut client = node.client();
        wait_for_blocked(&mut client, 0);
        assert_eq!(client.ask("LLEN queue"), "0");
    }
}
