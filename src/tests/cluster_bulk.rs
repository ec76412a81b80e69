//! Snapshots that go from node to node, compressed or not: they arrive as they were, and `/status` says how they went.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cluster_harness::Cluster;
use super::cluster_members::wait_settled;
use super::http_call::{change, get};

type Keys = BTreeMap<String, Option<Vec<u8>>>;

/// Two nodes that share the keys, and become two copies: what each sent to the other, as its `/status` says.
fn copied(bulk: Option<&str>, keys: u32) -> (Cluster, Vec<Value>) {
    // Few partitions of many entries each: what their logs have let go comes as a snapshot.
    let mut plan = Cluster::plan(2)
        .at("/mode", json!("sharding"))
        .at("/replication", json!(1))
        .at("/partitions", json!(8));
    if let Some(bulk) = bulk {
        plan = plan.at("/settings/compression", json!({ "bulk": bulk }));
    }
    let cluster = plan.start();
    let mut routed = cluster.routed();
    let mut written = Keys::new();
    for number in 0..keys {
        let (key, value) = (format!("k{number}"), format!("value {number} ").repeat(512));
        routed.set(&key, value.as_bytes());
        written.insert(key, Some(value.into_bytes()));
    }
    let changes = [("/mode", json!("duplication")), ("/replication", json!(2))];
    assert_eq!(change(cluster.http(1), &changes).status, 200);
    wait_settled(&cluster, &[1, 2], 2);
    for node in [1, 2] {
        cluster.wait_copies(node, &written);
    }
    let told = cluster.numbers().map(|node| {
        let status = get(cluster.http(node), "/status").json();
        status["cores"][0]["bulk"][0].clone()
    });
    let told = told.collect();
    (cluster, told)
}

fn bytes(told: &Value) -> (u64, u64) {
    let number = |field: &str| told[field].as_u64().expect("a number");
    (number("plain_bytes"), number("sent_bytes"))
}

#[test]
fn copies_are_made_of_compressed_pieces() {
    let (cluster, told) = copied(Some("always"), 1_500);
    for told in &told {
        let (plain, sent) = bytes(told);
        assert!(plain > 3 << 20 && sent < plain / 4, "{told}");
        assert_eq!(told["way"], json!("brotli, as the config says"));
    }
    // It is changed while the nodes run.
    let never = [("/settings/compression", json!({ "bulk": "never" }))];
    assert_eq!(change(cluster.http(2), &never).status, 200);
    super::harness::wait_for("another way", || {
        let status = get(cluster.http(1), "/status").json();
        status["cores"][0]["bulk"][0]["way"] == json!("raw, as the config says")
    });
}

#[test]
fn pieces_go_raw_where_the_config_says_so() {
    let (_cluster, told) = copied(Some("never"), 1_500);
    for told in &told {
        let (plain, sent) = bytes(told);
        assert!(plain > 0 && sent >= plain, "{told}");
    }
}

#[test]
fn what_is_faster_is_measured() {
    let (_cluster, told) = copied(None, 9_000);
    for told in &told {
        println!("{told}");
        let measured = |field: &str| told[field].as_u64().expect("a number") > 0;
        assert!(measured("raw_bytes_a_second") && measured("packed_bytes_a_second"), "{told}");
        assert!(told["way"].as_str().expect("a text").contains("faster"), "{told}");
        let (plain, sent) = bytes(told);
        assert!(sent < plain, "some pieces were compressed to measure it: {told}");
    }
}
