//! Memory that is full in a cluster: leaders evict by entries, so that all copies keep the same keys.

use std::collections::BTreeMap;

use serde_json::json;

use super::cluster_harness::Cluster;
use super::harness::wait_for;
use super::http_call::get;

const LIMIT_MIB: u64 = 96;
const VALUE_BYTES: usize = 32 << 10;

fn number(cluster: &Cluster, node: u32, pointer: &str) -> u64 {
    let status = get(cluster.http(node), "/status").json();
    let found = status.pointer(pointer).and_then(serde_json::Value::as_u64);
    found.unwrap_or_else(|| panic!("no {pointer} in {status}"))
}

#[test]
fn leaders_evict_and_all_copies_keep_the_same_keys() {
    const KEYS: usize = 6_000;
    let mut cluster = Cluster::plan(3)
        .at("/settings/memory_bytes_max", json!(format!("{LIMIT_MIB}MiB")))
        .at("/settings/eviction", json!("allkeys-lru"))
        .start();
    let mut routed = cluster.routed();
    let value = |number: usize| format!("{number:08}").repeat(VALUE_BYTES / 8).into_bytes();
    for number in 0..KEYS {
        routed.set(&format!("k{number}"), &value(number));
    }
    let evicted: u64 =
        [1, 2, 3].map(|node| number(&cluster, node, "/memory/evicted_keys")).iter().sum();
    assert!(evicted > KEYS as u64 / 4, "{evicted} keys were evicted");
    for node in [1, 2, 3] {
        wait_for("memory within its limit", || {
            number(&cluster, node, "/memory/used_bytes") <= LIMIT_MIB << 20
        });
    }
    // What is there is the same everywhere, and it is what was written last.
    let mut there = BTreeMap::new();
    let mut young = 0;
    for number in 0..KEYS {
        let key = format!("k{number}");
        let is_there = routed.ask(&format!("EXISTS {key}")) == "1";
        young += usize::from(is_there && number >= KEYS / 2);
        there.insert(key, is_there.then(|| value(number)));
    }
    let count = there.values().flatten().count();
    assert!(count > 500, "{count} keys are left");
    assert!(young * 4 > count * 3, "{young} of {count} were written in the second half");
    for node in [1, 2, 3] {
        cluster.wait_copies(node, &there);
    }
    // A start brings nothing back.
    cluster.kill(2);
    cluster.start_again(2);
    cluster.wait_served();
    cluster.wait_copies(2, &there);
}

#[test]
fn without_a_key_that_may_go_a_write_is_refused() {
    let cluster = Cluster::plan(3)
        .at("/settings/memory_bytes_max", json!(format!("{LIMIT_MIB}MiB")))
        .at("/settings/eviction", json!("volatile-ttl"))
        .start();
    let mut routed = cluster.routed();
    let value = "v".repeat(VALUE_BYTES);
    let refused = (0..6_000).find(|number| {
        let said = routed.ask(&format!("SET k{number} {value}"));
        assert!(said == "OK" || said.starts_with("-OOM"), "{said}");
        said != "OK"
    });
    let refused = refused.expect("memory has an end");
    assert!(refused > 500, "only {refused} fitted");
    assert_eq!(routed.ask("DEL k0"), "1");
    assert_eq!(routed.ask("GET k1"), value);
}

/// Nodes with room, and one with little.
fn with_a_small_node(policy: &str) -> Cluster {
    let mut cluster = Cluster::plan(3)
        .at("/settings/memory_bytes_max", json!("384MiB"))
        .at("/settings/eviction", json!(policy))
        .start();
    cluster.kill(3);
    cluster.start_again_as(3, &["--node", "n3", "--memory", &format!("{LIMIT_MIB}MiB")]);
    cluster.wait_served();
    cluster
}

#[test]
fn eviction_follows_the_fullest_copy() {
    const KEYS: usize = 6_000;
    let cluster = with_a_small_node("allkeys-lru");
    let mut routed = cluster.routed();
    let value = |number: usize| format!("{number:08}").repeat(VALUE_BYTES / 8).into_bytes();
    for number in 0..KEYS {
        routed.set(&format!("k{number}"), &value(number));
    }
    wait_for("the small node's memory within its limit", || {
        number(&cluster, 3, "/memory/used_bytes") <= LIMIT_MIB << 20
    });
    let there: BTreeMap<String, Option<Vec<u8>>> = (0..KEYS)
        .map(|number| {
            let key = format!("k{number}");
            let is_there = routed.ask(&format!("EXISTS {key}")) == "1";
            (key, is_there.then(|| value(number)))
        })
        .collect();
    // What fits the small node is kept, and not much less.
    let count = there.values().flatten().count();
    assert!(count > 1_200, "{count} keys are left");
    for node in [1, 2, 3] {
        cluster.wait_copies(node, &there);
    }
}

#[test]
fn a_write_is_refused_that_does_not_fit_the_fullest_copy() {
    let cluster = with_a_small_node("none");
    let mut routed = cluster.routed();
    let value = "v".repeat(VALUE_BYTES);
    let mut refused = 0;
    for number in 0..6_000 {
        let said = routed.ask(&format!("SET k{number} {value}"));
        assert!(said == "OK" || said.starts_with("-OOM"), "{said}");
        refused += usize::from(said != "OK");
    }
    assert!(refused > 1_000 && refused < 5_000, "{refused} writes were refused");
    assert_eq!(routed.ask("GET k1"), value);
    // All copies have all that was taken.
    let taken = BTreeMap::from([("k1".to_owned(), Some(value.clone().into_bytes()))]);
    cluster.wait_copies(3, &taken);
    for number in 0..6_000 {
        routed.ask(&format!("DEL k{number}"));
    }
    wait_for("room for more", || routed.ask(&format!("SET again {value}")) == "OK");
}
