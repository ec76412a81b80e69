//! A node that is alone becomes one of several while clients write, and a kill at any moment leaves one of the two.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::client::Client;
use super::cluster_harness::Cluster;
use super::cluster_members::{Keys, taken, under_writes, wait_settled};
use super::harness::{two_cpus, wait_for};
use super::http_call::{change, get, next_config, post, try_post};

/// One node that is alone, of two cores where the machine has them.
fn alone() -> Cluster {
    let cluster = Cluster::plan(1).at("/mode", json!("single"));
    match two_cpus() {
        Some(cores) => cluster.at("/nodes/0/cores", json!(cores)),
        None => cluster,
    }
}

/// Starts it, on other ports when these are taken.
fn started(mut cluster: Cluster) -> Cluster {
    cluster.start_unserved();
    cluster
}

/// Changes by which the node becomes one of those with these entries.
fn growth(cluster: &Cluster, entries: &[Value]) -> Vec<(&'static str, Value)> {
    let mut nodes = get(cluster.http(1), "/config").json()["nodes"].clone();
    nodes.as_array_mut().expect("a list").extend(entries.iter().cloned());
    let copies = nodes.as_array().map_or(0, Vec::len);
    vec![("/mode", json!("duplication")), ("/replication", json!(copies)), ("/nodes", nodes)]
}

/// Strings, short and long, some of them changed in parts and some that expire.
fn fill(client: &mut Client) -> Keys {
    let mut written = Keys::new();
    for number in 0..1_000 {
        let (key, value) = (format!("k{number}"), format!("v{number}").into_bytes());
        client.set(&key, &value);
        written.insert(key, Some(value));
    }
    for number in 0..8_usize {
        let (key, mut value) = (format!("long{number}"), vec![b'a'; 700_000 + number]);
        client.set(&key, &value);
        assert_eq!(client.ask(&format!("APPEND {key} tail")), (value.len() + 4).to_string());
        assert_eq!(
            client.ask(&format!("SETRANGE {key} 300000 inside")),
            (value.len() + 4).to_string()
        );
        value.extend_from_slice(b"tail");
        value[300_000..300_006].copy_from_slice(b"inside");
        written.insert(key, Some(value));
    }
    // More than one part of a snapshot holds.
    for (key, bytes) in [("longer", 3 << 20), ("longest", 9_437_184)] {
        client.set(key, &vec![b'b'; bytes]);
        written.insert(key.to_owned(), Some(vec![b'b'; bytes]));
    }
    for number in 0..100 {
        client.expect(&[(&format!("SET e{number} here EX 3600"), "OK")]);
        written.insert(format!("e{number}"), Some(b"here".to_vec()));
        client.expect(&[(&format!("SET d{number} gone"), "OK"), (&format!("DEL d{number}"), "1")]);
        written.insert(format!("d{number}"), None);
    }
    written
}

/// Sets keys of several cores at once until the node says that partitions have leaders of their own.
fn set_many(mut client: Client, stop: &AtomicBool) -> u64 {
    for number in 0.. {
        let line: Vec<String> = (0..16).map(|key| format!("m{key} {number}")).collect();
        let said = client.ask(&format!("MSET {}", line.join(" ")));
        if said.starts_with("-CROSSSLOT") {
            return number;
        }
        assert_eq!(said, "OK");
        assert!(!stop.load(Ordering::Relaxed), "it never became a cluster");
    }
    unreachable!("counted for ever")
}

#[test]
fn a_node_that_is_alone_becomes_three_under_writes() {
    for durability in ["always", "interval"] {
        let mut cluster = started(alone().at("/settings/durability", json!(durability)));
        let mut written = fill(&mut cluster.client(1));
        let mut kept = cluster.client(1);
        kept.expect(&[("SELECT 3", "OK"), ("SET other here", "OK"), ("GET other", "here")]);
        let entries = [cluster.add_entry(), cluster.add_entry()];
        let stop = AtomicBool::new(false);
        let many = cluster.client(1);
        let (more, last) = std::thread::scope(|scope| {
            let many = scope.spawn(|| set_many(many, &stop));
            let more = under_writes(&mut cluster, |cluster| {
                let answer = change(cluster.http(1), &growth(cluster, &entries));
                assert_eq!(taken(&answer), 2);
                println!("{durability}: {}", cluster.log(1).lines().last().unwrap_or_default());
            });
            stop.store(true, Ordering::Relaxed);
            (more, many.join().expect("it is only refused in the end"))
        });
        written.extend(more);
        // What several cores set together is there together.
        assert!(last > 0);
        for key in 0..16 {
            written.insert(format!("m{key}"), Some((last - 1).to_string().into_bytes()));
        }
        let mut routed = cluster.routed();
        routed.expect_all(&written);
        kept.expect(&[("GET other", "here"), ("SET other there", "OK"), ("SELECT 0", "OK")]);
        assert_eq!(routed.ask("APPEND long0 more"), "700008");
        written.get_mut("long0").and_then(Option::as_mut).expect("set").extend_from_slice(b"more");

        if durability == "always" {
            cluster.kill(1);
            cluster.start_again(1);
            cluster.routed().expect_all(&written);
            continue;
        }
        // The others come and get copies of all.
        let config = get(cluster.http(1), "/config").json();
        assert_eq!(config["mode"], "duplication");
        let more = under_writes(&mut cluster, |cluster| {
            for node in [2, 3] {
                cluster.write_config(node, &config);
            }
            cluster.start_only(&[2, 3]);
            wait_settled(cluster, &[1, 2, 3], 2);
        });
        written.extend(more);
        for node in [1, 2, 3] {
            cluster.wait_copies(node, &written);
        }
        cluster.kill(1);
        routed.expect_all(&written);
        cluster.start_again(1);
        cluster.wait_served();
        cluster.routed().expect_all(&written);
    }
}

