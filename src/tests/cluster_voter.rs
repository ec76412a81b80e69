//! Two nodes with data and one that keeps logs alone: each of the three may be lost.

use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::show;
use super::cluster_harness::{Cluster, Routed, runs};
use super::cluster_members::{Keys, taken, wait_settled};
use super::http_call::{change, get};

/// Nodes 1 and 2 have copies of all, node 3 has the logs.
fn witnessed() -> Cluster {
    Cluster::plan(3).at("/replication", json!(2)).at("/nodes/2/role", json!("voter"))
}

fn fill(routed: &mut Routed, name: &str, count: usize, written: &mut Keys) {
    for number in 0..count {
        let (key, value) = (format!("k{number}"), format!("{name}-{number}").into_bytes());
        routed.set(&key, &value);
        written.insert(key, Some(value));
    }
}

fn keys_of(cluster: &Cluster, node: u32) -> u64 {
    get(cluster.http(node), "/status").json()["keys"].as_u64().expect("a number")
}

/// A client that knows nothing of the node that keeps logs alone.
fn routed(cluster: &Cluster, nodes: &[u32]) -> Routed {
    Routed::of(nodes.iter().map(|&node| cluster.resp(node)).collect())
}

#[test]
fn any_of_the_three_may_be_lost() {
    let mut cluster = witnessed().start();
    let mut routed = routed(&cluster, &[1, 2]);
    let mut written = Keys::new();
    fill(&mut routed, "first", 500, &mut written);

    // Clients are sent on by the one that keeps logs, whatever they ask, and do not find it by asking others.
    let mut client = cluster.client(3);
    for _ in 0..2 {
        let said = client.ask("GET k1");
        assert!(said.starts_with("-MOVED "), "{said}");
        assert_eq!(client.ask("READONLY"), "OK");
    }
    let voter = cluster.resp(3).port();
    let named = runs(&mut cluster.client(1));
    assert!(named.iter().flat_map(|run| &run.nodes).all(|node| node.port != voter), "{named:?}");
    assert!(!cluster.client(1).ask("CLUSTER NODES").contains(&format!(":{voter}@")));
    for node in [1, 2] {
        cluster.wait_copies(node, &written);
    }
    assert_eq!(keys_of(&cluster, 3), 0);
    assert_eq!(routed.ask("WAIT 1 0"), "1");

    for lost in [1, 2, 3] {
        cluster.kill(lost);
        let rest: Vec<u32> = [1, 2].into_iter().filter(|&node| node != lost).collect();
        let mut left = self::routed(&cluster, &rest);
        left.expect_all(&written);
        fill(&mut left, &format!("without {lost}"), 300, &mut written);
        left.expect_all(&written);
        cluster.start_again(lost);
        cluster.wait_served();
        for node in [1, 2] {
            cluster.wait_copies(node, &written);
        }
        assert_eq!(keys_of(&cluster, 3), 0, "after the loss of {lost}");
    }
    cluster.wait_led();
    routed.expect_all(&written);
}

#[test]
fn what_one_node_and_the_log_have_is_handed_on_to_the_other() {
    for restarts_voter in [false, true] {
        let mut cluster = witnessed().start();
        let mut written = Keys::new();
        let mut first = routed(&cluster, &[1, 2]);
        fill(&mut first, "both", 300, &mut written);
        cluster.wait_copies(2, &written);
        // Node 2 does not have what is written now, and node 1 goes before it is back.
        cluster.kill(2);
        let mut one = routed(&cluster, &[1]);
        fill(&mut one, "one and the log", 300, &mut written);
        one.set("long", &vec![b'x'; 9 << 20]);
        written.insert("long".to_owned(), Some(vec![b'x'; 9 << 20]));
        assert_eq!(one.ask("DEL k7"), "1");
        written.insert("k7".to_owned(), None);
        cluster.kill(1);
        if restarts_voter {
            cluster.kill(3);
            cluster.start_again(3);
        }
        cluster.start_again(2);
        let mut other = routed(&cluster, &[2]);
        other.expect_all(&written);
        fill(&mut other, "other", 100, &mut written);
        other.expect_all(&written);
        assert_eq!(keys_of(&cluster, 3), 0);
        // And the first one takes up what came without it.
        cluster.start_again(1);
        cluster.wait_served();
        cluster.wait_copies(1, &written);
        cluster.wait_led();
        first.expect_all(&written);
    }
}

#[test]
fn the_log_stays_short_and_comes_later_too() {
    let mut cluster = Cluster::plan(2).at("/settings/memory_bytes_max", json!("96MiB")).start();
    let log = cluster.log(1);
    assert!(log.contains("2 copies") && log.contains("\"role\": \"voter\""), "{log}");
    let mut routed = routed(&cluster, &[1, 2]);
    let mut written = Keys::new();
    fill(&mut routed, "first", 500, &mut written);
    let mut entry = cluster.add_entry();
    entry["role"] = json!("voter");
    let mut nodes = get(cluster.http(1), "/config").json()["nodes"].clone();
    nodes.as_array_mut().expect("a list").push(entry);
    assert_eq!(taken(&change(cluster.http(1), &[("/nodes", nodes)])), 2);
    cluster.write_config(3, &get(cluster.http(1), "/config").json());
    cluster.start_only(&[3]);
    wait_settled(&cluster, &[1, 2, 3], 2);

    // More than its memory holds goes through its log, with the other node and without.
    for lost in [None, Some(2)] {
        if let Some(node) = lost {
            cluster.kill(node);
            routed = self::routed(&cluster, &[1]);
        }
        for number in 0..2_400 {
            let (key, value) = (format!("k{}", number % 64), format!("{lost:?} {number} "));
            let value = value.repeat((64 << 10) / value.len()).into_bytes();
            routed.set(&key, &value);
            written.insert(key, Some(value));
        }
    }
    assert_eq!(keys_of(&cluster, 3), 0);

    // The other node lacks more than the log keeps: without the first one it has nothing to say, and says nothing that is old.
    cluster.kill(1);
    cluster.start_again(2);
    let mut client = cluster.client(2);
    let mut refused = 0;
    for _ in 0..20 {
        for (key, value) in written.iter().take(100) {
            match client.call(&[b"GET", key.as_bytes()]) {
                Reply::Bulk(found) => assert!(value.as_ref() == Some(&found), "{key} is old"),
                Reply::Error(_) => refused += 1,
                other => panic!("{key}: {}", show(&other)),
            }
        }
    }
    assert!(refused > 0, "the log is longer than it may be");
    cluster.start_again(1);
    cluster.wait_served();
    self::routed(&cluster, &[1, 2]).expect_all(&written);
    cluster.wait_copies(2, &written);
    cluster.kill(1);
    self::routed(&cluster, &[2]).expect_all(&written);
}
