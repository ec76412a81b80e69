//! Owns tests of keyspace events as clients hear them.

use std::collections::BTreeSet;

use hyperion_model::slot_of;
use serde_json::json;

use super::client::{Client, command, pipeline};
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup, wait_for};
use super::http_call::change;

fn nodes() -> Vec<Node> {
    let two = Setup::two_cores();
    std::iter::once(Setup::new()).chain(two).map(Setup::start).collect()
}

fn hears(client: &mut Client, channel: &str, text: &str) {
    assert_eq!(client.shown(), format!("[pmessage __key*__:* {channel} {text}]"));
}

#[test]
fn events_come_on_the_channels_that_were_chosen_from_the_moment_they_were() {
    for node in nodes() {
        let mut client = node.client();
        let mut listener = node.client();
        client.expect(&[("CONFIG GET notify-keyspace-events", "[notify-keyspace-events ]")]);
        listener.expect(&[("PSUBSCRIBE __key*__:*", "[psubscribe __key*__:* 1]")]);
        client.expect(&[
            ("SET unheard 1", "OK"),
            (
                "CONFIG SET notify-keyspace-events q",
                "-ERR CONFIG SET failed (possibly related to argument 'notify-keyspace-events') - Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
            ),
            ("CONFIG SET notify-keyspace-events KEA", "OK"),
            ("CONFIG GET notify-keyspace-events", "[notify-keyspace-events AKE]"),
        ]);
        for key in ["a", "b", "c", "d"] {
            client.expect(&[(&format!("SET {key} 1"), "OK")]);
            hears(&mut listener, &format!("__keyspace@0__:{key}"), "set");
            hears(&mut listener, "__keyevent@0__:set", key);
            client.expect(&[
                ("SELECT 5", "OK"),
                (&format!("APPEND {key} 1"), "1"),
                ("SELECT 0", "OK"),
            ]);
            hears(&mut listener, &format!("__keyspace@5__:{key}"), "append");
            hears(&mut listener, "__keyevent@5__:append", key);
        }
        let answer = change(node.http(), &[("/settings/notify_keyspace_events", json!("Ex"))]);
        assert_eq!(answer.status, 200, "{answer:?}");
        client.expect(&[("SET a 1 PX 20", "OK")]);
        hears(&mut listener, "__keyevent@0__:expired", "a");
        let answer = change(node.http(), &[("/settings/notify_keyspace_events", json!("?"))]);
        assert_eq!(
            (answer.status, answer.pointer().as_str()),
            (422, "/settings/notify_keyspace_events")
        );
        client.expect(&[
            ("CONFIG SET notify-keyspace-events KEAm", "OK"),
            ("GET none", "nil"),
            ("CONFIG SET notify-keyspace-events KEAn", "OK"),
            ("CONFIG GET notify-keyspace-events", "[notify-keyspace-events AKE]"),
            ("SET fresh 1", "OK"),
            ("CONFIG SET notify-keyspace-events ", "OK"),
            ("SET unheard 1", "OK"),
        ]);
        hears(&mut listener, "__keyspace@0__:none", "keymiss");
        hears(&mut listener, "__keyevent@0__:keymiss", "none");
        for event in ["new", "set"] {
            hears(&mut listener, "__keyspace@0__:fresh", event);
            hears(&mut listener, &format!("__keyevent@0__:{event}"), "fresh");
        }
        client.expect(&[("PUBLISH __keyspace@0__:end end", "1")]);
        hears(&mut listener, "__keyspace@0__:end", "end");
    }
}

#[test]
fn a_field_that_overflows_tells_nothing() {
    let node = Setup::new().start();
    let (mut client, mut listener) = (node.client(), node.client());
    listener.expect(&[("PSUBSCRIBE __key*__:*", "[psubscribe __key*__:* 1]")]);
    client.expect(&[
        ("CONFIG SET notify-keyspace-events EA", "OK"),
        ("BITFIELD bits OVERFLOW FAIL SET u8 0 256 INCRBY u8 0 300", "[nil nil]"),
        ("BITFIELD bits OVERFLOW FAIL SET u8 0 256 SET u8 8 1", "[nil 0]"),
    ]);
    hears(&mut listener, "__keyevent@0__:setbit", "bits");
    client.expect(&[("PUBLISH __keyspace@0__:end end", "1")]);
    hears(&mut listener, "__keyspace@0__:end", "end");
}

