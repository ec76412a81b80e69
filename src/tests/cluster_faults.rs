//! Nodes that are killed: who was acknowledged keeps what he wrote, a majority goes on, and who comes back has what the others have.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyperion_model::slot_of;
use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::{Dice, command, show};
use super::cluster_harness::{Cluster, Routed};
use super::harness::wait_for;

type Keys = BTreeMap<String, Option<Vec<u8>>>;

/// Writes one key after the other; each is acknowledged before the next.
fn write(routed: &mut Routed, prefix: &str, count: u64, acknowledged: &AtomicU64) -> Keys {
    let write_one = |number| {
        let (key, value) = (format!("{prefix}{number}"), format!("{prefix}-{number}").into_bytes());
        routed.set(&key, &value);
        acknowledged.fetch_add(1, Ordering::Relaxed);
        (key, Some(value))
    };
    (0..count).map(write_one).collect()
}

#[test]
fn a_leader_that_is_killed_under_writes_loses_none_that_was_acknowledged() {
    const WRITES: u64 = 800;
    let mut cluster = Cluster::plan(3).at("/settings/durability", json!("always")).start();
    let slot = slot_of(b"{led}");
    let victim = cluster.leader_of(slot);
    let acknowledged = AtomicU64::new(0);
    let mut written = std::thread::scope(|scope| {
        let writers: Vec<_> = ["a", "b"]
            .map(|prefix| {
                let (mut routed, acknowledged) = (cluster.routed(), &acknowledged);
                scope.spawn(move || write(&mut routed, prefix, WRITES / 2, acknowledged))
            })
            .into();
        wait_for("some writes", || acknowledged.load(Ordering::Relaxed) > WRITES / 8);
        cluster.kill(victim);
        assert!(acknowledged.load(Ordering::Relaxed) < WRITES, "it was killed under writes");
        let mut keys = Keys::new();
        writers.into_iter().for_each(|it| keys.extend(it.join().expect("each is acknowledged")));
        keys
    });
    let mut routed = cluster.routed();
    routed.set("{led}:after", b"x");
    written.insert("{led}:after".to_owned(), Some(b"x".to_vec()));
    assert_ne!(cluster.leader_of(slot), victim);
    cluster.wait_served();
    routed.expect_all(&written);

    cluster.start_again(victim);
    cluster.wait_copies(victim, &written);
    written.extend(write(&mut routed, "later", 50, &acknowledged));
    for node in cluster.numbers() {
        cluster.wait_copies(node, &written);
    }
}

#[test]
fn all_nodes_killed_at_once_come_back_with_everything() {
    let mut cluster = Cluster::plan(3).at("/settings/durability", json!("always")).start();
    let acknowledged = AtomicU64::new(0);
    let mut written = Keys::new();
    for round in 0..2 {
        written.extend(write(&mut cluster.routed(), &format!("r{round}:"), 200, &acknowledged));
        assert_eq!(cluster.routed().ask(&format!("DEL r{round}:0")), "1");
        written.insert(format!("r{round}:0"), None);
        cluster.numbers().for_each(|node| cluster.kill(node));
        cluster.numbers().for_each(|node| cluster.launch(node));
        cluster.wait_served();
        cluster.routed().expect_all(&written);
    }
    for node in cluster.numbers() {
        cluster.wait_copies(node, &written);
    }
}

