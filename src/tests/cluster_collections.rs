//! Large collections in a cluster: replicas get what changes of them, and have the same whatever ends, and nodes of the version before get
//! them whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hyperion_model::slot_of;
use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::{Client, Dice, command, show};
use super::cluster_harness::{Cluster, Routed};
use super::harness::wait_for;

/// Entries of each collection at first.
const ENTRIES: u64 = 3_000;
/// They lie in one partition.
const HASH: &str = "{of}hash";
const LIST: &str = "{of}list";
const SET: &str = "{of}set";
const SORTED: &str = "{of}sorted";

/// What was acknowledged of the hash, and which elements of the list.
#[derive(Default)]
struct Written {
    fields: BTreeMap<String, String>,
    elements: BTreeSet<String>,
}

/// Puts many entries in at once.
fn fill(routed: &mut Routed) -> Written {
    let mut written = Written::default();
    for first in (0..ENTRIES).step_by(500) {
        let numbers = first..(first + 500).min(ENTRIES);
        let words = |verb: &str, key: &str, each: &dyn Fn(u64) -> Vec<String>| -> Vec<Vec<u8>> {
            let head = [verb.to_owned(), key.to_owned()];
            let words = head.into_iter().chain(numbers.clone().flat_map(each));
            words.map(String::into_bytes).collect()
        };
        for words in [
            words("HSET", HASH, &|at| vec![format!("field{at}"), format!("value {at}")]),
            words("RPUSH", LIST, &|at| vec![format!("element {at}")]),
            words("SADD", SET, &|at| vec![format!("member{at}")]),
            words("ZADD", SORTED, &|at| vec![at.to_string(), format!("member{at}")]),
        ] {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            assert!(matches!(routed.call(&words), Reply::Integer(_)));
        }
        for at in numbers {
            written.fields.insert(format!("field{at}"), format!("value {at}"));
        }
    }
    written
}

/// Changes all of them until it is told to stop. What is asked for may be carried out twice, where its answer was lost.
fn change(routed: &mut Routed, seed: u64, stop: &AtomicBool, count: &AtomicU64) -> Written {
    let (mut dice, mut written) = (Dice(seed), Written::default());
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        // Each has fields of its own.
        let at = dice.below(ENTRIES + 500) / 4 * 4 + seed;
        let (field, value) = (format!("field{at}"), format!("value {number} of {seed}"));
        match dice.below(8) {
            0..3 => {
                routed.call(&[b"HSET", HASH.as_bytes(), field.as_bytes(), value.as_bytes()]);
                written.fields.insert(field, value);
            }
            3 => {
                routed.call(&[b"HDEL", HASH.as_bytes(), field.as_bytes()]);
                written.fields.insert(field, String::new());
            }
            4 => {
                let element = format!("pushed {number} by {seed}");
                let verb: &[u8] = if number % 2 == 0 { b"LPUSH" } else { b"RPUSH" };
                routed.call(&[verb, LIST.as_bytes(), element.as_bytes()]);
                written.elements.insert(element);
            }
            5 => drop(routed.ask(&format!("ZADD {SORTED} {number} member{at}"))),
            6 => drop(routed.ask(&format!("ZREM {SORTED} member{at}"))),
            _ => drop(routed.ask(&format!("SADD {SET} other{at}"))),
        }
        count.fetch_add(1, Ordering::Relaxed);
    }
    written
}

/// What a node's own copy has of each collection.
fn copies(client: &mut Client) -> Vec<String> {
    let ask = |client: &mut Client, words: &[&[u8]]| {
        client.send(&command(words));
        show(&client.reply())
    };
    let all: [&[&[u8]]; 4] = [
        &[b"HGETALL", HASH.as_bytes()],
        &[b"LRANGE", LIST.as_bytes(), b"0", b"-1"],
        &[b"SMEMBERS", SET.as_bytes()],
        &[b"ZRANGE", SORTED.as_bytes(), b"0", b"-1", b"WITHSCORES"],
    ];
    all.iter().map(|words| ask(client, words)).collect()
}

