//! A snapshot over all nodes that is restored at other addresses, beside the cluster that made it, which goes on: the same data, another cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hyperion_wire::reply::Reply;
use serde_json::{Value, json};

use super::client::show;
use super::cluster_harness::Cluster;
use super::cluster_members::wait_settled;
use super::cluster_snapshot::{Keys, fill, refused, take, together};
use super::http_call::{get, post};

fn restore(from: &Path, config: &Path, node: &str, to: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyperiond"));
    command.args(["restore", "--node", node, "--from"]).arg(from);
    command.arg("--config").arg(config).arg("--data").arg(to);
    command.output().expect("the binary is built")
}

/// A cluster that serves, what it holds, and its snapshot.
fn made() -> (Cluster, Keys, PathBuf) {
    let cluster = Cluster::plan(3).start();
    let keys = fill(&cluster);
    let (name, last) = take(&cluster, 2);
    assert_eq!(last["ok"], json!(true), "{last}");
    let folder = cluster.folder().join("parts");
    together(&cluster, &folder);
    (cluster, keys, folder.join(name))
}

/// Restores all nodes of a config that a person gives, and starts them.
fn start_elsewhere(there: &mut Cluster, from: &Path, given: &Value) {
    let file = there.folder().join("given.json");
    fs::write(&file, given.to_string()).expect("the folder is ours");
    let numbers: Vec<u32> = there.numbers().collect();
    for &node in &numbers {
        let data = there.data(node);
        let output = restore(from, &file, &format!("n{node}"), &data);
        assert!(output.status.success(), "{output:?}");
        let config = fs::read(data.join("config.json")).expect("it was made");
        there.write_config(node, &serde_json::from_slice(&config).expect("it is JSON"));
    }
    let config = |node| there.file(node);
    assert!(numbers.iter().all(|&node| config(node) == config(1)), "one config for all nodes");
    there.start_only(&numbers);
    there.wait_served();
}

/// A key that is set in one cluster is not in the other.
fn expect_apart(one: &Cluster, other: &Cluster) {
    one.routed().set("apart", b"one");
    assert_eq!(other.routed().call(&[b"GET", b"apart"]), Reply::Null);
    other.routed().set("apart", b"other");
    let told = one.routed().call(&[b"GET", b"apart"]);
    assert_eq!(told, Reply::Bulk(b"one".to_vec()), "{}", show(&told));
}

#[test]
fn it_serves_at_other_addresses_beside_the_cluster_that_made_it() {
    let (here, keys, from) = made();
    // Only where the nodes are; the rest is as in the snapshot.
    let mut there = Cluster::plan(3);
    let given = json!({ "nodes": there.config()["nodes"] });
    start_elsewhere(&mut there, &from, &given);
    there.routed().expect_all(&keys);
    for node in there.numbers() {
        there.wait_copies(node, &keys);
    }
    let [before, after] = [&here, &there].map(|it| get(it.http(1), "/config").json());
    assert_ne!(before["cluster_id"], after["cluster_id"]);
    assert_eq!(before["settings"], after["settings"]);
    for (old, new) in [0, 1, 2].map(|at| (&before["nodes"][at], &after["nodes"][at])) {
        assert!(old["uuid"] != new["uuid"] && old["resp"] != new["resp"] && old["id"] == new["id"]);
    }
    let history = get(there.http(1), "/config/history").json();
    let note = history["epochs"][0]["note"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(note.contains("restored from the snapshot"), "{history}");
    expect_apart(&here, &there);
    here.routed().expect_all(&keys);

    // It is a cluster as any other: a node dies and comes back, a config goes round, and all of them start again.
    there.kill(2);
    there.wait_served();
    there.routed().expect_all(&keys);
    there.start_again(2);
    there.wait_served();
    let mut next = get(there.http(3), "/config?next=1").json();
    next["settings"]["sync_interval_ms"] = json!(30);
    let answer = post(there.http(3), "/config", &next.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let epoch = next["epoch"].as_u64().expect("an epoch");
    wait_settled(&there, &[1, 2, 3], epoch);
    there.numbers().for_each(|node| there.kill(node));
    there.start_only(&[1, 2, 3]);
    there.wait_served();
    there.routed().expect_all(&keys);
}

#[test]
fn a_node_more_and_another_number_of_copies_get_their_share() {
    let (_here, keys, from) = made();
    let mut there = Cluster::plan(4);
    let given = json!({
        "nodes": there.config()["nodes"],
        "mode": "sharding+duplication",
        "replication": 2,
        "settings": { "durability": "always" },
    });
    start_elsewhere(&mut there, &from, &given);
    let epoch = there.file(1)["epoch"].as_u64().expect("an epoch");
    wait_settled(&there, &[1, 2, 3, 4], epoch);
    there.routed().expect_all(&keys);
    assert_eq!(there.file(4)["settings"]["durability"], json!("always"));
    assert_eq!(there.file(4)["settings"]["sync_interval_ms"], json!(20));
    let status = get(there.http(4), "/status").json();
    assert_eq!(status["cluster"]["leads_to_move"].as_u64(), Some(0), "{status}");
    assert_ne!(there.client(4).ask("DBSIZE"), "0", "it leads its share");
}

#[test]
fn what_does_not_fit_is_told_and_leaves_nothing() {
    let (here, _, from) = made();
    let (file, to) = (here.folder().join("given.json"), here.folder().join("restored"));
    let nodes = Cluster::plan(3).config()["nodes"].clone();
    let give = |given: Value| fs::write(&file, given.to_string()).expect("the folder is ours");
    let refuse = |node: &str, sentence: &str| {
        let output = restore(&from, &file, node, &to);
        refused(&output, sentence);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
    };
    give(json!({ "settings": {} }));
    refuse("n1", "it has no \"nodes\"");
    give(json!({ "nodes": nodes, "partitions": 128 }));
    refuse("n1", "the snapshot has 64 partitions, not 128");
    give(json!({ "nodes": nodes, "settings": { "durabilty": "always" } }));
    refuse("n1", "durabilty");
    give(json!({ "nodes": [nodes[0], nodes[1]] }));
    refuse("n1", "node \"n3\" of the snapshot is missing");
    give(json!({ "nodes": nodes }));
    refuse("n9", "give one of n1, n2, n3");
    assert!(!to.exists());

    // Files that differ make clusters that refuse each other.
    let mut there = Cluster::plan(3);
    let mut given = json!({ "nodes": there.config()["nodes"] });
    for node in [1, 2, 3] {
        given["settings"] = json!({ "sync_interval_ms": 20 + node });
        give(given.clone());
        let data = there.data(node);
        let output = restore(&from, &file, &format!("n{node}"), &data);
        assert!(output.status.success(), "{output:?}");
        let config = fs::read(data.join("config.json")).expect("it was made");
        there.write_config(node, &serde_json::from_slice(&config).expect("it is JSON"));
        there.launch(node);
    }
    there.wait_health(1, 503, "waiting for majority: have 1 of 3");
}
