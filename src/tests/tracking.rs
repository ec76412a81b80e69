//! Owns tests of client-side caching: who is told that what it has read has changed.

use std::collections::BTreeMap;

use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::{Client, Dice, pipeline, show};
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup, wait_for};

fn nodes() -> Vec<Node> {
    let two = Setup::two_cores();
    std::iter::once(Setup::new()).chain(two).map(Setup::start).collect()
}

/// Clients of RESP3, as many as it takes to have one on each core.
fn clients(node: &Node) -> [Client; 2] {
    [(); 2].map(|()| {
        let mut client = node.client();
        client.ask("HELLO 3");
        client
    })
}

fn hears(client: &mut Client, keys: &str) {
    let reply = client.reply();
    assert!(matches!(reply, Reply::Push(_)), "{}", show(&reply));
    assert_eq!(show(&reply), format!("[invalidate {keys}]"));
}

#[test]
fn a_change_of_what_was_read_is_told_once() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON", "OK")]);
        // Keys of each core.
        for key in ["a", "b", "c", "d", "e", "f"] {
            bob.expect(&[(&format!("SET {key} 1"), "OK")]);
            ann.expect(&[(&format!("GET {key}"), "1")]);
            bob.expect(&[(&format!("SET {key} 2"), "OK"), (&format!("SET {key} 3"), "OK")]);
            hears(&mut ann, &format!("[{key}]"));
            ann.expect(&[("PING", "PONG"), (&format!("GET {key}"), "3")]);
            // Its own change too, before or behind the answer.
            ann.send(&super::client::words(&format!("DEL {key}")));
            let both = [ann.shown(), ann.shown()];
            assert!(both.contains(&"1".to_owned()), "{both:?}");
            assert!(both.contains(&format!("[invalidate [{key}]]")), "{both:?}");
            ann.expect(&[(&format!("EXISTS {key}"), "0")]);
            bob.expect(&[(&format!("SET {key} 4 PX 30"), "OK")]);
            hears(&mut ann, &format!("[{key}]"));
            ann.ask(&format!("GET {key}"));
            // It expires.
            wait_for("the end", || bob.ask(&format!("EXISTS {key}")) == "0");
            hears(&mut ann, &format!("[{key}]"));
        }
        ann.expect(&[("CLIENT TRACKING OFF", "OK"), ("GET a", "nil")]);
        bob.expect(&[("SET a 1", "OK")]);
        ann.expect(&[("PING", "PONG")]);
    }
}

#[test]
fn what_transactions_and_scripts_change_is_told() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON", "OK")]);
        // All keys on one core, and on several.
        for keys in [["{t}a", "{t}b", "{t}c"], ["a", "b", "c"]] {
            for round in 0..4 {
                for key in keys {
                    ann.ask(&format!("GET {key}"));
                }
                match round % 2 {
                    0 => {
                        bob.expect(&[("MULTI", "OK")]);
                        for key in keys {
                            bob.expect(&[(&format!("INCR {key}"), "QUEUED")]);
                        }
                        assert!(bob.ask("EXEC").starts_with('['));
                    }
                    _ => {
                        let script = b"for _, key in ipairs(KEYS) do redis.call('INCR', key) end";
                        let [one, two, three] = keys.map(str::as_bytes);
                        bob.call(&[b"EVAL", script, b"3", one, two, three]);
                    }
                }
                let mut heard: Vec<String> = keys.iter().map(|_| ann.shown()).collect();
                heard.sort_unstable();
                let told = keys.map(|key| format!("[invalidate [{key}]]"));
                assert_eq!(heard, told, "round {round}");
                ann.expect(&[("PING", "PONG")]);
            }
        }
        // One that changes nothing tells nothing.
        ann.expect(&[("GET {t}none", "nil")]);
        bob.expect(&[("MULTI", "OK"), ("DEL {t}none", "QUEUED"), ("EXEC", "[0]")]);
        ann.expect(&[("PING", "PONG")]);
    }
}

