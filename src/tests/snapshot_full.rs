//! Owns the test of a snapshot of a node whose memory is full: what the policy does goes on meanwhile, and what was cut comes back.

use serde_json::{Value, json};

use super::client::{Client, pipeline};
use super::harness::{Node, Setup};
use super::http_call::{get, post};
use super::snapshot::{restored, status};

const LIMIT_BYTES: u64 = 16 << 20;
const BATCH: u64 = 100;
/// Keys that take the limit more than once.
const KEYS: u64 = 24_000;

fn value(number: u64) -> String {
    format!("{number:08}:").repeat(100)
}

/// Sets a batch of keys; gives how many were refused for lack of memory.
fn set(client: &mut Client, first: u64) -> u64 {
    let numbers = first..first + BATCH;
    let line = |number| format!("SET key:{number} {}", value(number));
    client.send(&pipeline(numbers.clone().map(line)));
    let mut refused = 0;
    for number in numbers {
        match &*client.shown() {
            "OK" => {}
            reply if reply.starts_with("-OOM ") => refused += 1,
            reply => panic!("key:{number}: {reply}"),
        }
    }
    refused
}

/// All keys that are there, each with its value.
fn expect_whole(client: &mut Client, keys: u64) {
    let mut found = 0;
    for first in (0..keys).step_by(usize::try_from(BATCH).expect("it is small")) {
        let numbers = first..first + BATCH;
        client.send(&pipeline(numbers.clone().map(|number| format!("GET key:{number}"))));
        for number in numbers {
            let reply = client.shown();
            if reply != "nil" {
                assert!(reply == value(number), "key:{number} is {reply:.60}");
                found += 1;
            }
        }
    }
    assert_eq!(client.ask("DBSIZE"), found.to_string());
    assert!(found > LIMIT_BYTES / 2_000, "{found} keys");
}

fn figure(node: &Node, name: &str) -> u64 {
    get(node.http(), "/status").json()["memory"][name].as_u64().expect("a figure")
}

#[test]
fn a_full_memory_goes_on_as_its_policy_says_while_a_snapshot_is_taken() {
    for eviction in ["allkeys-lru", "none"] {
        let setup = || {
            Setup::new()
                .at("/settings/memory_bytes_max", json!(LIMIT_BYTES))
                .at("/settings/eviction", json!(eviction))
                .at("/settings/snapshot", json!({ "bytes_a_second": 4_000_000 }))
        };
        let evicts = eviction != "none";
        let node = setup().start();
        let mut client = node.client();
        let mut next = 0;
        while next < KEYS {
            assert!(set(&mut client, next) == 0 || !evicts, "{eviction}");
            next += BATCH;
        }
        assert_eq!(set(&mut client, next) == 0, evicts, "{eviction}: the memory is not full");
        let (evicted, keys) = (figure(&node, "evicted_keys"), client.ask("DBSIZE"));

        let answer = post(node.http(), "/snapshot", "");
        assert_eq!(answer.status, 202, "{answer:?}");
        let mut batches = 0;
        let last: Value = loop {
            let now = status(&node);
            if now["state"] == "idle" {
                break now["last"].clone();
            }
            next += BATCH;
            let refused = set(&mut client, next);
            assert_eq!(refused, if evicts { 0 } else { BATCH }, "{eviction}");
            let used = figure(&node, "used_bytes");
            assert!(used <= LIMIT_BYTES * 102 / 100, "{eviction}: {used} bytes are used");
            batches += 1;
        };
        assert_eq!(last["ok"], true, "{eviction}: {last}");
        assert!(batches > 20, "{eviction}: only {batches} batches were tried meanwhile");
        if evicts {
            let more = figure(&node, "evicted_keys") - evicted;
            assert!(more >= batches * BATCH / 2, "{more} keys were evicted in {batches} batches");
        } else {
            // What is refused is not written, and deletions go on.
            assert_eq!(client.ask("DBSIZE"), keys);
            client.expect(&[("DEL key:0 key:1 key:2 key:3", "4"), ("EXISTS key:0", "0")]);
        }
        let name = last["name"].as_str().expect("a name");
        let back = restored(setup(), &node.data().join("snapshots").join(name));
        expect_whole(&mut back.client(), next + BATCH);
        if !evicts {
            assert_eq!(back.client().ask("DBSIZE"), keys);
        }
    }
}
