//! Owns tests of channels: who hears what, in which order, on one core, on two, and on three nodes.

use std::thread;

use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::{Client, pipeline, show, words};
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup, wait_for};
use super::http_call::{change, get};

/// Nodes with one core and with two, where the machine has them.
fn nodes() -> Vec<Node> {
    let two = Setup::two_cores();
    std::iter::once(Setup::new()).chain(two).map(Setup::start).collect()
}

/// As many clients as it takes to have one on each core: they go to the cores in turn.
fn clients(node: &Node) -> [Client; 2] {
    [node.client(), node.client()]
}

#[test]
fn what_is_published_is_heard_by_all_who_listen_and_counted() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[
            ("SUBSCRIBE news", "[subscribe news 1]"),
            ("PSUBSCRIBE n*", "[psubscribe n* 2]"),
            ("SSUBSCRIBE news", "[ssubscribe news 1]"),
            ("SUBSCRIBE news", "[subscribe news 2]"),
        ]);
        let [mut eve, mut dan] = clients(&node);
        bob.expect(&[("SUBSCRIBE news", "[subscribe news 1]")]);
        for publisher in [&mut eve, &mut dan] {
            publisher.expect(&[
                ("PUBLISH news one", "3"),
                ("PUBLISH nobody two", "1"),
                ("PUBLISH other two", "0"),
                ("SPUBLISH news three", "1"),
                ("PUBSUB NUMSUB news none", "[news 2 none 0]"),
                ("PUBSUB SHARDNUMSUB news", "[news 1]"),
                ("PUBSUB CHANNELS", "[news]"),
                ("PUBSUB CHANNELS o*", "[]"),
                ("PUBSUB SHARDCHANNELS *", "[news]"),
                ("PUBSUB NUMPAT", "1"),
            ]);
            assert_eq!(ann.shown(), "[message news one]");
            assert_eq!(ann.shown(), "[pmessage n* news one]");
            assert_eq!(ann.shown(), "[pmessage n* nobody two]");
            assert_eq!(ann.shown(), "[smessage news three]");
            assert_eq!(bob.shown(), "[message news one]");
        }
        ann.expect(&[
            ("UNSUBSCRIBE", "[unsubscribe news 1]"),
            ("UNSUBSCRIBE", "[unsubscribe nil 1]"),
            ("PUNSUBSCRIBE x", "[punsubscribe x 1]"),
            ("PUNSUBSCRIBE n*", "[punsubscribe n* 0]"),
            ("SUNSUBSCRIBE news", "[sunsubscribe news 0]"),
            ("GET k", "nil"),
        ]);
        drop(bob);
        wait_for("the end of a listener", || eve.ask("PUBLISH news x") == "0");
        eve.expect(&[("PUBSUB CHANNELS", "[]"), ("PUBSUB NUMPAT", "0")]);
    }
}

#[test]
fn errors_are_those_of_redis() {
    let node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[
        ("SUBSCRIBE", "-ERR wrong number of arguments for 'subscribe' command"),
        ("PUBLISH a", "-ERR wrong number of arguments for 'publish' command"),
        ("PUBSUB", "-ERR wrong number of arguments for 'pubsub' command"),
        ("PUBSUB FOO", "-ERR unknown subcommand 'FOO'. Try PUBSUB HELP."),
        (
            "PUBSUB CHANNELS a b",
            "-ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB HELP.",
        ),
        ("UNSUBSCRIBE", "[unsubscribe nil 0]"),
        ("PUNSUBSCRIBE a", "[punsubscribe a 0]"),
        ("SUBSCRIBE a", "[subscribe a 1]"),
        (
            "GET k",
            "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        ),
        (
            "CONFIG GET x",
            "-ERR Can't execute 'config|get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        ),
        ("FOO", "-ERR unknown command 'FOO', with args beginning with: "),
        ("PING", "[pong ]"),
        ("PING hi", "[pong hi]"),
        ("PING hi ho", "-ERR wrong number of arguments for 'ping' command"),
        ("RESET", "RESET"),
        ("PING", "PONG"),
        ("PUBSUB CHANNELS", "[]"),
        ("MULTI", "OK"),
        ("SSUBSCRIBE a", "QUEUED"),
        ("EXEC", "[-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client]"),
        ("PUBSUB SHARDCHANNELS", "[]"),
    ]);
}

#[test]
fn resp3_has_pushes_and_any_command_between_them() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.ask("HELLO 3");
        ann.send(&words("SUBSCRIBE a b"));
        for (name, count) in [("a", 1), ("b", 2)] {
            let Reply::Push(parts) = ann.reply() else { panic!("no push") };
            let shown: Vec<String> = parts.iter().map(show).collect();
            assert_eq!(shown, ["subscribe", name, &count.to_string()]);
        }
        ann.expect(&[("SET k v", "OK"), ("PING", "PONG")]);
        // Who publishes hears it before the answer.
        ann.send(&words("PUBLISH a own"));
        assert!(matches!(ann.reply(), Reply::Push(_)));
        assert_eq!(ann.shown(), "1");
        bob.expect(&[("PUBLISH b hi", "1")]);
        let Reply::Push(parts) = ann.reply() else { panic!("no push") };
        assert_eq!(parts.iter().map(show).collect::<Vec<_>>(), ["message", "b", "hi"]);
        // A message comes between answers, never into one, and who wants no answers hears it all the same.
        ann.send(&pipeline(["CLIENT REPLY OFF", "UNSUBSCRIBE b"]));
        assert_eq!(ann.shown(), "[unsubscribe b 1]");
        bob.expect(&[("PUBLISH a there", "1")]);
        assert_eq!(ann.shown(), "[message a there]");
        ann.expect(&[("CLIENT REPLY ON", "OK")]);
        // What is in subscribed mode in one protocol is not in the other.
        ann.ask("HELLO 2");
        assert!(ann.ask("GET k").starts_with("-ERR Can't execute 'get'"));
    }
}