#[test]
fn what_transactions_and_scripts_read_counts() {
    for (is_one_of_several, node) in nodes().into_iter().enumerate().map(|(at, it)| (at > 0, it)) {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON", "OK")]);
        let get = b"return redis.call('GET', ARGV[1])";
        for keys in [["{t}a", "{t}b", "{t}c"], ["a", "b", "c"]] {
            let [one, two, three] = keys;
            let change = |bob: &mut Client| {
                for key in keys {
                    bob.ask(&format!("INCR {key}"));
                }
            };
            change(&mut bob);
            // In a transaction.
            ann.expect(&[("MULTI", "OK")]);
            ann.expect(&[(&format!("GET {one}"), "QUEUED"), (&format!("STRLEN {two}"), "QUEUED")]);
            ann.expect(&[(&format!("SET {three} 1"), "QUEUED")]);
            assert!(ann.ask("EXEC").starts_with('['));
            change(&mut bob);
            let mut heard = [ann.shown(), ann.shown()];
            heard.sort_unstable();
            assert_eq!(heard, [one, two].map(|key| format!("[invalidate [{key}]]")));
            ann.expect(&[("PING", "PONG")]);
            // In a script: what it has declared, when it has read something.
            ann.call(&[b"EVAL", get, b"2", one.as_bytes(), two.as_bytes(), one.as_bytes()]);
            change(&mut bob);
            let mut heard = [ann.shown(), ann.shown()];
            heard.sort_unstable();
            assert_eq!(heard, [one, two].map(|key| format!("[invalidate [{key}]]")));
            ann.expect(&[("PING", "PONG")]);
            // One that reads nothing leaves what was read before.
            ann.ask(&format!("GET {two}"));
            ann.call(&[b"EVAL", b"return 1", b"2", one.as_bytes(), two.as_bytes()]);
            change(&mut bob);
            hears(&mut ann, &format!("[{two}]"));
            ann.expect(&[("PING", "PONG")]);
            // What is not declared: it is told at once, or with the next change.
            ann.call(&[b"EVAL", get, b"0", three.as_bytes()]);
            change(&mut bob);
            hears(&mut ann, &format!("[{three}]"));
            ann.expect(&[("PING", "PONG")]);
        }
        // What a transaction reads behind its own writes is as good as new; what it wrote behind a read is not. Where one core runs it, that is.
        if !is_one_of_several {
            ann.expect(&[("MULTI", "OK"), ("SET {t}n 1", "QUEUED"), ("GET {t}n", "QUEUED")]);
            ann.expect(&[("EXEC", "[OK 1]"), ("PING", "PONG"), ("PING", "PONG")]);
            bob.expect(&[("SET {t}n 2", "OK")]);
            hears(&mut ann, "[{t}n]");
            ann.expect(&[("MULTI", "OK"), ("GET {t}n", "QUEUED"), ("SET {t}n 3", "QUEUED")]);
            ann.expect(&[("EXEC", "[2 OK]")]);
            hears(&mut ann, "[{t}n]");
        }
        // Who does not want to hear of its own changes hears of none, of one core.
        ann.expect(&[("CLIENT TRACKING OFF", "OK"), ("CLIENT TRACKING ON NOLOOP", "OK")]);
        if !is_one_of_several {
            ann.expect(&[("SET a 1", "OK"), ("GET a", "1")]);
            ann.call(&[b"EVAL", b"return redis.call('SET', KEYS[1], '2')", b"1", b"a"]);
            ann.expect(&[
                ("MULTI", "OK"),
                ("SET a 3", "QUEUED"),
                ("EXEC", "[OK]"),
                ("PING", "PONG"),
            ]);
        }
        // CLIENT CACHING is about a whole transaction.
        ann.expect(&[("CLIENT TRACKING OFF", "OK"), ("CLIENT TRACKING ON OPTIN", "OK")]);
        ann.expect(&[("CLIENT CACHING YES", "OK"), ("MULTI", "OK"), ("GET a", "QUEUED")]);
        assert!(ann.ask("EXEC").starts_with('['));
        bob.expect(&[("SET a 1", "OK")]);
        hears(&mut ann, "[a]");
    }
}