/// Whatever runs the commands: a transaction, a script, or several cores.
#[test]
fn keys_that_come_and_keys_that_are_missed_are_told() {
    for node in nodes() {
        let mut client = node.client();
        let mut listener = node.client();
        client.expect(&[("CONFIG SET notify-keyspace-events E$gmn", "OK")]);
        listener.expect(&[("PSUBSCRIBE __key*__:*", "[psubscribe __key*__:* 1]")]);
        let mut heard = |expected: &str| {
            for event in expected.split_terminator(", ") {
                let (event, key) = event.split_once(' ').expect(event);
                hears(&mut listener, &format!("__keyevent@0__:{event}"), key);
            }
        };
        for round in 0..8 {
            let [a, b, c] = ["a", "b", "c"].map(|name| format!("{name}{round}"));
            client.expect(&[
                ("MULTI", "OK"),
                (&format!("GET {a}"), "QUEUED"),
                (&format!("SET {a} 1"), "QUEUED"),
                (&format!("SET {b} 1"), "QUEUED"),
                (&format!("SET {b} 2"), "QUEUED"),
                (&format!("GET {c}"), "QUEUED"),
                ("EXEC", "[nil OK OK OK nil]"),
            ]);
            heard(&format!(
                "keymiss {a}, new {a}, set {a}, new {b}, set {b}, set {b}, keymiss {c}"
            ));
            let script = "EVAL redis.call('GET',KEYS[1])redis.call('APPEND',KEYS[1],'x')";
            client
                .expect(&[(&format!("{script}return(redis.call('DEL',KEYS[2])) 2 {c} {b}"), "1")]);
            heard(&format!("keymiss {c}, new {c}, append {c}, del {b}"));
            client.expect(&[(&format!("RENAME {a} {b}"), "OK")]);
            heard(&format!("new {b}, rename_from {a}, rename_to {b}"));
            // Events of several cores come in any order: each is heard before the next.
            for (line, answer, events) in [
                (format!("RENAME {b} {c}"), "OK", format!("rename_from {b}, rename_to {c}")),
                (format!("COPY {c} {a}"), "1", format!("new {a}, copy_to {a}")),
                (format!("MGET {a} {b}"), "[1 nil]", format!("keymiss {b}")),
                (format!("EXISTS {b} {c}"), "1", format!("keymiss {b}")),
                (format!("DEL {a}"), "1", format!("del {a}")),
                (format!("DEL {c}"), "1", format!("del {c}")),
            ] {
                client.expect(&[(&line, answer)]);
                heard(&events);
            }
        }
    }
}

#[test]
fn commands_over_several_cores_tell_each_key() {
    for node in nodes() {
        let mut client = node.client();
        let mut listener = node.client();
        client.expect(&[("CONFIG SET notify-keyspace-events EA", "OK")]);
        listener.expect(&[("PSUBSCRIBE __key*__:*", "[psubscribe __key*__:* 1]")]);
        let mut heard = |count: usize| {
            let all: BTreeSet<String> = (0..count)
                .map(|_| {
                    let shown = listener.shown();
                    let said = shown.strip_prefix("[pmessage __key*__:* __keyevent@0__:");
                    said.expect(&shown).trim_end_matches(']').to_owned()
                })
                .collect();
            all.into_iter().collect::<Vec<_>>().join(",")
        };
        let keys: Vec<String> = (0..10).map(|number| format!("k{number}")).collect();
        let pairs: Vec<String> = keys.iter().map(|key| format!("{key} v")).collect();
        client.expect(&[(&format!("MSET {}", pairs.join(" ")), "OK")]);
        let each = |event: &str| {
            keys.iter().map(|key| format!("{event} {key}")).collect::<Vec<_>>().join(",")
        };
        assert_eq!(heard(10), each("set"));
        client.expect(&[("MSETNX k1 v x v", "0"), (&format!("DEL {} y", keys.join(" ")), "10")]);
        assert_eq!(heard(10), each("del"));
        for number in 0..6 {
            client.expect(&[("SET from v", "OK"), (&format!("RENAME from to{number}"), "OK")]);
            assert_eq!(heard(3), format!("rename_from from,rename_to to{number},set from"));
            client.expect(&[(&format!("COPY to{number} from"), "1"), ("DEL from", "1")]);
            assert_eq!(heard(2), "copy_to from,del from");
        }
        // What changes nothing in the end is told too, wherever its key lies.
        for key in &keys {
            let cut = format!("EVAL return(redis.call('LTRIM',KEYS[1],0,-1)) 1 {key}");
            client.expect(&[(&format!("RPUSH {key} a b"), "2"), (&cut, "OK")]);
            assert_eq!([heard(1), heard(1)], [format!("rpush {key}"), format!("ltrim {key}")]);
            let gone = format!(
                "EVAL return({{redis.call('SET',KEYS[1],'1'),redis.call('DEL',KEYS[1])}}) 1 new{key}"
            );
            client.expect(&[(&gone, "[OK 1]")]);
            assert_eq!([heard(1), heard(1)], [format!("set new{key}"), format!("del new{key}")]);
        }
    }
}

