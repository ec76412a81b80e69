//! Commands whose keys lie in several partitions, at nodes with `resp.cluster: transparent`: whole or absent, whoever dies.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::client::{Client, show};
use super::cluster_harness::Cluster;
use super::harness::wait_for;

fn transparent(nodes: u32) -> Cluster {
    Cluster::plan(nodes).at("/settings/resp", json!({ "cluster": "transparent" }))
}

/// Asks until it is answered by other than "not now", at any node.
fn ask(cluster: &Cluster, line: &str) -> String {
    let mut answer = String::new();
    wait_for("an answer", || {
        for node in cluster.numbers() {
            let Ok(mut client) = Client::try_tcp(cluster.resp(node)) else { continue };
            if let Ok(said) = client.try_ask(line)
                && !said.starts_with("-TRYAGAIN")
                && !said.starts_with("-CLUSTERDOWN")
            {
                answer = said;
                return true;
            }
        }
        false
    });
    answer
}

fn check_commands(cluster: &Cluster) {
    for node in cluster.numbers() {
        let mut client = cluster.client(node);
        client.expect(&[
            (&format!("MSET a{node} 1 b{node} 2 c{node} 3 d{node} 4"), "OK"),
            (&format!("MGET a{node} b{node} none{node} c{node} d{node}"), "[1 2 nil 3 4]"),
            (&format!("MSETNX e{node} 1 f{node} 2 a{node} 5"), "0"),
            (&format!("EXISTS a{node} b{node} e{node} f{node} a{node}"), "3"),
            (&format!("MSETNX e{node} 1 f{node} 2 g{node} 5"), "1"),
            (&format!("MGET e{node} f{node} g{node}"), "[1 2 5]"),
            (&format!("TOUCH e{node} f{node} h{node}"), "2"),
            (&format!("RENAME a{node} z{node}"), "OK"),
            (&format!("RENAME a{node} z{node}"), "-ERR no such key"),
            (&format!("MGET a{node} z{node}"), "[nil 1]"),
            (&format!("RENAMENX z{node} b{node}"), "0"),
            (&format!("RENAMENX z{node} y{node}"), "1"),
            (&format!("COPY y{node} b{node}"), "0"),
            (&format!("COPY y{node} b{node} REPLACE"), "1"),
            (&format!("COPY y{node} x{node} DB 3"), "1"),
            (&format!("MGET b{node} y{node} x{node}"), "[1 1 nil]"),
            (&format!("DEL b{node} y{node} none{node}"), "2"),
            (&format!("UNLINK e{node} f{node}"), "2"),
            (&format!("MGET b{node} y{node} e{node} f{node} g{node}"), "[nil nil nil nil 5]"),
            (&format!("SET t{node} x PX 100000"), "OK"),
            (&format!("RENAME t{node} u{node}"), "OK"),
        ]);
        let left = client.ask(&format!("PTTL u{node}"));
        assert!(left.parse::<u64>().is_ok_and(|left| left > 50_000), "{left}");
        client.expect(&[("SELECT 3", "OK"), (&format!("GET x{node}"), "1"), ("SELECT 0", "OK")]);
    }
    let mut client = cluster.client(1);
    // What is hidden is neither counted nor walked over.
    let nodes = cluster.numbers().count();
    client.expect(&[("DBSIZE", &(4 * nodes).to_string()), ("FLUSHALL", "OK"), ("DBSIZE", "0")]);
    client.expect(&[("MSET a 1 b 2", "OK"), ("MGET a b", "[1 2]")]);
}

#[test]
fn any_node_runs_commands_over_partitions() {
    check_commands(&transparent(3).start());
}

#[test]
fn partitions_without_copies_and_nodes_of_two_cores_do_as_well() {
    let mut plan = transparent(3).at("/mode", json!("sharding")).at("/replication", json!(1));
    for node in 0..3 {
        plan = plan.at(&format!("/nodes/{node}/cores"), json!("0-1"));
    }
    check_commands(&plan.start());
}