/// A node that may remember few keys tells of the others at once.
#[test]
fn more_keys_than_may_be_remembered_count_as_changed() {
    for (cores, node) in nodes().into_iter().enumerate().map(|(at, node)| (at + 1, node)) {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON", "OK")]);
        for number in 0..40 {
            ann.expect(&[(&format!("GET k{number}"), "nil")]);
        }
        bob.expect(&[("CONFIG SET tracking-table-max-keys 1", "OK")]);
        for _ in cores..40 {
            let heard = ann.shown();
            assert!(heard.starts_with("[invalidate [k"), "{heard}");
        }
        ann.expect(&[("PING", "PONG")]);
    }
}

/// The limit is one of all cores: those with few keys leave the rest to others.
#[test]
fn keys_of_one_core_may_take_the_whole_limit() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        bob.expect(&[("CONFIG SET tracking-table-max-keys 20", "OK")]);
        ann.expect(&[("CLIENT TRACKING ON", "OK")]);
        for number in 0..20 {
            ann.expect(&[(&format!("GET {number}{{t}}"), "nil")]);
        }
        ann.expect(&[("PING", "PONG"), ("GET 20{t}", "nil")]);
        hears(&mut ann, "[0{t}]");
        // Keys of other cores take their part from those.
        let mut carl = node.client();
        carl.expect(&[("CLIENT TRACKING ON", "OK")]);
        for number in 0..40 {
            carl.expect(&[(&format!("GET {number}"), "nil")]);
        }
        wait_for("the limit", || {
            let info = carl.ask("INFO stats");
            let keys = info.lines().find_map(|line| line.strip_prefix("tracking_total_keys:"));
            let keys: u64 = keys.and_then(|text| text.trim().parse().ok()).expect("a number");
            (10..=20).contains(&keys)
        });
    }
}

#[test]
fn reads_of_several_keys_count_wherever_they_lie() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        let keys: Vec<String> = (0..8).map(|number| format!("k{number}")).collect();
        ann.expect(&[("CLIENT TRACKING ON", "OK")]);
        for round in 0..20 {
            ann.ask(&format!("MGET {}", keys.join(" ")));
            let pairs: Vec<String> = keys.iter().map(|key| format!("{key} {round}")).collect();
            bob.expect(&[(&format!("MSET {}", pairs.join(" ")), "OK")]);
            let mut heard: Vec<String> = keys.iter().map(|_| ann.shown()).collect();
            heard.sort_unstable();
            let expected: Vec<String> =
                keys.iter().map(|key| format!("[invalidate [{key}]]")).collect();
            assert_eq!(heard, expected, "round {round}");
        }
        // An answer that is worked in slices.
        let long = vec![b'v'; 300_000];
        keys.iter().for_each(|key| bob.set(key, &long));
        ann.ask(&format!("MGET {}", keys.join(" ")));
        bob.expect(&[("DEL k3", "1")]);
        hears(&mut ann, "[k3]");
        bob.expect(&[("FLUSHALL", "OK")]);
        hears(&mut ann, "nil");
    }
}

