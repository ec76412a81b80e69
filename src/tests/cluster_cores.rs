//! A node of a cluster that starts on another number of cores: it has what it had, votes as it did, and serves.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::cluster_harness::{Cluster, Routed};
use super::cluster_members::Keys;
use super::harness::two_cpus;
use super::http_call::get;

fn cores_of(cluster: &Cluster, node: u32) -> usize {
    get(cluster.http(node), "/status").json()["cores"].as_array().map_or(0, Vec::len)
}

/// Writes until it is told to stop; each write is tried until it is acknowledged.
fn write(mut routed: Routed, stop: &AtomicBool) -> Keys {
    let mut written = Keys::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) = (format!("w{}", number % 300), format!("w-{number}").into_bytes());
        routed.set(&key, &value);
        written.insert(key, Some(value));
    }
    written
}

#[test]
fn nodes_change_their_number_of_cores_one_after_the_other_under_writes() {
    let Some(both) = two_cpus() else { return };
    for durability in ["always", "interval"] {
        let mut cluster = Cluster::plan(3).at("/settings/durability", json!(durability)).start();
        let mut written = Keys::new();
        let mut routed = cluster.routed();
        for number in 0..500 {
            let (key, value) = (format!("k{number}"), format!("v{number}").into_bytes());
            routed.set(&key, &value);
            written.insert(key, Some(value));
        }
        let long = vec![b'l'; 3 << 20];
        routed.set("long", &long);
        written.insert("long".to_owned(), Some(long));
        let own = cluster.file(1)["nodes"][0]["cores"].as_str().expect("a text").to_owned();
        for node in [1, 2, 3, 2] {
            let (name, before) = (format!("n{node}"), cores_of(&cluster, node));
            let cores = if before == 1 { both.as_str() } else { own.as_str() };
            let stop = AtomicBool::new(false);
            let writer = cluster.routed();
            written.extend(std::thread::scope(|scope| {
                let writing = scope.spawn(|| write(writer, &stop));
                // In the midst of what it takes from others, or hands to them.
                cluster.kill(node);
                cluster.start_again_as(node, &["--node", &name, "--cores", cores]);
                cluster.wait_served();
                stop.store(true, Ordering::Relaxed);
                writing.join().expect("each write is acknowledged")
            }));
            assert_eq!(cores_of(&cluster, node), 3 - before, "{}", cluster.log(node));
            let log = cluster.log(node);
            assert!(log.contains("written anew for"), "{log}");
            cluster.wait_copies(node, &written);
        }
        cluster.routed().expect_all(&written);
        // With any two of the three all is there.
        for lost in [1, 2, 3] {
            cluster.kill(lost);
            cluster.routed().expect_all(&written);
            cluster.start_again_as(lost, &["--node", &format!("n{lost}")]);
            cluster.wait_served();
            cluster.wait_copies(lost, &written);
        }
    }
}