/// All nodes come to have the same, with all that was acknowledged.
fn expect(cluster: &Cluster, routed: &mut Routed, written: &Written) {
    for (field, value) in &written.fields {
        let reply = routed.call(&[b"HGET", HASH.as_bytes(), field.as_bytes()]);
        match reply {
            Reply::Bulk(bytes) => assert_eq!(String::from_utf8_lossy(&bytes), *value, "{field}"),
            Reply::Null => assert!(value.is_empty(), "{field} is gone"),
            other => panic!("{field}: {}", show(&other)),
        }
    }
    let list = show(&routed.call(&[b"LRANGE", LIST.as_bytes(), b"0", b"-1"]));
    for element in &written.elements {
        assert!(list.contains(element.as_str()), "{element} is not in the list");
    }
    wait_for("the same copies on all nodes", || {
        let held: Vec<Vec<String>> = cluster
            .numbers()
            .map(|node| {
                let mut client = cluster.client(node);
                assert_eq!(client.ask("READONLY"), "OK");
                copies(&mut client)
            })
            .collect();
        held[0][0].len() > 10_000 && held.iter().all(|copies| *copies == held[0])
    });
}

/// Lets clients change all collections while `happen` does.
fn under_changes(
    cluster: &mut Cluster,
    written: &mut Written,
    happen: impl FnOnce(&mut Cluster, &AtomicU64),
) {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|seed| {
                let (mut routed, stop, count) = (cluster.routed(), &stop, &count);
                scope.spawn(move || change(&mut routed, seed, stop, count))
            })
            .collect();
        wait_for("some changes", || count.load(Ordering::Relaxed) > 100);
        happen(cluster, &count);
        let reached = count.load(Ordering::Relaxed);
        wait_for("more changes", || count.load(Ordering::Relaxed) > reached + 100);
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            let more = client.join().expect("each is answered");
            written.fields.extend(more.fields);
            written.elements.extend(more.elements);
        }
    });
}

#[test]
fn large_collections_are_the_same_on_all_nodes_whoever_is_killed() {
    let mut cluster = Cluster::plan(3).at("/settings/durability", json!("always")).start();
    let mut routed = cluster.routed();
    let mut written = fill(&mut routed);
    let slot = slot_of(HASH.as_bytes());
    let victim = cluster.leader_of(slot);
    under_changes(&mut cluster, &mut written, |cluster, count| {
        cluster.kill(victim);
        let reached = count.load(Ordering::Relaxed);
        wait_for("changes without it", || count.load(Ordering::Relaxed) > reached + 100);
        cluster.start_again(victim);
    });
    cluster.wait_served();
    expect(&cluster, &mut routed, &written);
    // A follower that misses some of it, and all of them at once.
    let victim = cluster.numbers().find(|&node| node != cluster.leader_of(slot));
    let victim = victim.expect("there are three");
    under_changes(&mut cluster, &mut written, |cluster, _| {
        cluster.kill(victim);
        cluster.start_again(victim);
    });
    expect(&cluster, &mut routed, &written);
    cluster.numbers().for_each(|node| cluster.kill(node));
    cluster.numbers().for_each(|node| cluster.launch(node));
    cluster.wait_served();
    expect(&cluster, &mut routed, &written);
}

#[test]
fn large_collections_are_the_same_on_nodes_of_two_versions() {
    let mut cluster = Cluster::plan(3);
    for node in 1..=3 {
        let name = format!("n{node}");
        cluster.launch_as(node, &["--node", &name, "--pretend-protocol", "1"]);
    }
    cluster.wait_served();
    cluster.wait_led();
    let mut routed = cluster.routed();
    let mut written = fill(&mut routed);
    under_changes(&mut cluster, &mut written, |cluster, count| {
        for node in 1..=3 {
            cluster.kill(node);
            cluster.start_again(node);
            let reached = count.load(Ordering::Relaxed);
            wait_for("changes", || count.load(Ordering::Relaxed) > reached + 50);
        }
    });
    cluster.wait_served();
    expect(&cluster, &mut routed, &written);
}