#[test]
fn errors_and_facts_are_those_of_redis() {
    let node = Setup::new().start();
    let switch =
        "before disabling tracking for this client, and then re-enabling it with a different mode.";
    let not_chosen = "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled";
    let mut client = node.client();
    client.expect(&[
        ("CLIENT TRACKING", "-ERR wrong number of arguments for 'client|tracking' command"),
        ("CLIENT TRACKING foo", "-ERR syntax error"),
        ("CLIENT TRACKING ON REDIRECT", "-ERR syntax error"),
        ("CLIENT TRACKING ON REDIRECT 0", "-ERR The client ID you want redirect to does not exist"),
        ("CLIENT TRACKING ON REDIRECT 999", "-ERR The client ID you want redirect to does not exist"),
        ("CLIENT TRACKING ON REDIRECT x", "-ERR value is not an integer or out of range"),
        (
            "CLIENT TRACKING ON REDIRECT 1 REDIRECT 1",
            "-ERR A client can only redirect to a single other client",
        ),
        ("CLIENT TRACKING ON PREFIX a", "-ERR PREFIX option requires BCAST mode to be enabled"),
        ("CLIENT TRACKING ON BCAST OPTIN", "-ERR OPTIN and OPTOUT are not compatible with BCAST"),
        (
            "CLIENT TRACKING ON OPTIN OPTOUT",
            "-ERR You can't specify both OPTIN mode and OPTOUT mode",
        ),
        (
            "CLIENT TRACKING ON BCAST PREFIX foo PREFIX foob",
            "-ERR Prefix 'foo' overlaps with another provided prefix 'foob'. Prefixes for a single client must not overlap.",
        ),
        ("CLIENT CACHING YES", not_chosen),
        ("CLIENT TRACKINGINFO", "[flags [off] redirect -1 prefixes []]"),
        ("CLIENT GETREDIR", "-1"),
        ("CLIENT TRACKING ON OPTIN", "OK"),
        (
            "CLIENT TRACKING ON OPTOUT",
            &format!("-ERR You can't switch OPTIN/OPTOUT mode {switch}"),
        ),
        ("CLIENT TRACKING ON BCAST", &format!("-ERR You can't switch BCAST mode on/off {switch}")),
        (
            "CLIENT CACHING NO",
            "-ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
        ),
        ("CLIENT CACHING YES", "OK"),
        ("CLIENT TRACKINGINFO", "[flags [on optin caching-yes] redirect 0 prefixes []]"),
        ("CLIENT TRACKING OFF", "OK"),
        ("CLIENT TRACKING ON BCAST PREFIX foo", "OK"),
        (
            "CLIENT TRACKING ON BCAST PREFIX foob",
            "-ERR Prefix 'foob' overlaps with an existing prefix 'foo'. Prefixes for a single client must not overlap.",
        ),
        ("CLIENT TRACKING ON BCAST PREFIX bar NOLOOP", "OK"),
        ("CLIENT TRACKINGINFO", "[flags [on bcast noloop] redirect 0 prefixes [foo bar]]"),
        ("CLIENT GETREDIR", "0"),
        ("RESET", "RESET"),
        ("CLIENT GETREDIR", "-1"),
    ]);
}

#[test]
fn reads_are_chosen_one_by_one() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[
            ("CLIENT TRACKING ON OPTIN", "OK"),
            ("GET a", "nil"),
            ("CLIENT CACHING YES", "OK"),
            ("GET b", "nil"),
            ("GET c", "nil"),
        ]);
        bob.expect(&[("MSET a 1 c 1", "OK"), ("SET b 1", "OK")]);
        hears(&mut ann, "[b]");
        ann.expect(&[
            ("CLIENT TRACKING OFF", "OK"),
            ("CLIENT TRACKING ON OPTOUT NOLOOP", "OK"),
            ("CLIENT CACHING NO", "OK"),
            ("GET a", "1"),
            ("GET b", "1"),
            ("GET c", "1"),
            // Its own change is not told, and it has no copy after that.
            ("SET c 2", "OK"),
        ]);
        bob.expect(&[("SET a 2", "OK"), ("SET c 3", "OK"), ("SET b 2", "OK")]);
        hears(&mut ann, "[b]");
        ann.expect(&[("PING", "PONG")]);
    }
}

