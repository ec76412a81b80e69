//! Nodes that come to a cluster that runs and leave it: by announcing themselves, by a POST, and what the others make of it.

use std::fs;
use std::thread;

use serde_json::{Value, json};

use super::cluster_harness::Cluster;
use super::cluster_members::wait_settled;
use super::harness::{put, wait_for};
use super::http_call::{Answer, get, post};

/// Three nodes, each partition on two of them: a fourth changes nothing but the nodes.
fn plan() -> Cluster {
    Cluster::plan(3).at("/mode", json!("sharding+duplication")).at("/replication", json!(2))
}

/// The next config of a cluster, with one more entry.
fn with_entry(cluster: &Cluster, entry: Value) -> Value {
    let mut next = get(cluster.http(1), "/config?next=1").json();
    next["nodes"].as_array_mut().expect("a list").push(entry);
    next
}

fn epoch(cluster: &Cluster, node: u32) -> Value {
    get(cluster.http(node), "/config").json()["epoch"].clone()
}

/// Waits until all nodes have the config of an epoch, in force and in their files.
fn wait_epoch(cluster: &Cluster, wanted: u64) {
    for node in cluster.numbers() {
        wait_for(&format!("epoch {wanted} on node {node}"), || {
            epoch(cluster, node) == wanted && cluster.file(node)["epoch"] == wanted
        });
    }
}

/// The fourth node tells everybody where to go for what it does not serve; the others show it.
fn is_one_of_four(cluster: &mut Cluster) {
    let mut routed = cluster.routed();
    for key in 0..50 {
        routed.set(&format!("key:{key}"), b"x");
    }
    let mut fourth = cluster.client(4);
    wait_for("a leader of every slot, as the fourth knows", || {
        fourth.ask("CLUSTER INFO").contains("cluster_state:ok")
    });
    let said: Vec<String> = (0..50).map(|key| fourth.ask(&format!("GET key:{key}"))).collect();
    assert!(said.iter().all(|it| it == "x" || it.starts_with("-MOVED ")), "{said:?}");
    assert!(said.iter().any(|it| it.starts_with("-MOVED ")), "{said:?}");
    for node in 1..=4 {
        wait_for("four nodes that are connected", || {
            let nodes = cluster.client(node).ask("CLUSTER NODES");
            nodes.matches(" connected").count() == 4
        });
    }
}

