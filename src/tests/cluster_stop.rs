//! Nodes that are told to stop, and nodes of two versions: what they lead goes over first, and clients notice nothing but that they are
//! sent on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Instant;

use hyperion_wire::reply::Reply;
use serde_json::json;

use super::client::{Client, command, show};
use super::cluster_harness::{Cluster, Routed};
use super::harness::{PATIENCE, PAUSE, wait_for};
use super::http_call::{change, get};

type Keys = BTreeMap<String, Option<Vec<u8>>>;

/// Who is told to stop at the moment: its port, 0 for nobody.
type Stopping = AtomicU64;

/// Writes and reads until it is told to stop. Each answer is the right one; an end of the connection is taken from who stops alone.
fn write_through_stops(
    routed: &mut Routed,
    prefix: &str,
    (stop, count, stopping): (&AtomicBool, &AtomicU64, &Stopping),
) -> Keys {
    let mut written = Keys::new();
    let mut call = |words: &[&[u8]]| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let result = routed.try_call(words);
            let port = routed.spoke_to().map_or(0, |address| u64::from(address.port()));
            let is_restarted = stopping.load(Ordering::SeqCst) == port;
            let why = match result {
                // A machine that stands still may need longer to start a node than that lets clients wait.
                Ok(Reply::Error(line)) if is_restarted && line.starts_with(b"CLUSTERDOWN ") => {
                    String::from_utf8_lossy(&line).into_owned()
                }
                Ok(reply) => return reply,
                Err(error) => error.to_string(),
            };
            assert!(is_restarted, "node at port {port} ended a connection: {why}");
            assert!(Instant::now() < deadline, "no node answers: {why}");
            routed.look_elsewhere();
            sleep(PAUSE);
        }
    };
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) =
            (format!("{prefix}{}", number % 500), format!("{prefix}-{number}").into_bytes());
        assert_eq!(show(&call(&[b"SET", key.as_bytes(), &value])), "OK", "SET {key}");
        written.insert(key.clone(), Some(value.clone()));
        assert_eq!(call(&[b"GET", key.as_bytes()]), Reply::Bulk(value), "GET {key}");
        count.fetch_add(1, Ordering::Relaxed);
    }
    written
}

/// A client that knows one node alone and is closed by nobody: each command is answered, at the first try.
fn write_plainly(address: SocketAddr, prefix: &str, stop: &AtomicBool, count: &AtomicU64) -> Keys {
    let (mut client, mut written) = (Client::tcp(address), Keys::new());
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let (key, value) =
            (format!("{prefix}{}", number % 500), format!("{prefix}-{number}").into_bytes());
        client.send(&command(&[b"SET", key.as_bytes(), &value]));
        assert_eq!(show(&client.reply()), "OK", "SET {key}");
        written.insert(key.clone(), Some(value.clone()));
        client.expect_bytes(&key, &value);
        count.fetch_add(1, Ordering::Relaxed);
    }
    written
}

/// SIGTERM, while others write: what the node led has gone over, all of it.
fn stop_gently(cluster: &mut Cluster, node: u32) {
    cluster.signal(node, "TERM");
    let (code, log) = cluster.wait_end(node);
    assert_eq!(code, 0, "{log}");
    let said = log.lines().find(|line| line.contains("leads have gone over to other nodes"));
    let said = said.unwrap_or_else(|| panic!("nothing went over: {log}"));
    assert!(said.ends_with("leads have gone over to other nodes"), "{said}");
    assert!(!said.contains(" 0 leads"), "it led something: {said}");
}

/// Does something while clients write to all nodes; gives what they wrote.
fn under_writes(
    cluster: &mut Cluster,
    stopping: &Stopping,
    deed: impl FnOnce(&mut Cluster, &AtomicU64),
) -> Keys {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let writers: Vec<_> = ["a", "b"]
            .map(|prefix| {
                let mut routed = cluster.routed();
                let ways = (&stop, &count, stopping);
                scope.spawn(move || write_through_stops(&mut routed, prefix, ways))
            })
            .into();
        wait_for("some writes", || count.load(Ordering::Relaxed) > 50);
        let deed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| deed(cluster, &count)));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = deed {
            std::panic::resume_unwind(panic);
        }
        let mut written = Keys::new();
        for writer in writers {
            written.extend(writer.join().expect("each answer is the right one"));
        }
        written
    })
}

/// Restarts a node under writes, with other flags, and waits until it leads again what it should.
fn restart(
    cluster: &mut Cluster,
    stopping: &Stopping,
    node: u32,
    count: &AtomicU64,
    flags: &[&str],
) {
    cluster.wait_led();
    stopping.store(u64::from(cluster.resp(node).port()), Ordering::SeqCst);
    stop_gently(cluster, node);
    let before = count.load(Ordering::Relaxed);
    wait_for("writes without the node", || count.load(Ordering::Relaxed) > before + 50);
    cluster.start_again_as(node, flags);
    cluster.wait_served();
    cluster.wait_led();
    stopping.store(0, Ordering::SeqCst);
    let before = count.load(Ordering::Relaxed);
    wait_for("writes with the node", || count.load(Ordering::Relaxed) > before + 50);
}