/// CLIENT CACHING inside a transaction is about the reads behind it, and about none behind EXEC.
#[test]
fn reads_are_chosen_inside_a_transaction() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        for (mode, word, counted) in
            [("OPTIN", "YES", &["{t}b"][..]), ("OPTOUT", "NO", &["{t}a", "{t}c"])]
        {
            ann.expect(&[
                (&format!("CLIENT TRACKING ON {mode}"), "OK"),
                ("MULTI", "OK"),
                ("EXISTS {t}a", "QUEUED"),
                (&format!("CLIENT CACHING {word}"), "QUEUED"),
                ("EXISTS {t}b", "QUEUED"),
            ]);
            assert!(ann.ask("EXEC").starts_with('['));
            ann.ask("EXISTS {t}c");
            bob.expect(&[("SET {t}a 1", "OK"), ("SET {t}b 1", "OK"), ("SET {t}c 1", "OK")]);
            for key in counted {
                hears(&mut ann, &format!("[{key}]"));
            }
            ann.expect(&[("PING", "PONG"), ("CLIENT TRACKING OFF", "OK")]);
        }
        // What it reads behind a CLIENT TRACKING of its own it may not keep.
        ann.expect(&[("MULTI", "OK"), ("CLIENT TRACKING ON", "QUEUED"), ("GET {t}a", "QUEUED")]);
        ann.expect(&[("EXEC", "[OK 1]")]);
        hears(&mut ann, "nil");
    }
}

/// The first read of a node that nobody reads yet, and a write behind it in the same transaction or script: told, or the copy would be old for ever.
#[test]
fn what_a_client_writes_behind_its_first_read_is_told() {
    let script = b"local a = redis.call('GET', KEYS[1]) redis.call('SET', KEYS[1], '2') return a";
    for is_script in [false, true] {
        for node in nodes() {
            let [mut ann, _] = clients(&node);
            ann.expect(&[("CLIENT TRACKING ON", "OK")]);
            if is_script {
                assert_eq!(show(&ann.call(&[b"EVAL", script, b"1", b"w"])), "nil");
            } else {
                ann.expect(&[("MULTI", "OK"), ("GET w", "QUEUED"), ("SET w 2", "QUEUED")]);
                ann.expect(&[("EXEC", "[nil OK]")]);
            }
            hears(&mut ann, "[w]");
            ann.expect(&[("PING", "PONG")]);
        }
    }
}

#[test]
fn prefixes_are_told_once_of_the_keys_that_have_changed() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON BCAST", "OK")]);
        bob.expect(&[("MULTI", "OK"), ("SADD {t}b 1", "QUEUED"), ("SADD {t}a 1", "QUEUED")]);
        bob.expect(&[("SADD {t}a 2", "QUEUED"), ("SADD {t}a 2", "QUEUED"), ("EXEC", "[1 1 1 0]")]);
        hears(&mut ann, "[{t}a {t}b]");
        // One that changes nothing beside one that does, and one that reads to write another.
        bob.expect(&[("MULTI", "OK"), ("SETNX {t}a 1", "QUEUED"), ("SET {t}c 1", "QUEUED")]);
        bob.expect(&[("EXEC", "[0 OK]")]);
        hears(&mut ann, "[{t}c]");
        bob.expect(&[("SUNIONSTORE {t}d {t}a {t}b", "2")]);
        hears(&mut ann, "[{t}d]");
        ann.expect(&[("PING", "PONG")]);
    }
}

/// Who was in RESP2 when its redirection broke hears of it later.
#[test]
fn each_change_tells_that_a_redirection_is_broken() {
    for node in nodes() {
        let mut ears = node.client();
        let number = ears.ask("CLIENT ID");
        let [mut ann, mut bob] = clients(&node);
        ann.ask("HELLO 2");
        ann.expect(&[(&format!("CLIENT TRACKING ON REDIRECT {number}"), "OK")]);
        drop(ears);
        wait_for("the end of a client", || {
            ann.ask("GET a");
            bob.ask("SET a 1");
            ann.ask("CLIENT TRACKINGINFO").contains("broken_redirect")
        });
        ann.ask("HELLO 3");
        let told = format!("[tracking-redir-broken {number}]");
        // Of what was set last above, ann's core may hear only now.
        let ask = |ann: &mut Client, line: &str| {
            let mut answer = ann.ask(line);
            while answer == told {
                answer = ann.shown();
            }
            answer
        };
        for (key, held) in [("a", "1"), ("b", "nil"), ("a", "2")] {
            assert_eq!(ask(&mut ann, &format!("GET {key}")), held);
            bob.expect(&[(&format!("SET {key} 2"), "OK")]);
            assert_eq!(ann.shown(), told);
        }
        assert_eq!(ask(&mut ann, "PING"), "PONG");
    }
}