#[test]
fn messages_of_one_publisher_arrive_in_order_whoever_else_publishes() {
    const MESSAGES: usize = 3_000;
    for node in nodes() {
        let mut listeners: Vec<Client> = (0..4).map(|_| node.client()).collect();
        for (number, listener) in listeners.iter_mut().enumerate() {
            listener.expect(&[("SUBSCRIBE one", "[subscribe one 1]")]);
            if number % 2 == 0 {
                listener.expect(&[("PSUBSCRIBE t*", "[psubscribe t* 2]")]);
            } else {
                listener.expect(&[("SUBSCRIBE two", "[subscribe two 2]")]);
            }
        }
        let mut publishers: Vec<Client> = (0..4).map(|_| node.client()).collect();
        thread::scope(|scope| {
            for (number, publisher) in publishers.iter_mut().enumerate() {
                scope.spawn(move || {
                    let channel = |at: usize| if at.is_multiple_of(3) { "one" } else { "two" };
                    let lines =
                        (0..MESSAGES).map(|at| format!("PUBLISH {} {number}:{at}", channel(at)));
                    publisher.send(&pipeline(lines));
                    (0..MESSAGES).for_each(|_| assert_eq!(publisher.shown(), "4"));
                });
            }
            for listener in &mut listeners {
                scope.spawn(|| {
                    let mut next = [[0, 1]; 4];
                    for _ in 0..4 * MESSAGES {
                        let shown = listener.shown();
                        let text = shown.trim_end_matches(']').rsplit(' ').next().expect("a text");
                        let (number, at) = text.split_once(':').expect("two numbers");
                        let (number, at): (usize, usize) =
                            (number.parse().expect("a number"), at.parse().expect("a number"));
                        let is_one = at.is_multiple_of(3);
                        let expected = &mut next[number][usize::from(!is_one)];
                        assert_eq!(at, *expected, "publisher {number}: {shown}");
                        let skips = is_one || at % 3 == 2;
                        *expected += if is_one {
                            3
                        } else if skips {
                            2
                        } else {
                            1
                        };
                    }
                });
            }
        });
    }
}

#[test]
fn who_was_told_that_it_listens_misses_nothing() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        for round in 0..500 {
            let channel = format!("c{round}");
            assert_eq!(
                ann.ask(&format!("SUBSCRIBE {channel}")),
                format!("[subscribe {channel} 1]")
            );
            assert_eq!(bob.ask(&format!("PUBLISH {channel} x")), "1", "round {round}");
            assert_eq!(ann.shown(), format!("[message {channel} x]"));
            assert_eq!(ann.ask("UNSUBSCRIBE"), format!("[unsubscribe {channel} 0]"));
            assert_eq!(bob.ask(&format!("PUBLISH {channel} x")), "0", "round {round}");
        }
    }
}

#[test]
fn a_message_waits_for_the_answers_before_it() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.ask("HELLO 3");
        ann.expect(&[("SUBSCRIBE a", "[subscribe a 1]")]);
        let value = "v".repeat(3 << 20);
        bob.set("long", value.as_bytes());
        ann.send(&pipeline((0..10).map(|_| "GET long")));
        ann.wait_for_bytes();
        bob.expect(&[("PUBLISH a x", "1")]);
        let (mut values, mut messages) = (0, 0);
        while values < 10 || messages < 1 {
            match ann.reply() {
                Reply::Bulk(bytes) => {
                    assert!(bytes == value.as_bytes());
                    values += 1;
                }
                Reply::Push(_) => messages += 1,
                other => panic!("{}", show(&other)),
            }
        }
        ann.expect(&[("PING", "PONG")]);
    }
}