#[test]
fn the_leader_alone_tells_and_once_it_is_committed() {
    let plan = Cluster::plan(3).at("/settings/notify_keyspace_events", json!("KA"));
    let cluster = plan.start();
    let mut listeners: Vec<Client> = cluster.numbers().map(|node| cluster.client(node)).collect();
    for listener in &mut listeners {
        listener.expect(&[("PSUBSCRIBE __key*__:*", "[psubscribe __key*__:* 1]")]);
    }
    let mut routed = cluster.routed();
    let mut told = vec![BTreeSet::new(); 3];
    for number in 0..60 {
        let key = format!("k{number}");
        let leader = cluster.leader_of(slot_of(key.as_bytes()));
        assert_eq!(routed.ask(&format!("SET {key} v")), "OK");
        told[leader as usize - 1].insert(format!("__keyspace@0__:{key}"));
    }
    for (number, listener) in listeners.iter_mut().enumerate() {
        let heard: BTreeSet<String> = told[number]
            .iter()
            .map(|_| listener.shown().split(' ').nth(2).expect("a channel").to_owned())
            .collect();
        assert_eq!(heard, told[number], "node {}", number + 1);
        listener.expect(&[("PING", "[pong ]")]);
    }
}

/// A script of which other nodes have keys too, and that changes nothing in the end: the node that runs it tells.
#[test]
fn what_changes_nothing_over_nodes_is_told_too() {
    let plan = Cluster::plan(3).at("/settings/notify_keyspace_events", json!("Kl"));
    let cluster = plan.at("/settings/resp", json!({ "cluster": "transparent" })).start();
    let mut listener = cluster.client(1);
    listener.expect(&[("PSUBSCRIBE __key*__:*", "[psubscribe __key*__:* 1]")]);
    let mut client = cluster.client(1);
    let keys: Vec<String> = (0..30).map(|number| format!("k{number}")).collect();
    for key in &keys {
        client.expect(&[(&format!("RPUSH {key} a"), "1")]);
    }
    let cuts = "for _, key in ipairs(KEYS) do redis.call('LTRIM', key, 0, -1) end";
    client.send(&command(
        &[
            &[&b"EVAL"[..], cuts.as_bytes(), b"30"][..],
            &keys.iter().map(String::as_bytes).collect::<Vec<_>>(),
        ]
        .concat(),
    ));
    assert_eq!(client.shown(), "nil");
    let mut cut = BTreeSet::new();
    while cut.len() < keys.len() {
        let shown = listener.shown();
        if let Some(key) = shown.strip_suffix(" ltrim]") {
            cut.insert(key.rsplit(':').next().expect("a channel").to_owned());
        }
    }
    assert_eq!(cut, keys.into_iter().collect());
}

#[test]
fn a_crowd_of_events_is_heard_in_order_of_each_key() {
    for node in nodes() {
        let mut client = node.client();
        let mut listener = node.client();
        client.expect(&[("CONFIG SET notify-keyspace-events K$", "OK")]);
        listener.expect(&[("PSUBSCRIBE __key*__:*", "[psubscribe __key*__:* 1]")]);
        for round in 0..20 {
            let lines =
                (0..100).flat_map(|key| [format!("SET k{key} {round}"), format!("INCR k{key}")]);
            client.send(&pipeline(lines));
        }
        (0..20 * 200).for_each(|_| drop(client.reply()));
        let mut last = vec!["incrby"; 100];
        for _ in 0..20 * 200 {
            let shown = listener.shown();
            let (key, event) = shown
                .strip_prefix("[pmessage __key*__:* __keyspace@0__:k")
                .and_then(|rest| rest.trim_end_matches(']').split_once(' '))
                .expect(&shown);
            let key: usize = key.parse().expect("a number");
            let expected = if last[key] == "set" { "incrby" } else { "set" };
            assert_eq!(event, expected, "k{key}");
            last[key] = expected;
        }
        wait_for("the end", || client.ask("INFO stats").contains("hyperion_messages_dropped:0"));
    }
}