#[test]
fn prefixes_are_told_of_every_change() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON BCAST PREFIX user: PREFIX item: NOLOOP", "OK")]);
        for number in 0..10 {
            bob.expect(&[(&format!("SET user:{number} x"), "OK"), ("SET other x", "OK")]);
            hears(&mut ann, &format!("[user:{number}]"));
            ann.expect(&[(&format!("SET item:{number} x"), "OK")]);
            bob.expect(&[(&format!("INCR item:n{number}"), "1")]);
            hears(&mut ann, &format!("[item:n{number}]"));
        }
        let info = bob.ask("INFO");
        for line in ["tracking_clients:1", "tracking_total_prefixes:2", "tracking_total_keys:0"] {
            assert!(info.lines().any(|found| found == line), "{line} in {info}");
        }
        ann.expect(&[("CLIENT TRACKING OFF", "OK")]);
        bob.expect(&[("SET user:1 y", "OK")]);
        ann.expect(&[("PING", "PONG")]);
    }
}

#[test]
fn another_client_hears_in_the_place_of_one() {
    for node in nodes() {
        let mut ears = node.client();
        let number = ears.ask("CLIENT ID");
        ears.expect(&[("SUBSCRIBE __redis__:invalidate", "[subscribe __redis__:invalidate 1]")]);
        let mut readers = [node.client(), node.client()];
        for (at, reader) in readers.iter_mut().enumerate() {
            reader.expect(&[
                (&format!("CLIENT TRACKING ON REDIRECT {number}"), "OK"),
                ("CLIENT GETREDIR", &number),
                (&format!("GET {at}"), "nil"),
                (&format!("SET {at} x"), "OK"),
            ]);
            assert_eq!(ears.shown(), format!("[message __redis__:invalidate [{at}]]"));
            reader.expect(&[(&format!("GET {at}"), "x")]);
        }
        drop(ears);
        for (at, reader) in readers.iter_mut().enumerate() {
            reader.ask("HELLO 3");
            wait_for("the word that it has gone", || {
                reader.send(&pipeline([format!("GET {at}"), format!("SET {at} y")]));
                told(reader).iter().any(|it| it.contains("tracking-redir-broken"))
            });
        }
    }
}

#[test]
fn a_copy_is_never_old_for_long_whatever_is_written_meanwhile() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON", "OK")]);
        let (mut random, mut copies) = (Dice(11), BTreeMap::new());
        for _ in 0..300 {
            // Reads and writes race: pipelines of both are under way at once.
            let keys: Vec<u64> = (0..20).map(|_| random.below(12)).collect();
            ann.send(&pipeline(keys.iter().map(|key| format!("GET k{key}"))));
            let lines = (0..20).map(|_| match random.below(4) {
                0 => format!("DEL k{}", random.below(12)),
                1 => format!(
                    "MSET k{} {} k{} {}",
                    random.below(12),
                    random.below(99),
                    random.below(12),
                    random.below(99)
                ),
                _ => format!("SET k{} {}", random.below(12), random.below(1_000_000)),
            });
            bob.send(&pipeline(lines));
            let mut asked = keys.iter();
            let mut take = |reply: Reply, copies: &mut BTreeMap<String, String>| match reply {
                Reply::Push(_) => {
                    let shown = show(&reply);
                    let key = shown.trim_start_matches("[invalidate [").trim_end_matches(']');
                    copies.remove(key);
                    false
                }
                other => {
                    let key = asked.next().expect("an answer for each");
                    copies.insert(format!("k{key}"), show(&other));
                    true
                }
            };
            let mut answers = 0;
            while answers < keys.len() {
                answers += usize::from(take(ann.reply(), &mut copies));
            }
            (0..20).for_each(|_| drop(bob.reply()));
            // What was written before this point is told before its answer, or with the next turns.
            let mut values = BTreeMap::new();
            for key in 0..12 {
                values.insert(format!("k{key}"), bob.ask(&format!("GET k{key}")));
            }
            wait_for("the copies that are right", || {
                ann.send(&super::client::words("PING"));
                loop {
                    let reply = ann.reply();
                    if show(&reply) == "PONG" {
                        break;
                    }
                    take(reply, &mut copies);
                }
                copies.iter().all(|(key, value)| values[key] == *value)
            });
        }
    }
}