#[test]
fn a_node_announces_itself_by_its_file() {
    let mut cluster = plan().start();
    let entry = cluster.add_entry();
    let next = with_entry(&cluster, entry);
    cluster.write_config(4, &next);
    cluster.start_only(&[4]);
    wait_epoch(&cluster, 2);
    cluster.wait_health(4, 200, "ok");
    is_one_of_four(&mut cluster);
    // It hears of what the others agree on, and may propose itself.
    for (by, epoch) in [(1, 3), (4, 4)] {
        let mut next = get(cluster.http(by), "/config?next=1").json();
        put(&mut next, "/settings/sync_interval_ms", json!(20 + epoch));
        let answer = post(cluster.http(by), "/config", &next.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
        wait_epoch(&cluster, epoch);
    }
    // It comes back as it left, also after it was away while something changed.
    cluster.kill(4);
    let mut next = get(cluster.http(1), "/config?next=1").json();
    put(&mut next, "/settings/sync_interval_ms", json!(30));
    assert_eq!(post(cluster.http(1), "/config", &next.to_string()).status, 200);
    cluster.start_again(4);
    wait_epoch(&cluster, 5);
    is_one_of_four(&mut cluster);
    // All begin anew.
    cluster.numbers().for_each(|node| cluster.kill(node));
    cluster.start_only(&[1, 2, 3, 4]);
    cluster.wait_served();
    is_one_of_four(&mut cluster);
}

#[test]
fn a_node_that_was_posted_starts_with_the_same_file() {
    let mut cluster = plan().start();
    let entry = cluster.add_entry();
    let next = with_entry(&cluster, entry);
    let answer = post(cluster.http(2), "/config", &next.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    for node in 1..=3 {
        wait_for("the fourth as one that is not there", || {
            let nodes = cluster.client(node).ask("CLUSTER NODES");
            nodes.matches(" disconnected").count() == 1
        });
    }
    cluster.write_config(4, &next);
    cluster.start_only(&[4]);
    wait_epoch(&cluster, 2);
    is_one_of_four(&mut cluster);
    assert!(!cluster.config_path(4).with_extension("json.bak").exists());
}

#[test]
fn a_node_without_a_uuid_draws_one() {
    let mut cluster = plan().start();
    let mut entry = cluster.add_entry();
    entry.as_object_mut().expect("an entry").remove("uuid");
    let next = with_entry(&cluster, entry);
    let refused = post(cluster.http(1), "/config", &next.to_string());
    assert_eq!((refused.status, refused.pointer().as_str()), (422, "/nodes/3/uuid"), "{refused:?}");
    cluster.write_config(4, &next);
    cluster.start_only(&[4]);
    wait_epoch(&cluster, 2);
    is_one_of_four(&mut cluster);
    let drawn = cluster.file(1)["nodes"][3]["uuid"].as_str().map(str::len);
    assert_eq!(drawn, Some(36));
}

#[test]
fn an_announcement_that_says_more_than_it_may_is_a_conflict() {
    let mut cluster = plan().start();
    let entry = cluster.add_entry();
    let mut next = with_entry(&cluster, entry);
    put(&mut next, "/settings/limits", json!({ "clients": 7 }));
    cluster.write_config(4, &next);
    cluster.launch(4);
    cluster.wait_health(4, 503, "more than this node's own entry");
    // An id that was given before, an address that is taken: the rules of a change.
    // The cluster's config has no place for it.
    let (config, data) = (cluster.config_path(4), cluster.data(4));
    let resolve = std::process::Command::new(env!("CARGO_BIN_EXE_hyperiond"))
        .args(["resolve", "--take", "cluster", "--config"])
        .arg(config)
        .arg("--data")
        .arg(data)
        .output()
        .expect("the binary is built");
    let said = String::from_utf8_lossy(&resolve.stderr).into_owned();
    assert_eq!(resolve.status.code(), Some(78), "{said}");
    assert!(said.contains("does not name this node"), "{said}");
    cluster.kill(4);
    put(&mut next, "/settings/limits", Value::Null);
    let taken = next["nodes"][0]["resp"].clone();
    put(&mut next, "/nodes/3/resp", taken);
    cluster.write_config(4, &next);
    cluster.launch(4);
    let (code, log) = cluster.wait_end(4);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("/nodes/3/resp"), "{log}");
    assert_eq!(epoch(&cluster, 1), 1);
}

#[test]
fn nodes_of_several_cores_join_and_are_joined() {
    let Some(cores) = super::harness::two_cpus() else { return };
    let mut cluster = plan();
    for node in 0..3 {
        cluster = cluster.at(&format!("/nodes/{node}/cores"), json!(cores));
    }
    let mut cluster = cluster.start();
    let mut entry = cluster.add_entry();
    entry["cores"] = json!(cores);
    let next = with_entry(&cluster, entry);
    cluster.write_config(4, &next);
    cluster.start_only(&[4]);
    wait_epoch(&cluster, 2);
    // Whichever core has the client.
    (0..4).for_each(|_| is_one_of_four(&mut cluster));
    cluster.kill(2);
    cluster.start_again(2);
    cluster.wait_served();
    (0..4).for_each(|_| is_one_of_four(&mut cluster));
}

#[test]
fn of_two_posts_at_once_one_is_taken() {
    let cluster = plan().start();
    for round in 1..=5_u64 {
        let next = get(cluster.http(1), "/config?next=1").json();
        let posts = (1..=3_u32).map(|node| {
            let (address, mut next) = (cluster.http(node), next.clone());
            put(&mut next, "/settings/sync_interval_ms", json!(20 + u64::from(node) + 10 * round));
            thread::spawn(move || post(address, "/config", &next.to_string()))
        });
        let posts: Vec<thread::JoinHandle<Answer>> = posts.collect();
        let answers = posts.into_iter().map(|post| post.join().expect("it does not panic"));
        let mut statuses: Vec<u16> = answers.map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409], "round {round}");
        wait_epoch(&cluster, 1 + round);
    }
}

#[test]
fn a_node_that_was_removed_is_not_spoken_to() {
    let mut cluster = plan().start();
    let entry = cluster.add_entry();
    let next = with_entry(&cluster, entry.clone());
    cluster.write_config(4, &next);
    cluster.start_only(&[4]);
    wait_epoch(&cluster, 2);
    is_one_of_four(&mut cluster);
    wait_settled(&cluster, &[1, 2, 3, 4], 2);
    // It is there yet when the others part with it.
    let answer = post(cluster.http(1), "/nodes/remove", r#"{"node": "n4"}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_settled(&cluster, &[1, 2, 3], 4);
    wait_for("the fourth that knows", || cluster.log(4).contains("was removed from the cluster"));
    let mut next = get(cluster.http(1), "/config?next=1").json();
    for node in 1..=3 {
        wait_for("three nodes", || {
            cluster.client(node).ask("CLUSTER NODES").matches("master").count() == 3
        });
    }
    for node in 1..=3 {
        wait_for("links that were closed", || {
            cluster.log(node).contains("closed: this node was removed from the cluster")
        });
    }
    cluster.kill(4);
    // With its data, and with an empty folder.
    for _ in 0..2 {
        cluster.launch(4);
        let (code, log) = cluster.wait_end(4);
        assert_eq!(code, 78, "{log}");
        assert!(log.contains("was removed from the cluster; wipe its data"), "{log}");
        let _ = fs::remove_dir_all(cluster.data(4));
    }
    // A file that says so itself.
    next["nodes"].as_array_mut().expect("a list").push(entry);
    cluster.write_config(4, &next);
    cluster.launch(4);
    let (code, log) = cluster.wait_end(4);
    assert_eq!(code, 78, "{log}");
}
