//! A cluster is brought down to one node whose mode is `single`, which goes on with its groups, is killed, and becomes a cluster again.

use serde_json::json;

use super::cluster_harness::Cluster;
use super::cluster_members::{Keys, taken, wait_settled};
use super::harness::wait_for;
use super::http_call::{change, get, post};

fn fill(cluster: &Cluster, prefix: &str) -> Keys {
    let mut routed = cluster.routed();
    let keys = (0..300).map(|number| {
        let (key, value) = (format!("{prefix}{number}"), format!("v{number}").into_bytes());
        routed.set(&key, &value);
        (key, Some(value))
    });
    keys.collect()
}

/// Waits until a node that was removed has heard of it, and ends it.
fn end_removed(cluster: &mut Cluster, node: u32) {
    wait_for("a node that was removed", || {
        cluster.log(node).contains("was removed from the cluster")
    });
    cluster.kill(node);
}

/// Its config says `single`, it serves all keys, and it does so again after a kill.
fn is_single(cluster: &mut Cluster, node: u32, epoch: u64, keys: &mut Keys) {
    // What group 0 holds is in the file a moment later.
    wait_for("its config", || get(cluster.http(node), "/config").json()["epoch"] == json!(epoch));
    for start in 0..3 {
        let config = get(cluster.http(node), "/config").json();
        assert_eq!((&config["mode"], &config["epoch"]), (&json!("single"), &json!(epoch)));
        assert_eq!(config["nodes"].as_array().map(Vec::len), Some(1));
        cluster.wait_health(node, 200, "ok");
        let mut routed = cluster.routed();
        routed.expect_all(keys);
        let (key, value) = (format!("again{start}"), b"x".to_vec());
        routed.set(&key, &value);
        keys.insert(key, Some(value));
        cluster.kill(node);
        cluster.start_again(node);
        cluster.wait_served();
    }
    // As ever, settings change by the next epoch, and only by its child.
    let answer = change(cluster.http(node), &[("/settings/sync_interval_ms", json!(21))]);
    assert_eq!(taken(&answer), epoch + 1);
    let mut stale = get(cluster.http(node), "/config?next=1").json();
    stale["epoch"] = json!(epoch + 1);
    assert_eq!(post(cluster.http(node), "/config", &stale.to_string()).status, 409);
}

/// Another node comes in by a POST that names another mode.
fn grows(cluster: &mut Cluster, node: u32, mode: &str, copies: u32, keys: &Keys) {
    let entry = cluster.add_entry();
    let number = cluster.numbers().last().expect("just added");
    let mut next = get(cluster.http(node), "/config?next=1").json();
    next["nodes"].as_array_mut().expect("a list").push(entry);
    (next["mode"], next["replication"]) = (json!(mode), json!(copies));
    let epoch = taken(&post(cluster.http(node), "/config", &next.to_string()));
    cluster.write_config(number, &get(cluster.http(node), "/config").json());
    cluster.start_only(&[number]);
    wait_settled(cluster, &[node, number], epoch);
    cluster.routed().expect_all(keys);
    fill(cluster, "later");
    let led = |of: u32| get(cluster.http(of), "/metrics").body;
    assert!(!led(number).contains("\nhyperion_partitions_led 0\n"), "it has its share");
}

#[test]
fn the_last_of_two_shards_is_single_and_becomes_a_cluster_again() {
    let mut cluster =
        Cluster::plan(2).at("/mode", json!("sharding")).at("/replication", json!(1)).start();
    let mut keys = fill(&cluster, "k");
    let answer = post(cluster.http(1), "/nodes/remove", r#"{"node": "n1"}"#);
    assert_eq!(taken(&answer), 2);
    // Who is to have all may be killed meanwhile.
    cluster.kill(2);
    cluster.start_again(2);
    wait_settled(&cluster, &[2], 3);
    end_removed(&mut cluster, 1);
    is_single(&mut cluster, 2, 3, &mut keys);
    grows(&mut cluster, 2, "sharding", 1, &keys);
}

#[test]
fn two_copies_become_one_and_two_again() {
    let mut cluster = Cluster::plan(2).start();
    let mut keys = fill(&cluster, "k");
    let mut next = get(cluster.http(2), "/config?next=1").json();
    next["nodes"][1]["leaving"] = json!("drain");
    (next["mode"], next["replication"]) = (json!("single"), json!(1));
    assert_eq!(taken(&post(cluster.http(2), "/config", &next.to_string())), 2);
    wait_settled(&cluster, &[1], 3);
    end_removed(&mut cluster, 2);
    is_single(&mut cluster, 1, 3, &mut keys);
    grows(&mut cluster, 1, "duplication", 2, &keys);
}

/// Several nodes with data are no single node, whatever the config says.
#[test]
fn single_wants_one_node() {
    let cluster = Cluster::plan(2).start();
    let answer = change(cluster.http(1), &[("/mode", json!("single")), ("/replication", json!(1))]);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("mode \\\"single\\\" has one node"), "{answer:?}");
}