#[test]
fn a_script_s_keys_count_and_those_that_a_transaction_reads() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON", "OK")]);
        let script = b"return redis.call('GET', KEYS[1])";
        for key in ["a", "b", "c", "d"] {
            bob.expect(&[(&format!("SET {key} 1"), "OK")]);
            assert_eq!(show(&ann.call(&[b"EVAL", script, b"1", key.as_bytes()])), "1");
            bob.expect(&[(&format!("SET {key} 2"), "OK")]);
            hears(&mut ann, &format!("[{key}]"));
            ann.expect(&[("MULTI", "OK"), (&format!("GET {key}"), "QUEUED"), ("EXEC", "[2]")]);
            bob.expect(&[(&format!("SET {key} 3"), "OK")]);
            hears(&mut ann, &format!("[{key}]"));
            ann.expect(&[("PING", "PONG")]);
        }
    }
}

/// Redis tells a client that wants none of its own changes neither of those of its transactions.
#[test]
fn noloop_hears_not_of_its_own_exec() {
    for node in nodes() {
        let [mut ann, mut bob] = clients(&node);
        ann.expect(&[("CLIENT TRACKING ON NOLOOP", "OK")]);
        for key in ["a", "b", "c", "d"] {
            ann.expect(&[
                (&format!("GET {key}"), "nil"),
                ("MULTI", "OK"),
                (&format!("SET {key} 1"), "QUEUED"),
                ("EXEC", "[OK]"),
                ("PING", "PONG"),
                (&format!("GET {key}"), "1"),
            ]);
            bob.expect(&[("MULTI", "OK"), (&format!("SET {key} 2"), "QUEUED"), ("EXEC", "[OK]")]);
            hears(&mut ann, &format!("[{key}]"));
        }
    }
}

// ---- clusters

/// What a client was told since it last asked: keys, or `nil` for all of them.
fn told(client: &mut Client) -> Vec<String> {
    client.send(&super::client::words("PING"));
    let told = std::iter::from_fn(|| Some(client.shown()).filter(|it| it != "PONG"));
    told.map(|it| it.trim_start_matches("[invalidate ").trim_end_matches(']').to_owned()).collect()
}

/// A client's answer; what it is told before is passed over.
fn asks(client: &mut Client, line: &str) -> String {
    client.send(&super::client::words(line));
    let mut shown = std::iter::repeat_with(|| client.shown());
    shown.find(|it| !it.starts_with("[invalidate")).expect("it goes on")
}

/// Waits until a client was told that a key has changed, or all of them.
fn hears_in_time(client: &mut Client, key: &str) {
    wait_for("to hear of the change", || {
        told(client).iter().any(|it| it == "nil" || *it == format!("[{key}"))
    });
}

fn reader(cluster: &Cluster, node: u32) -> Client {
    let mut client = cluster.client(node);
    client.ask("HELLO 3");
    client.expect(&[("CLIENT TRACKING ON", "OK")]);
    client
}