#[test]
fn what_is_too_much_for_one_command_is_told() {
    let cluster = transparent(3).start();
    let mut client = cluster.client(1);
    let value = "x".repeat(9 << 20);
    let answer = client.call(&[b"MSET", b"a", value.as_bytes(), b"b", value.as_bytes()]);
    let answer = show(&answer);
    assert!(answer.contains("may have 16777216; send it in parts"), "{answer}");
    let value = "x".repeat(3 << 20);
    let answer = client.call(&[b"MSET", b"a", value.as_bytes(), b"b", value.as_bytes()]);
    assert_eq!(show(&answer), "OK");
    client.expect_bytes("a", value.as_bytes());
    client.expect_bytes("b", value.as_bytes());
    let names: Vec<String> = (0..16_500).map(|number| format!("n{number}")).collect();
    let answer = client.ask(&format!("EXISTS {}", names.join(" ")));
    assert!(answer.contains("names 16500 keys"), "{answer}");
}

/// Writes pairs until it is told to stop; what it was told OK is there at the end, or something later.
fn write_pairs(nodes: &[SocketAddr], writer: usize, stops: &AtomicBool) -> BTreeMap<String, u64> {
    let mut answered = BTreeMap::new();
    let (mut value, mut node) = (0, writer);
    let mut client: Option<Client> = None;
    while !stops.load(Ordering::Relaxed) {
        let Some(open) = &mut client else {
            node += 1;
            client = Client::try_tcp(nodes[node % nodes.len()]).ok();
            thread::yield_now();
            continue;
        };
        value += 1;
        let pair = value % 8;
        let name = format!("{writer}:{pair}");
        match open.try_ask(&format!("MSET left:{name} {value} right:{name} {value}")) {
            Ok(answer) if answer == "OK" => {
                answered.insert(name.clone(), value);
            }
            Ok(answer) => assert!(
                answer.starts_with("-TRYAGAIN") || answer.starts_with("-CLUSTERDOWN"),
                "{answer}"
            ),
            Err(_) => client = None,
        }
        // Nobody sees a half.
        let Some(open) = &mut client else { continue };
        match open.try_ask(&format!("MGET left:{name} right:{name}")) {
            Ok(answer) if answer.starts_with('[') => {
                let inner = answer.trim_matches(['[', ']']);
                let (left, right) = inner.split_once(' ').expect("two values");
                assert_eq!(left, right, "pair {name}");
            }
            Ok(answer) => assert!(
                answer.starts_with("-TRYAGAIN") || answer.starts_with("-CLUSTERDOWN"),
                "{answer}"
            ),
            Err(_) => client = None,
        }
    }
    answered
}

#[test]
fn pairs_stay_pairs_whoever_is_killed() {
    let mut cluster = transparent(3).start();
    let stops = AtomicBool::new(false);
    let nodes: Vec<SocketAddr> = cluster.numbers().map(|node| cluster.resp(node)).collect();
    for (round, victim) in [1, 2, 3, 1].into_iter().enumerate() {
        stops.store(false, Ordering::Relaxed);
        let answered: Vec<BTreeMap<String, u64>> = thread::scope(|scope| {
            let (nodes, stops) = (&nodes, &stops);
            let writers: Vec<_> = (0..6)
                .map(|writer| scope.spawn(move || write_pairs(nodes, 10 * round + writer, stops)))
                .collect();
            thread::sleep(Duration::from_millis(700));
            cluster.kill(victim);
            thread::sleep(Duration::from_millis(2_500));
            stops.store(true, Ordering::Relaxed);
            writers.into_iter().map(|it| it.join().expect("a writer ends")).collect()
        });
        for (name, value) in answered.iter().flatten() {
            // No lock stays: both are answered, and can be written.
            let told = ask(&cluster, &format!("MGET left:{name} right:{name}"));
            let (left, right) = told.trim_matches(['[', ']']).split_once(' ').expect("two");
            assert_eq!(left, right, "pair {name}");
            let left: u64 = left.parse().expect("a number");
            assert!(left >= *value, "pair {name}: {left}, and {value} was answered");
            assert_eq!(ask(&cluster, &format!("GET left:{name}")), left.to_string());
        }
        let count: usize = answered.iter().map(BTreeMap::len).sum();
        assert!(count > 0, "somebody was answered in round {round}");
        cluster.start_again(victim);
    }
}