#[test]
fn a_kill_at_any_moment_leaves_a_single_node_or_a_cluster() {
    let places = [
        ("opened", false),
        ("agreed", false),
        ("formed", false),
        ("marked", true),
        ("others", true),
        ("founded", true),
        ("led", true),
    ];
    for (place, is_cluster) in places {
        let mut cluster = alone().at("/settings/durability", json!("always"));
        cluster.set_environment(&[("HYPERION_TEST_GROWTH_KILL", place)]);
        let mut cluster = started(cluster);
        let mut written = BTreeMap::new();
        let mut client = cluster.client(1);
        for number in 0..300 {
            let (key, value) = (format!("k{number}"), format!("v{number}").into_bytes());
            client.set(&key, &value);
            written.insert(key, Some(value));
        }
        let entry = cluster.add_entry();
        let body =
            next_config(cluster.http(1), &growth(&cluster, std::slice::from_ref(&entry)), "");
        let http = cluster.http(1);
        assert!(try_post(http, "/config", &body).is_none(), "{place}: it was to end");
        cluster.wait_gone(1);
        cluster.set_environment(&[]);
        for start in 0..2 {
            cluster.start_again(1);
            let config = get(http, "/config").json();
            let found = if is_cluster { "duplication" } else { "single" };
            assert_eq!(config["mode"], found, "{place}, start {start}");
            let mut routed = cluster.routed();
            routed.expect_all(&written);
            routed.set("after", b"1");
            written.insert("after".to_owned(), Some(b"1".to_vec()));
            cluster.kill(1);
        }
        cluster.start_again(1);
        if !is_cluster {
            // What was left of the first try is in nobody's way.
            let answer = change(http, &[("/settings/sync_interval_ms", json!(21))]);
            assert_eq!(taken(&answer), 2);
            assert_eq!(taken(&change(http, &growth(&cluster, &[entry]))), 3);
        }
        let config = get(http, "/config").json();
        cluster.write_config(2, &config);
        cluster.start_only(&[2]);
        wait_settled(&cluster, &[1, 2], config["epoch"].as_u64().expect("a number"));
        for node in [1, 2] {
            cluster.wait_copies(node, &written);
        }
    }
}

#[test]
fn what_cannot_become_a_cluster_goes_on_alone() {
    let mut cluster = started(alone());
    let http = cluster.http(1);
    let mut client = cluster.client(1);
    client.expect(&[("SET here 1", "OK")]);
    let entry = cluster.add_entry();
    let grown = growth(&cluster, &[entry]);
    let with = |changes: &[(&'static str, Value)]| [grown.clone(), changes.to_vec()].concat();
    for (changes, pointer, sentence) in [
        (vec![("/mode", json!("sharding"))], "/mode", "wants 2 nodes"),
        (with(&[("/nodes/0/resp", json!("127.0.0.1:1"))]), "/nodes/0/resp", "stop the node, edit"),
        (with(&[("/settings/eviction", json!("lru"))]), "/settings/eviction", "none"),
        (with(&[("/nodes/1/peer", json!("10.1.2.3:7381"))]), "/nodes/0/peer", "cannot be reached"),
    ] {
        let answer = change(http, &changes);
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(answer.body.contains(pointer) && answer.body.contains(sentence), "{answer:?}");
    }
    // What it is told not to do is said before anything is written, and clients go on.
    let taken_port = TcpListener::bind(cluster.peer(1)).expect("it is ours");
    let answer = change(http, &grown);
    assert_eq!((answer.status, answer.pointer().as_str()), (422, "/nodes/0/peer"), "{answer:?}");
    client.expect(&[("GET here", "1"), ("MSET a 1 b 2 c 3 d 4", "OK")]);
    assert_eq!(get(http, "/config").json()["epoch"], 1);
    drop(taken_port);
    let answer = change(http, &grown);
    assert_eq!(taken(&answer), 2);
    client.expect(&[("GET here", "1"), ("GET d", "4")]);
    let again = post(http, "/config", &get(http, "/config").body);
    assert_eq!(again.status, 200, "{again:?}");
    wait_for("what is known of the cluster", || {
        get(http, "/status").json()["cluster"]["epoch"] == json!(2)
    });

    // The config of the time before does not make it alone again.
    cluster.kill(1);
    let before = std::fs::read(cluster.config_path(1).with_file_name("config.1.json"));
    let before: Value = serde_json::from_slice(&before.expect("it is kept")).expect("JSON");
    cluster.write_config(1, &before);
    cluster.launch(1);
    let (code, log) = cluster.wait_end(1);
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("the data is a cluster's"), "{log}");
}