#[test]
fn one_node_of_three_acknowledges_nothing() {
    let mut cluster = Cluster::plan(3).start();
    let acknowledged = AtomicU64::new(0);
    let written = write(&mut cluster.routed(), "before", 100, &acknowledged);
    // All that the last one has led, and all that it has not.
    cluster.kill(1);
    cluster.kill(2);
    let mut clients: Vec<_> = (0..100)
        .map(|number| {
            let mut client = cluster.client(3);
            client.send(&command(&[b"SET", format!("minor{number}").as_bytes(), b"x"]));
            client.wait_at_most(Duration::from_millis(20));
            client
        })
        .collect();
    let mut held = Vec::new();
    for (number, client) in clients.iter_mut().enumerate() {
        match client.try_reply() {
            Ok(Reply::Error(line)) => {
                let said = String::from_utf8_lossy(&line).into_owned();
                let is_known =
                    ["CLUSTERDOWN", "TRYAGAIN", "MOVED"].iter().any(|word| said.starts_with(word));
                assert!(is_known, "{said}");
            }
            Ok(other) => panic!("a minority answered {}", show(&other)),
            // It waits for its answer, or was told by the end of the connection that it gets none.
            Err(_) => held.push(number),
        }
    }
    println!("{} writes were held", held.len());
    let mut client = cluster.client(3);
    wait_for("word that nobody serves a slot", || {
        client.ask("CLUSTER INFO").contains("cluster_slots_ok:0\r\n")
    });
    for number in 0..100 {
        for line in [format!("SET before{number} x"), format!("GET before{number}")] {
            let said = client.ask(&line);
            assert!(said.starts_with("-CLUSTERDOWN"), "{line}: {said}");
        }
    }
    assert_eq!(client.ask("PING"), "PONG");
    client.expect(&[("READONLY", "OK")]);
    cluster.wait_copies(3, &written);

    cluster.start_again(1);
    cluster.wait_served();
    let mut routed = cluster.routed();
    routed.expect_all(&written);
    routed.set("after", b"x");
    cluster.start_again(2);
    cluster.wait_copies(2, &written);
}

#[test]
fn a_node_that_lags_beyond_what_is_kept_comes_back_by_a_snapshot() {
    const VALUE_BYTES: usize = 100_000;
    /// More than the 64 MiB of one group that a leader keeps for others.
    const WRITES: u64 = 760;
    const KEYS: u64 = 40;
    let mut cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    let mut expected = Keys::new();
    for number in 0..KEYS {
        let key = format!("{{big}}:{number}");
        routed.set(&key, b"early");
        expected.insert(key, Some(b"early".to_vec()));
    }
    routed.set("elsewhere", b"early");
    cluster.wait_copies(3, &expected);
    cluster.kill(3);
    let base = Dice(7).bytes(VALUE_BYTES);
    for number in 0..WRITES {
        let mut value = base.clone();
        value[..8].copy_from_slice(&number.to_le_bytes());
        let key = format!("{{big}}:{}", number % (KEYS - 1));
        routed.set(&key, &value);
        expected.insert(key, Some(value));
    }
    // Gone while the node was down: it must go there too.
    let gone = format!("{{big}}:{}", KEYS - 1);
    assert_eq!(routed.ask(&format!("DEL {gone}")), "1");
    expected.insert(gone, None);
    routed.set("elsewhere", b"late");
    expected.insert("elsewhere".to_owned(), Some(b"late".to_vec()));

    cluster.start_again(3);
    cluster.wait_copies(3, &expected);
    let whole = |node| cluster.log(node).contains("is sent to node 3 whole");
    assert!(whole(1) || whole(2), "it came back by entries alone");
    routed.set("{big}:0", b"after");
    expected.insert("{big}:0".to_owned(), Some(b"after".to_vec()));
    for node in cluster.numbers() {
        cluster.wait_copies(node, &expected);
    }
    // What came by the snapshot is kept as all else is.
    cluster.kill(3);
    cluster.start_again(3);
    cluster.wait_copies(3, &expected);
}

#[test]
fn a_value_longer_than_a_frame_reaches_all_nodes() {
    const BYTES: usize = 20 << 20;
    let mut cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    let value = Dice(1).bytes(BYTES);
    routed.set("{long}", &value);
    routed.set("{long}:after", b"x");
    // More than a leader can handle within its lease is refused, by name.
    let leader = cluster.leader_of(slot_of(b"{long}"));
    let mut direct = cluster.client(leader);
    match direct.call(&[b"SET", b"{long}", &vec![7; 65 << 20]]) {
        Reply::Error(said) => {
            assert!(String::from_utf8_lossy(&said).contains("in parts"), "{said:?}");
        }
        other => panic!("{other:?}"),
    }
    let expected = Keys::from([
        ("{long}".to_owned(), Some(value)),
        ("{long}:after".to_owned(), Some(b"x".to_vec())),
    ]);
    for node in cluster.numbers() {
        cluster.wait_copies(node, &expected);
    }
    cluster.wait_served();
    let victim = cluster.leader_of(slot_of(b"{long}"));
    cluster.kill(victim);
    routed.expect_all(&expected);
    cluster.start_again(victim);
    cluster.wait_copies(victim, &expected);
}
