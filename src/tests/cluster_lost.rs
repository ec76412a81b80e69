//! A disk that is lost with the only copy of partitions, or with the majority of their copies: a person gives it up, loudly, and the
//! cluster goes on with what is left.

use std::collections::BTreeMap;
use std::fs;

use hyperion_wire::reply::Reply;
use serde_json::{Value, json};

use super::client::command;
use super::cluster_harness::Cluster;
use super::cluster_members::{taken, wait_settled};
use super::harness::wait_for;
use super::http_call::{get, post};

type Keys = BTreeMap<String, Option<Vec<u8>>>;

const DEAD: &str = r#"{"node": "n3", "dead": true}"#;
const LOST: &str = r#"{"node": "n3", "dead": true, "lose_data": true}"#;

fn fill(cluster: &Cluster, count: u32) -> Keys {
    let mut routed = cluster.routed();
    let keys = (0..count).map(|number| {
        let (key, value) = (format!("k{number}"), format!("v{number}").into_bytes());
        routed.set(&key, &value);
        (key, Some(value))
    });
    keys.collect()
}

/// The keys that a node serves itself.
fn served(cluster: &Cluster, node: u32, keys: &Keys) -> Vec<String> {
    let mut client = cluster.client(node);
    let mut here = Vec::new();
    for key in keys.keys() {
        client.send(&command(&[b"GET", key.as_bytes()]));
        if matches!(client.reply(), Reply::Bulk(_)) {
            here.push(key.clone());
        }
    }
    here
}

fn wait_missed(cluster: &Cluster) {
    wait_for("a node that is missed", || {
        [1, 2].iter().all(|node| {
            let status = get(cluster.http(*node), "/status").json();
            status["cluster"]["not_reached"] == json!(["n3"])
        })
    });
}

fn note(cluster: &Cluster, node: u32, epoch: u64) -> String {
    let history = get(cluster.http(node), "/config/history").json();
    let epochs = history["epochs"].as_array().cloned().unwrap_or_default();
    let entry = epochs.iter().find(|entry| entry["epoch"] == json!(epoch));
    entry.and_then(|entry| entry["note"].as_str()).unwrap_or_default().to_owned()
}

/// With its old data and with none it is none of the cluster's any more.
fn stays_out(cluster: &mut Cluster) {
    for wiped in [false, true] {
        if wiped {
            fs::remove_dir_all(cluster.data(3)).expect("the folder is ours");
        }
        cluster.launch(3);
        let (code, log) = cluster.wait_end(3);
        assert!(code == 78 && log.contains("was removed from the cluster"), "{code}: {log}");
    }
}

#[test]
fn the_only_copy_is_given_up_and_its_partitions_begin_empty() {
    let mut cluster =
        Cluster::plan(3).at("/mode", json!("sharding")).at("/replication", json!(1)).start();
    let mut keys = fill(&cluster, 300);
    let there = served(&cluster, 3, &keys);
    assert!(!there.is_empty() && there.len() < 300);
    // As long as it is there, nothing has to be lost; and it is the disk that is lost, not a node that leaves.
    let answer = post(cluster.http(1), "/nodes/remove", LOST);
    assert!(answer.status == 422 && answer.body.contains("is reached"), "{answer:?}");
    let mut next = get(cluster.http(2), "/config?next=1").json();
    next["nodes"][2]["leaving"] = json!("lost");
    let answer = post(cluster.http(2), "/config", &next.to_string());
    assert!(answer.status == 422 && answer.body.contains("is reached"), "{answer:?}");
    let answer = post(cluster.http(1), "/nodes/remove", r#"{"node": "n3", "lose_data": true}"#);
    assert_eq!(answer.status, 400, "{answer:?}");

    cluster.kill(3);
    wait_missed(&cluster);
    let answer = post(cluster.http(1), "/nodes/remove", DEAD);
    assert!(answer.status == 422 && answer.body.contains("lose_data"), "{answer:?}");
    assert_eq!(get(cluster.http(1), "/config").json()["epoch"], 1);
    let answer = post(cluster.http(1), "/nodes/remove", LOST);
    assert_eq!(taken(&answer), 2);
    let lost = answer.json()["note"].clone();
    assert!(
        lost.as_str().is_some_and(|it| it.starts_with("n3 given up with all data; begin")),
        "{lost}"
    );
    // Whoever was to begin some of them may be killed in the middle of it.
    cluster.kill(2);
    cluster.start_again(2);
    cluster.wait_served();
    wait_settled(&cluster, &[1, 2], 3);
    for node in [1, 2] {
        assert_eq!(Value::from(note(&cluster, node, 2)), lost);
    }
    assert!(cluster.log(1).contains("n3 given up with all data"));
    keys.iter_mut().filter(|(key, _)| there.contains(key)).for_each(|(_, value)| *value = None);
    let mut routed = cluster.routed();
    routed.expect_all(&keys);
    for (key, value) in &mut keys {
        routed.set(key, b"anew");
        *value = Some(b"anew".to_vec());
    }
    stays_out(&mut cluster);
    for node in [1, 2] {
        cluster.kill(node);
        cluster.start_again(node);
    }
    cluster.wait_served();
    cluster.routed().expect_all(&keys);
}

#[test]
fn one_of_two_copies_goes_on_and_gets_another_one() {
    let mut cluster = Cluster::plan(3)
        .at("/mode", json!("sharding+duplication"))
        .at("/replication", json!(2))
        .start();
    let mut keys = fill(&cluster, 300);
    cluster.kill(3);
    wait_missed(&cluster);
    let answer = post(cluster.http(2), "/nodes/remove", DEAD);
    assert!(answer.status == 422 && answer.body.contains("lose_data"), "{answer:?}");
    assert_eq!(taken(&post(cluster.http(2), "/nodes/remove", LOST)), 2);
    cluster.kill(1);
    cluster.start_again(1);
    cluster.wait_served();
    wait_settled(&cluster, &[1, 2], 3);
    let lost = note(&cluster, 1, 2);
    assert!(
        lost.contains("go on with the one copy that is left") && !lost.contains("empty"),
        "{lost}"
    );
    cluster.routed().expect_all(&keys);
    let mut routed = cluster.routed();
    for (key, value) in keys.iter_mut().take(100) {
        routed.set(key, b"later");
        *value = Some(b"later".to_vec());
    }
    for node in [1, 2] {
        cluster.wait_copies(node, &keys);
    }
    stays_out(&mut cluster);
}

/// Before it is gone for good, the node that was given up comes back with what it had, and may not serve that.
#[test]
fn who_was_given_up_and_comes_back_at_once_is_refused() {
    let mut cluster =
        Cluster::plan(3).at("/mode", json!("sharding")).at("/replication", json!(1)).start();
    fill(&cluster, 100);
    cluster.signal(3, "STOP");
    wait_missed(&cluster);
    assert_eq!(taken(&post(cluster.http(1), "/nodes/remove", LOST)), 2);
    cluster.signal(3, "CONT");
    cluster.wait_gone(3);
    wait_settled(&cluster, &[1, 2], 3);
    cluster.routed().set("k1", b"anew");
}
