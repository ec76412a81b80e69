//! Three nodes that all live: who serves what, where commands go, and commands over all nodes.

use std::collections::BTreeMap;

use hyperion_model::slot_of;
use hyperion_wire::reply::Reply;

use super::client::{Client, show, words};
use super::cluster_harness::{Cluster, runs};
use super::harness::wait_for;

const SLOTS: u16 = 16_384;

#[test]
fn all_nodes_say_the_same_of_who_serves_what() {
    let cluster = Cluster::plan(3).start();
    let mut clients: Vec<Client> = cluster.numbers().map(|node| cluster.client(node)).collect();
    wait_for("the same CLUSTER SLOTS everywhere", || {
        let said: Vec<_> = clients.iter_mut().map(runs).collect();
        said.iter().all(|runs| *runs == said[0])
    });
    let served = runs(&mut clients[0]);
    let mut next = 0;
    for run in &served {
        assert_eq!(run.first, next, "{served:?}");
        assert_eq!(run.nodes.len(), 1, "{run:?}");
        assert!(run.nodes.iter().all(|node| node.ip == "127.0.0.1"), "{run:?}");
        next = run.last + 1;
    }
    assert_eq!(next, SLOTS, "{served:?}");

    let names: Vec<String> = clients.iter_mut().map(|client| client.ask("CLUSTER MYID")).collect();
    for (node, name) in cluster.numbers().zip(&names) {
        assert_eq!(name.len(), 40, "{name}");
        let port = cluster.resp(node).port();
        let is_told = |name: &str| {
            served.iter().flat_map(|run| &run.nodes).any(|it| it.port == port && it.name == name)
        };
        assert!(is_told(name), "node {node} is {name} to itself: {served:?}");
    }
    assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2], "{names:?}");

    wait_for("the same CLUSTER SHARDS everywhere, all online", || {
        let said: Vec<String> = clients.iter_mut().map(|it| it.ask("CLUSTER SHARDS")).collect();
        said.iter().all(|text| *text == said[0])
            && said[0].matches("role master").count() == served.len()
            && !said[0].contains("fail")
    });
    wait_for("the same CLUSTER NODES everywhere", || {
        let said: Vec<String> = clients.iter_mut().map(|it| it.ask("CLUSTER NODES")).collect();
        let own: Vec<_> =
            said.iter().map(|text| text.lines().find(|line| line.contains("myself"))).collect();
        assert!(own.iter().zip(&names).all(|(line, name)| line.unwrap().starts_with(name)));
        let plain: Vec<String> = said.iter().map(|text| text.replace("myself,", "")).collect();
        plain.iter().all(|text| *text == plain[0])
            && plain[0].lines().count() == 3
            && slots_in(&plain[0]) == u32::from(SLOTS)
            && !plain[0].contains("fail")
    });
    for client in &mut clients {
        let info = client.ask("CLUSTER INFO");
        for fact in [
            "cluster_state:ok",
            "cluster_slots_assigned:16384",
            "cluster_slots_ok:16384",
            "cluster_slots_fail:0",
            "cluster_known_nodes:3",
        ] {
            assert!(info.contains(fact), "{fact}: {info}");
        }
        client.expect(&[
            ("CLUSTER KEYSLOT foo", "12182"),
            ("CLUSTER KEYSLOT {foo}bar", "12182"),
            ("CLUSTER KEYSLOT 123456789", "12739"),
        ]);
        assert!(client.ask("CLUSTER MEET 127.0.0.1 1").contains("POST /config"));
        assert!(client.ask("CLUSTER NOSUCH").starts_with("-ERR "));
    }
}

/// Slots that the lines of CLUSTER NODES name.
fn slots_in(text: &str) -> u32 {
    let ranges = text.lines().flat_map(|line| line.split(' ').skip(8));
    ranges
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let number = |text: &str| text.parse::<u32>().expect("a slot");
            number(last) - number(first) + 1
        })
        .sum()
}

#[test]
fn commands_go_to_the_node_that_serves_their_keys() {
    let cluster = Cluster::plan(3).start();
    let slot = slot_of(b"{tag}");
    // On a machine that stands still for a while leads change, and go back to where they should be.
    let mut leader = cluster.leader_of(slot);
    let mut at_leader = cluster.client(leader);
    wait_for("a leader that stays one", || {
        cluster.wait_led();
        leader = cluster.leader_of(slot);
        at_leader = cluster.client(leader);
        at_leader.ask("SET {tag}:a 1") == "OK"
    });
    at_leader.expect(&[
        ("MSET {tag}:b 2 {tag}:c 3", "OK"),
        ("MGET {tag}:a {tag}:b {tag}:c {tag}:d", "[1 2 3 nil]"),
        ("INCRBY {tag}:a 41", "42"),
        ("RENAME {tag}:c {tag}:e", "OK"),
        ("EXISTS {tag}:a {tag}:b {tag}:c {tag}:e", "3"),
    ]);
    let moved = format!("-MOVED {slot} {}", cluster.resp(leader));
    for node in cluster.numbers().filter(|&node| node != leader) {
        let mut client = cluster.client(node);
        client.expect(&[
            ("PING", "PONG"),
            ("GET {tag}:a", &moved),
            ("SET {tag}:a 5", &moved),
            ("MGET {tag}:a {tag}:b", &moved),
            ("DEL {tag}:a", &moved),
            ("ASKING", "OK"),
            ("GET {tag}:a", &moved),
            ("READONLY", "OK"),
            ("SET {tag}:a 5", &moved),
        ]);
        wait_for("a replica with what the leader acknowledged", || {
            client.ask("MGET {tag}:a {tag}:b {tag}:c {tag}:e") == "[42 2 nil 3]"
        });
        client.expect(&[("READWRITE", "OK"), ("GET {tag}:a", &moved)]);
    }
    assert_eq!(cluster.routed().ask("GET {tag}:a"), "42");

    // Two partitions of one node are as far from each other as two nodes.
    let (here, there) = two_partitions_of(&cluster, leader);
    for line in [
        format!("MSET {here} 1 {there} 2"),
        format!("MGET {here} {there}"),
        format!("DEL {here} {there}"),
        format!("EXISTS {here} {there}"),
        format!("RENAME {here} {there}"),
        format!("COPY {here} {there}"),
    ] {
        let said = at_leader.ask(&line);
        assert!(said.starts_with("-CROSSSLOT "), "{line}: {said}");
    }
    at_leader.send(b"*2\r\n$3\r\nGET\r\n$5\r\n{tag}\r\n");
    assert_eq!(at_leader.reply(), Reply::Null);
}

