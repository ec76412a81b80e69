//! What a cluster begins with: configs that are refused, and the first formation.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use super::cluster_harness::Cluster;
use super::harness::{put, wait_for};
use super::http_call::change;

/// How long something is watched that must not happen.
const WATCHED: Duration = Duration::from_millis(1_500);

/// The exit code and the log of node 1, started with these flags.
fn refusal(mut cluster: Cluster, flags: &[&str]) -> (i32, String) {
    cluster.launch_as(1, flags);
    cluster.wait_end(1)
}

#[test]
fn a_node_of_several_must_know_which_one_it_is() {
    let (code, log) = refusal(Cluster::plan(3), &[]);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("say with --node which one this is"), "{log}");
    assert!(["n1", "n2", "n3"].iter().all(|name| log.contains(name)), "{log}");
    let (code, log) = refusal(Cluster::plan(3), &["--node", "n9"]);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("has no node \"n9\"") && log.contains("correct --node"), "{log}");
}

#[test]
fn what_several_nodes_cannot_do_is_refused_where_it_stands() {
    for (pointer, value, refused_at, hint) in [
        ("/settings/eviction", json!("nonsense"), "/settings/eviction", ""),
        ("/settings/storage", json!("memory"), "/settings/storage", "give \"disk\""),
        ("/replication", json!(4), "/replication", ""),
        ("/mode", json!("sharding"), "/replication", ""),
        ("/nodes/1/peer", json!("nonsense"), "/nodes/1/peer", ""),
        ("/nodes/1/name", json!("n1"), "/nodes/1/name", ""),
    ] {
        let (code, log) = refusal(Cluster::plan(3).at(pointer, value.clone()), &["--node", "n1"]);
        assert_eq!(code, 78, "{pointer} {value}: {log}");
        assert!(log.contains(refused_at) && log.contains(hint), "{pointer} {value}: {log}");
    }
}

#[test]
fn what_is_unwise_is_said_at_the_start_and_with_each_config() {
    let cluster =
        Cluster::plan(2).at("/nodes/0/rack", json!("r1")).at("/nodes/1/rack", json!("r1")).start();
    for sentence in ["the loss of one node stops writes", "all nodes stand in rack \"r1\""] {
        assert!(cluster.log(1).contains(sentence), "{}", cluster.log(1));
        let answer =
            change(cluster.http(1), &[("/settings/sync_interval_ms", json!(sentence.len()))]);
        let warnings = answer.json()["warnings"].to_string();
        assert!(warnings.replace("\\\"", "\"").contains(sentence), "{answer:?}");
    }
}

/// Panics unless the nodes serve no keys for a while; they answer all else.
fn serve_nothing(cluster: &mut Cluster, nodes: &[u32]) {
    let mut clients: Vec<_> = nodes.iter().map(|&node| cluster.client(node)).collect();
    for _ in 0..10 {
        for client in &mut clients {
            for line in ["SET a 1", "GET a", "INCR b"] {
                let said = client.ask(line);
                assert!(said.starts_with("-CLUSTERDOWN "), "{line}: {said}");
            }
            assert!(client.ask("CLUSTER INFO").contains("cluster_state:fail"));
            client.expect(&[("PING", "PONG"), ("READONLY", "OK")]);
            let said = client.ask("GET a");
            assert!(said.starts_with("-CLUSTERDOWN "), "a replica of nothing: {said}");
            client.expect(&[("READWRITE", "OK")]);
        }
        sleep(WATCHED / 10);
    }
    assert!(nodes.iter().all(|&node| cluster.is_alive(node)));
}

#[test]
fn nobody_serves_before_all_nodes_were_there_once() {
    let mut cluster = Cluster::plan(3);
    cluster.start_only(&[1, 2]);
    serve_nothing(&mut cluster, &[1, 2]);
    cluster.start_only(&[3]);
    cluster.wait_served();
    cluster.routed().set("a", b"1");
    // From then on a majority is enough, also when all begin anew.
    cluster.numbers().for_each(|node| cluster.kill(node));
    cluster.start_only(&[2, 3]);
    cluster.wait_served();
    assert_eq!(cluster.routed().ask("GET a"), "1");
}

#[test]
fn a_folder_that_was_emptied_does_not_vote_again() {
    let mut cluster = Cluster::plan(3).start();
    cluster.routed().set("a", b"1");
    cluster.kill(3);
    fs::remove_dir_all(cluster.data(3)).expect("the folder is ours");
    cluster.launch(3);
    let (code, log) = cluster.wait_end(3);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("the cluster was formed with another data folder of this node"), "{log}");
    cluster.wait_served();
    let mut routed = cluster.routed();
    assert_eq!(routed.ask("GET a"), "1");
    routed.set("b", b"2");
}

#[test]
fn nodes_with_different_configs_do_not_form() {
    let mut cluster = Cluster::plan(3);
    let mut other = cluster.config().clone();
    put(&mut other, "/settings/sync_interval_ms", json!(21));
    cluster.write_config(3, &other);
    cluster.start_only(&[1, 2, 3]);
    serve_nothing(&mut cluster, &[1, 2, 3]);
    wait_for("a sentence that says why", || {
        cluster.log(1).contains("the file of node \"n3\" is another one")
    });
    cluster.kill(3);
    cluster.write_config(3, &cluster.config().clone());
    cluster.start_only(&[3]);
    cluster.wait_served();
    cluster.routed().set("a", b"1");
}