#[test]
fn three_nodes_are_restarted_one_after_the_other_and_nobody_is_refused() {
    let mut cluster = Cluster::plan(3).start();
    let stopping = Stopping::new(0);
    let written = under_writes(&mut cluster, &stopping, |cluster, count| {
        for node in 1..=3 {
            restart(cluster, &stopping, node, count, &["--node", &format!("n{node}")]);
        }
    });
    cluster.routed().expect_all(&written);
    for node in cluster.numbers() {
        cluster.wait_copies(node, &written);
    }
}

#[test]
fn a_plain_client_does_not_notice_that_other_nodes_stop() {
    let mut cluster =
        Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" })).start();
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let address = cluster.resp(1);
    let written = std::thread::scope(|scope| {
        let writers = ["a", "b", "c"].map(|prefix| {
            let (stop, count) = (&stop, &count);
            scope.spawn(move || write_plainly(address, prefix, stop, count))
        });
        wait_for("some writes", || count.load(Ordering::Relaxed) > 50);
        for node in [2, 3] {
            stop_gently(&mut cluster, node);
            let before = count.load(Ordering::Relaxed);
            wait_for("writes without the node", || count.load(Ordering::Relaxed) > before + 50);
            cluster.start_again(node);
            cluster.wait_served();
            cluster.wait_led();
        }
        stop.store(true, Ordering::Relaxed);
        let mut written = Keys::new();
        for writer in writers {
            written.extend(writer.join().expect("each answer is the right one"));
        }
        written
    });
    for node in cluster.numbers() {
        cluster.wait_copies(node, &written);
    }
}

#[test]
fn nodes_that_stop_together_do_not_hand_leads_around() {
    let mut cluster = Cluster::plan(3).start();
    cluster.routed().set("k", b"v");
    for node in 1..=3 {
        cluster.signal(node, "TERM");
    }
    for node in 1..=3 {
        let (code, log) = cluster.wait_end(node);
        assert_eq!(code, 0, "{log}");
        assert!(!log.contains("not taken in time"), "{log}");
    }
    for node in 1..=3 {
        cluster.launch(node);
    }
    cluster.wait_served();
    assert_eq!(cluster.routed().ask("GET k"), "v");
}

#[test]
fn a_sole_copy_waits_for_its_node_and_a_second_signal_stops_at_once() {
    let mut cluster =
        Cluster::plan(2).at("/mode", json!("sharding")).at("/replication", json!(1)).start();
    cluster.signal(2, "TERM");
    let (code, log) = cluster.wait_end(2);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("can be taken by nobody and wait until this node is back"), "{log}");
    cluster.signal(1, "TERM");
    cluster.signal(1, "INT");
    let (code, log) = cluster.wait_end(1);
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("what was begun is finished first"), "{log}");
}

/// The flags of a node that speaks these versions of the protocol and no other.
fn speaking<'a>(name: &'a str, versions: &'a str) -> [&'a str; 4] {
    ["--node", name, "--pretend-protocol", versions]
}

#[test]
fn nodes_are_brought_to_the_next_version_one_after_the_other() {
    let mut cluster = Cluster::plan(3);
    for node in 1..=3 {
        cluster.launch_as(node, &speaking(&format!("n{node}"), "1"));
    }
    cluster.wait_served();
    cluster.wait_led();
    let stopping = Stopping::new(0);
    let field = [("/settings/compression", json!({ "bulk": "never" }))];
    let written = under_writes(&mut cluster, &stopping, |cluster, count| {
        for node in 1..=3 {
            // What a node does not know is used by none.
            let answer = change(cluster.http(node % 3 + 1), &field);
            assert_eq!(answer.status, 422, "{answer:?}");
            assert_eq!(answer.pointer(), "/settings/compression", "{answer:?}");
            assert!(answer.body.contains("version 1"), "{answer:?}");
            restart(cluster, &stopping, node, count, &["--node", &format!("n{node}")]);
        }
        let mut last = String::new();
        wait_for("a field that all know", || {
            let answer = change(cluster.http(2), &field);
            last = format!("{answer:?}");
            answer.status == 200 || answer.status == 409
        });
        println!("{last}");
    });
    wait_for("the field on every node", || {
        cluster.numbers().all(|node| {
            get(cluster.http(node), "/config").json()["settings"]["compression"]["bulk"]
                == json!("never")
        })
    });
    cluster.routed().expect_all(&written);
    for node in cluster.numbers() {
        cluster.wait_copies(node, &written);
    }
}

#[test]
fn a_node_of_versions_that_nobody_speaks_is_refused_with_a_sentence_on_both_sides() {
    let mut cluster = Cluster::plan(3).start();
    let mut routed = cluster.routed();
    routed.set("k", b"v");
    cluster.kill(3);
    cluster.launch_as(3, &speaking("n3", "3"));
    let sentence =
        "node 3 speaks the protocol versions 3 to 3, this node 1 to 2; update the older one";
    let theirs =
        "node 1 speaks the protocol versions 1 to 2, this node 3 to 3; update the older one";
    wait_for("a sentence at the node that is refused", || {
        let log = cluster.log(3);
        log.contains(sentence) || log.contains(theirs)
    });
    wait_for("a sentence at the others", || {
        [1, 2].iter().any(|&node| {
            let log = cluster.log(node);
            log.contains(sentence) || log.contains("this node 3 to 3; update the older one")
        })
    });
    cluster.wait_health(3, 503, "waiting for majority");
    routed.set("k", b"w");
    cluster.kill(3);
    cluster.start_again(3);
    cluster.wait_served();
    assert_eq!(routed.ask("GET k"), "w");
}
