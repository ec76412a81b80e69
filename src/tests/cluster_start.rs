//! The rows of a start: how a node's file stands to what the cluster has agreed on.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::cluster_harness::Cluster;
use super::harness::put;
use super::http_call::{get, post};

/// Three nodes that have gone from epoch 1 to 3.
fn at_epoch_three() -> Cluster {
    let cluster = Cluster::plan(3).start();
    for interval in [30, 31] {
        change(&cluster, 1, interval);
    }
    for node in cluster.numbers() {
        super::harness::wait_for("epoch 3", || cluster.file(node)["epoch"] == 3);
    }
    cluster
}

fn change(cluster: &Cluster, by: u32, interval: u32) {
    let mut next = get(cluster.http(by), "/config?next=1").json();
    put(&mut next, "/settings/sync_interval_ms", json!(interval));
    let answer = post(cluster.http(by), "/config", &next.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A call of the program that is no server: exit code, and what it printed.
fn call(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hyperiond"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary is built");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

fn resolve(cluster: &Cluster, node: u32, take: &str) -> (Option<i32>, String) {
    let (config, data) = (cluster.config_path(node), cluster.data(node));
    let text = |path: &std::path::Path| path.to_str().expect("it is text").to_owned();
    call(&["resolve", "--take", take, "--config", &text(&config), "--data", &text(&data)])
}

fn bak(cluster: &Cluster, node: u32) -> Option<Value> {
    let text = fs::read(cluster.config_path(node).with_extension("json.bak")).ok()?;
    serde_json::from_slice(&text).ok()
}

#[test]
fn an_older_file_is_replaced_by_the_clusters() {
    let mut cluster = at_epoch_three();
    cluster.routed().set("a", b"1");
    cluster.kill(3);
    let newest = cluster.file(3);
    // The first one, as the operator's repository may have it.
    let old = cluster.config().clone();
    cluster.write_config(3, &old);
    cluster.start_again(3);
    cluster.wait_health(3, 200, "ok");
    assert_eq!(cluster.file(3), newest);
    assert_eq!(bak(&cluster, 3), Some(old));
    // It was away for one change, and has the file of then.
    cluster.kill(3);
    change(&cluster, 1, 40);
    cluster.start_again(3);
    cluster.wait_health(3, 200, "ok");
    assert_eq!(cluster.file(3), cluster.file(1));
    assert_eq!(bak(&cluster, 3), Some(newest));
    cluster.wait_served();
    assert_eq!(cluster.routed().ask("GET a"), "1");
}

/// An edited file: HTTP alone is served, and everybody says the same about it.
fn is_in_conflict(cluster: &mut Cluster, node: u32, pointer: &str) {
    cluster.wait_health(node, 503, "conflict");
    let answer = get(cluster.http(node), "/config/conflict");
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    let field = told["differences"].as_array().expect("a list");
    let field = field.iter().find(|it| it["pointer"] == pointer);
    assert!(field.is_some_and(|it| it["cluster"] != it["file"]), "{told}");
    let mut client = cluster.client(node);
    for line in ["SET a 1", "GET a", "SCAN 0", "DBSIZE", "KEYS *", "RANDOMKEY", "FLUSHALL"] {
        let said = client.ask(line);
        assert!(said.starts_with("-CLUSTERDOWN "), "{line}: {said}");
    }
    client.expect(&[("READONLY", "OK")]);
    assert!(client.ask("GET a").starts_with("-CLUSTERDOWN "));
    let refused = post(cluster.http(node), "/config", "{}");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.body.contains("conflict"), "{refused:?}");
    // The others go on.
    let mut routed = cluster.routed();
    routed.set("a", b"1");
    let config = cluster.config_path(node).to_str().expect("it is text").to_owned();
    let data = cluster.data(node).to_str().expect("it is text").to_owned();
    let (code, said) = call(&["--check", "--config", &config, "--data", &data]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains(pointer) && said.contains("resolve --take cluster"), "{said}");
}

#[test]
fn an_edited_file_is_a_conflict_until_the_clusters_is_taken() {
    let mut cluster = at_epoch_three();
    cluster.routed().set("a", b"1");
    let answer = get(cluster.http(3), "/config/conflict");
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(post(cluster.http(3), "/config/conflict", r#"{"take": "mine"}"#).status, 409);
    cluster.kill(3);
    let mut edited = cluster.file(3);
    put(&mut edited, "/settings/sync_interval_ms", json!(77));
    cluster.write_config(3, &edited);
    cluster.launch(3);
    is_in_conflict(&mut cluster, 3, "/settings/sync_interval_ms");
    assert_eq!(post(cluster.http(3), "/config/conflict", r#"{"take": "it"}"#).status, 400);
    // It holds after a restart too.
    cluster.kill(3);
    cluster.launch(3);
    is_in_conflict(&mut cluster, 3, "/settings/sync_interval_ms");
    let (code, said) = resolve(&cluster, 3, "cluster");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(cluster.file(3), cluster.file(1));
    assert_eq!(bak(&cluster, 3), Some(edited));
    cluster.wait_served();
    assert_eq!(cluster.routed().ask("GET a"), "1");
}

#[test]
fn an_edited_file_becomes_the_clusters_when_a_person_says_so() {
    let mut cluster = at_epoch_three();
    cluster.kill(2);
    let mut edited = cluster.file(2);
    put(&mut edited, "/settings/sync_interval_ms", json!(77));
    put(&mut edited, "/epoch", json!(9));
    cluster.write_config(2, &edited);
    cluster.launch(2);
    is_in_conflict(&mut cluster, 2, "/epoch");
    let (code, said) = resolve(&cluster, 2, "mine");
    assert_eq!(code, Some(0), "{said}");
    for node in cluster.numbers() {
        super::harness::wait_for("the file everywhere", || cluster.file(node)["epoch"] == 4);
        assert_eq!(cluster.file(node)["settings"]["sync_interval_ms"], 77);
    }
    assert_eq!(bak(&cluster, 2), Some(edited));
    cluster.wait_served();
}

#[test]
fn a_file_that_breaks_the_rules_cannot_become_the_clusters() {
    let mut cluster = at_epoch_three();
    cluster.kill(2);
    let mut edited = cluster.file(2);
    // What is fixed when the cluster is made.
    put(&mut edited, "/nodes/0/resp", json!("127.0.0.1:1"));
    cluster.write_config(2, &edited);
    cluster.launch(2);
    is_in_conflict(&mut cluster, 2, "/nodes/0/resp");
    let (code, said) = resolve(&cluster, 2, "mine");
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("/nodes/0/resp"), "{said}");
    is_in_conflict(&mut cluster, 2, "/nodes/0/resp");
}

#[test]
fn the_clusters_config_may_move_the_node_that_takes_it() {
    let mut cluster = at_epoch_three();
    cluster.kill(3);
    let mut edited = cluster.file(3);
    let genuine = edited.clone();
    // It listens elsewhere, and says so in a config that is none.
    put(&mut edited, "/nodes/2/resp_cores", json!(super::harness::free_ports()[0]));
    put(&mut edited, "/settings/sync_interval_ms", json!(77));
    cluster.write_config(3, &edited);
    cluster.launch(3);
    is_in_conflict(&mut cluster, 3, "/nodes/2/resp_cores");
    let (code, said) = resolve(&cluster, 3, "cluster");
    assert_eq!(code, Some(0), "{said}");
    assert!(cluster.log(3).contains("starting anew"), "{}", cluster.log(3));
    assert_eq!(cluster.file(3), genuine);
    cluster.wait_served();
}

#[test]
fn a_node_says_anew_where_it_listens() {
    let mut cluster = at_epoch_three();
    cluster.kill(3);
    let mut next = get(cluster.http(1), "/config?next=1").json();
    let ports = super::harness::free_ports();
    put(&mut next, "/nodes/2/peer", json!(super::harness::address(ports[0]).to_string()));
    cluster.write_config(3, &next);
    cluster.start_again(3);
    for node in cluster.numbers() {
        super::harness::wait_for("epoch 4", || cluster.file(node)["epoch"] == 4);
    }
    cluster.wait_health(3, 200, "ok");
    cluster.wait_served();
    for node in [1, 2] {
        super::harness::wait_for("the new address", || {
            cluster.log(node).contains(&format!("node 3 is reached at 127.0.0.1:{}", ports[0]))
        });
    }
    // Also where its own vote is needed for that. (With another address for peers it could not be: nobody dials it there yet.)
    [2, 3].into_iter().for_each(|node| cluster.kill(node));
    let mut next = cluster.file(1);
    put(&mut next, "/nodes/2/resp_cores", json!(ports[1]));
    put(&mut next, "/epoch", json!(5));
    put(&mut next, "/parent", get(cluster.http(1), "/config?next=1").json()["parent"].clone());
    cluster.write_config(3, &next);
    cluster.start_again(3);
    cluster.wait_health(3, 200, "ok");
    cluster.wait_served();
    cluster.start_again(2);
    for node in cluster.numbers() {
        super::harness::wait_for("epoch 5", || cluster.file(node)["epoch"] == 5);
    }
    cluster.wait_served();
    let all = (0..10).map(|key| (format!("key:{key}"), Some(b"x".to_vec()))).collect();
    (0..10).for_each(|key| cluster.routed().set(&format!("key:{key}"), b"x"));
    cluster.wait_copies(3, &all);
}

#[test]
fn a_minority_waits_and_says_so() {
    let mut cluster = at_epoch_three();
    cluster.routed().set("a", b"1");
    cluster.numbers().for_each(|node| cluster.kill(node));
    cluster.launch(1);
    cluster.wait_health(1, 503, "waiting for majority: have 1 of 3");
    assert!(cluster.client(1).ask("GET a").starts_with("-CLUSTERDOWN"));
    // A conflict of another one does not take its answer away.
    let mut edited = cluster.file(2);
    put(&mut edited, "/settings/sync_interval_ms", json!(77));
    cluster.write_config(2, &edited);
    cluster.launch(2);
    cluster.wait_health(2, 503, "conflict");
    cluster.wait_health(1, 200, "ok");
    cluster.launch(3);
    cluster.wait_health(3, 200, "ok");
    super::harness::wait_for("the key", || {
        [1, 3].iter().any(|&node| cluster.client(node).ask("GET a") == "1")
    });
    // A newcomer with the file of a cluster that is not there does not begin one.
    cluster.numbers().for_each(|node| cluster.kill(node));
    let entry = cluster.add_entry();
    let mut next = cluster.file(1);
    next["nodes"].as_array_mut().expect("a list").push(entry);
    put(&mut next, "/mode", json!("sharding+duplication"));
    put(&mut next, "/epoch", json!(4));
    cluster.write_config(4, &next);
    cluster.launch(4);
    cluster.wait_health(4, 503, "waiting for the cluster that made the config of epoch 4");
}