/// Keys of two partitions that one node leads.
fn two_partitions_of(cluster: &Cluster, node: u32) -> (String, String) {
    let runs = runs(&mut cluster.client(node));
    let port = cluster.resp(node).port();
    let mut led = runs.iter().filter(|run| run.nodes[0].port == port);
    let first = led.next().expect("it leads some");
    // Where one run is all there is, its ends are two partitions.
    let last = led.next_back().unwrap_or(first);
    (key_in(first.first), key_in(last.last))
}

fn key_in(slot: u16) -> String {
    (0_u32..)
        .map(|number| format!("k{number}"))
        .find(|key| slot_of(key.as_bytes()) == slot)
        .expect("every slot has keys")
}

#[test]
fn all_nodes_together_have_each_key_once() {
    const KEYS: u64 = 600;
    let cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    for number in 0..KEYS {
        routed.set(&format!("k{number}"), number.to_string().as_bytes());
    }
    let mut clients: Vec<Client> = cluster.numbers().map(|node| cluster.client(node)).collect();
    let mut keys_of_all = || -> u64 {
        clients.iter_mut().map(|it| it.ask("DBSIZE").parse::<u64>().expect("a number")).sum()
    };
    wait_for("DBSIZE that adds up", || keys_of_all() == KEYS);

    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    for node in cluster.numbers() {
        for key in scan(&mut cluster.client(node)) {
            *found.entry(key).or_default() += 1;
        }
    }
    assert_eq!(found.len() as u64, KEYS);
    assert!(found.values().all(|&times| times == 1), "{found:?}");

    // A time to live ends on every node.
    for number in 0..10 {
        assert_eq!(routed.ask(&format!("SET gone:{number} x PX 200")), "OK");
    }
    let gone = (0..10).map(|number| (format!("gone:{number}"), None)).collect();
    for node in cluster.numbers() {
        cluster.wait_copies(node, &gone);
    }
    wait_for("DBSIZE without what has expired", || keys_of_all() == KEYS);

    for node in cluster.numbers() {
        let mut client = cluster.client(node);
        wait_for("FLUSHALL", || client.ask("FLUSHALL") == "OK");
    }
    wait_for("nothing left", || keys_of_all() == 0);
    let empty = (0..KEYS).map(|number| (format!("k{number}"), None)).collect();
    for node in cluster.numbers() {
        cluster.wait_copies(node, &empty);
        assert_eq!(scan(&mut cluster.client(node)), Vec::<String>::new());
    }
}

/// All keys that SCAN finds on a node.
fn scan(client: &mut Client) -> Vec<String> {
    let (mut keys, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        client.send(&words(&format!("SCAN {cursor} COUNT 50")));
        let Reply::Array(parts) = client.reply() else { panic!("SCAN gives a list") };
        let Reply::Array(found) = &parts[1] else { panic!("SCAN gives a list of keys") };
        keys.extend(found.iter().map(show));
        cursor = show(&parts[0]);
        if cursor == "0" {
            return keys;
        }
    }
}

#[test]
fn keys_of_a_slot_are_counted_and_told_by_who_serves_it() {
    let cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    for number in 0..300 {
        routed.set(&format!("{{one}}{number}"), b"x");
        routed.set(&format!("other{number}"), b"x");
    }
    let slot = slot_of(b"one");
    let leader = cluster.leader_of(slot);
    let mut client = cluster.client(leader);
    client.expect(&[
        (&format!("CLUSTER COUNTKEYSINSLOT {slot}"), "300"),
        (&format!("CLUSTER GETKEYSINSLOT {slot} 0"), "[]"),
        ("CLUSTER COUNTKEYSINSLOT 16384", "-ERR Invalid slot"),
        ("CLUSTER COUNTKEYSINSLOT x", "-ERR value is not an integer or out of range"),
        (
            "CLUSTER GETKEYSINSLOT 1",
            "-ERR wrong number of arguments for 'cluster|getkeysinslot' command",
        ),
    ]);
    let told = client.ask(&format!("CLUSTER GETKEYSINSLOT {slot} 7"));
    assert_eq!(told.matches("{one}").count(), 7, "{told}");
    let mut elsewhere = cluster.client(leader % 3 + 1);
    elsewhere.expect(&[(&format!("CLUSTER COUNTKEYSINSLOT {slot}"), "0")]);
}