#[test]
fn a_listener_that_does_not_read_is_closed_and_nobody_else_waits() {
    for node in nodes() {
        let mut sloth = node.client();
        sloth.expect(&[("SUBSCRIBE a", "[subscribe a 1]")]);
        let mut reader = node.client();
        reader.expect(&[("SUBSCRIBE a", "[subscribe a 1]")]);
        let answer = change(
            node.http(),
            &[("/settings/limits/pubsub_output", json!({"hard_bytes": "2MiB", "soft_bytes": 0}))],
        );
        assert_eq!(answer.status, 200, "{answer:?}");
        let mut publisher = node.client();
        let shown = publisher.ask("CONFIG GET client-output-buffer-limit");
        assert!(shown.ends_with("pubsub 2097152 0 60]"), "{shown}");
        let message = "m".repeat(64 << 10);
        let (before, mut counts) = (node.memory("VmRSS"), Vec::new());
        // The kernel's buffers of a socket take some mebibytes too.
        for _ in 0..1_000 {
            counts.push(publisher.ask(&format!("PUBLISH a {message}")));
            assert_eq!(reader.reply(), Reply::Array(["message", "a", &message].map(bulk).to_vec()));
        }
        assert_eq!((counts[0].as_str(), counts[999].as_str()), ("2", "1"));
        let grown = node.memory("VmRSS").saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes more after 62 MiB of messages");
        assert!(sloth.is_closed_by_node());
        let metrics = get(node.http(), "/metrics").body;
        let closed = |line: &&str| line.starts_with("hyperion_listeners_closed_total{");
        let total: u32 = metrics
            .lines()
            .filter(closed)
            .map(|line| line.rsplit(' ').next().expect("a value").parse::<u32>().expect("a count"))
            .sum();
        assert_eq!(total, 1, "{metrics}");
        assert!(
            publisher.ask("INFO stats").contains("client_output_buffer_limit_disconnections:1")
        );
    }
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

#[test]
fn a_listener_that_is_above_the_soft_limit_for_long_is_closed() {
    let node = Setup::new().start();
    let [mut sloth, mut publisher] = clients(&node);
    publisher.send(&super::client::command(&[
        b"CONFIG",
        b"SET",
        b"client-output-buffer-limit",
        b"pubsub 100mb 1mb 0",
    ]));
    assert_eq!(publisher.shown(), "OK");
    sloth.expect(&[("SUBSCRIBE a", "[subscribe a 1]")]);
    let message = "m".repeat(1 << 20);
    wait_for("the end of the listener", || publisher.ask(&format!("PUBLISH a {message}")) == "0");
    assert!(sloth.is_closed_by_node());
}

#[test]
fn figures_tell_who_listens() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("SUBSCRIBE a", "[subscribe a 1]"), ("PSUBSCRIBE b*", "[psubscribe b* 2]")]);
        bob.expect(&[("PUBLISH a x", "1")]);
        assert_eq!(ann.shown(), "[message a x]");
        let info = bob.ask("INFO");
        for line in [
            "pubsub_channels:1",
            "pubsub_patterns:1",
            "pubsubshard_channels:0",
            "pubsub_clients:1",
            "hyperion_messages_published:1",
            "hyperion_messages_delivered:1",
            "hyperion_messages_dropped:0",
        ] {
            assert!(info.lines().any(|found| found == line), "{line} in {info}");
        }
        let line = bob.ask("CLIENT LIST TYPE pubsub");
        assert!(line.contains(" flags=P ") && line.contains(" sub=1 psub=1 ssub=0 "), "{line}");
    }
}

#[test]
fn messages_reach_the_listeners_of_other_nodes_in_order() {
    for routing in ["redirect", "transparent"] {
        let plan = Cluster::plan(3).at("/settings/resp", json!({ "cluster": routing }));
        let cluster = plan.start();
        let mut listeners: Vec<Client> =
            cluster.numbers().map(|node| cluster.client(node)).collect();
        for listener in &mut listeners {
            listener.expect(&[
                ("SUBSCRIBE a", "[subscribe a 1]"),
                ("SSUBSCRIBE a", "[ssubscribe a 1]"),
            ]);
        }
        let mut publisher = cluster.client(1);
        // What a link that is not up yet does not carry is lost: there is nobody who would hold it.
        for listener in &mut listeners[1..] {
            listener.wait_at_most(std::time::Duration::from_millis(200));
        }
        for (number, listener) in listeners.iter_mut().enumerate() {
            wait_for("the first message", || {
                publisher.ask("PUBLISH a first");
                listener.try_reply().is_ok() || number == 0
            });
        }
        for listener in &mut listeners {
            listener.wait_at_most(super::harness::PATIENCE);
        }
        publisher.send(&pipeline((0..1_000).map(|at| format!("PUBLISH a {at}"))));
        (0..1_000).for_each(|_| assert_eq!(publisher.shown(), "1", "of this node"));
        publisher.expect(&[("SPUBLISH a end", "1")]);
        for listener in &mut listeners {
            let mut next = 0;
            loop {
                match listener.shown().as_str() {
                    "[message a first]" => assert_eq!(next, 0),
                    "[smessage a end]" => break,
                    other => {
                        assert_eq!(other, format!("[message a {next}]"));
                        next += 1;
                    }
                }
            }
            assert_eq!(next, 1_000);
        }
    }
}