/// Where clients know the cluster, they read at the leaders, or at replicas if they say so; whoever changes the key, at whichever node.
#[test]
fn a_cluster_s_node_tells_what_was_read_there() {
    let cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    for node in cluster.numbers() {
        let mut ann = reader(&cluster, node);
        let mut seen = 0;
        for number in 0..40 {
            let key = format!("key:{node}:{number}");
            assert_eq!(routed.ask(&format!("SET {key} 1")), "OK");
            let answer = asks(&mut ann, &format!("GET {key}"));
            if answer.starts_with("-MOVED") {
                continue;
            }
            seen += 1;
            assert_eq!(answer, "1");
            assert_eq!(routed.ask(&format!("SET {key} 2")), "OK");
            hears_in_time(&mut ann, &key);
        }
        assert!(seen > 0, "node {node} leads nothing");
        // A replica tells what it has applied.
        assert_eq!(asks(&mut ann, "READONLY"), "OK");
        for number in 0..40 {
            let key = format!("key:{node}:{number}");
            asks(&mut ann, &format!("GET {key}"));
            assert_eq!(routed.ask(&format!("DEL {key}")), "1");
            hears_in_time(&mut ann, &key);
            wait_for("the deletion", || asks(&mut ann, &format!("EXISTS {key}")) == "0");
        }
        // So it does where an entry changes a part of a large value.
        let large = format!("large:{node}");
        let fields: String = (0..400).map(|field| format!(" f{field} {field:050}")).collect();
        assert_eq!(routed.ask(&format!("HSET {large}{fields}")), "400");
        wait_for("the hash", || asks(&mut ann, &format!("HLEN {large}")) == "400");
        assert_eq!(routed.ask(&format!("HSET {large} f7 new")), "0");
        hears_in_time(&mut ann, &large);
    }
}

/// Where clients do not know the cluster, a node reads for them at the others, which tell it of nothing: its own replica does, and where it has
/// none, no copy is kept.
#[test]
fn a_client_that_knows_one_node_hears_of_all_changes() {
    for (mode, copies) in [("duplication", 3), ("sharding+duplication", 2)] {
        let cluster = Cluster::plan(3)
            .at("/mode", json!(mode))
            .at("/replication", json!(copies))
            .at("/settings/resp", json!({ "cluster": "transparent" }))
            .start();
        for node in cluster.numbers() {
            let mut ann = reader(&cluster, node);
            let mut bob = cluster.client(node % 3 + 1);
            for number in 0..30 {
                let key = format!("key:{node}:{number}");
                bob.expect(&[(&format!("SET {key} 1"), "OK")]);
                assert_eq!(asks(&mut ann, &format!("GET {key}")), "1");
                bob.expect(&[(&format!("SET {key} 2"), "OK")]);
                hears_in_time(&mut ann, &key);
                // Several keys at once, wherever they are led.
                assert_eq!(asks(&mut ann, &format!("MGET {key} other:{key}")), "[2 nil]");
                bob.expect(&[(&format!("SET other:{key} 1"), "OK")]);
                hears_in_time(&mut ann, &format!("other:{key}"));
                let script = "return(redis.call('GET',KEYS[1]))";
                assert_eq!(asks(&mut ann, &format!("EVAL {script} 1 {key}")), "2");
                bob.expect(&[("MULTI", "OK"), (&format!("DEL {key}"), "QUEUED")]);
                assert_eq!(bob.ask("EXEC"), "[1]");
                hears_in_time(&mut ann, &key);
            }
        }
        let mut ann = cluster.client(1);
        let answer = ann.ask("CLIENT TRACKING ON BCAST");
        if copies == 3 {
            assert_eq!(answer, "OK");
        } else {
            assert!(answer.starts_with("-ERR CLIENT TRACKING with BCAST"), "{answer}");
        }
    }
}

/// Who leads has changed: what was read before may have changed unheard.
#[test]
fn another_leader_makes_all_copies_void() {
    let mut cluster =
        Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" })).start();
    let mut ann = reader(&cluster, 1);
    for number in 0..30 {
        assert_eq!(asks(&mut ann, &format!("GET key:{number}")), "nil");
    }
    told(&mut ann);
    cluster.kill(3);
    wait_for("to hear that all may have changed", || told(&mut ann).iter().any(|it| it == "nil"));
    let mut bob = cluster.client(2);
    for number in 0..30 {
        let key = format!("key:{number}");
        wait_for("a leader", || asks(&mut ann, &format!("GET {key}")) == "nil");
        wait_for("the write", || bob.ask(&format!("SET {key} 1")) == "OK");
        hears_in_time(&mut ann, &key);
    }
}
