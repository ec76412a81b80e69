//! TLS between nodes: a cluster that speaks it, one that goes over to it under writers, and nodes that do not fit.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use hyperion_wire::reply::Reply;
use serde_json::{Value, json};

use super::certificates::{Authority, Files};
use super::cluster_harness::{Cluster, Routed};
use super::cluster_members::wait_settled;
use super::harness::{Folder, PATIENCE, put, wait_for};
use super::http_call::{Answer, change, get};

type Keys = BTreeMap<String, Option<Vec<u8>>>;

fn settings(files: &Files, peers: &str) -> Value {
    let mut settings = files.settings();
    settings["peers"] = json!(peers);
    settings
}

/// What a node answers somebody who dials its peer address without TLS.
fn told_without_tls(cluster: &Cluster, node: u32) -> String {
    let mut stream = TcpStream::connect(cluster.peer(node)).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    stream.write_all(b"HYPN").expect("it takes it");
    stream.shutdown(std::net::Shutdown::Write).expect("it is open");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A figure of `/metrics`, of all cores.
fn figure(cluster: &Cluster, node: u32, name: &str) -> u64 {
    let page = get(cluster.http(node), "/metrics").body;
    let lines = page.lines().filter(|line| line.contains(name) && !line.starts_with('#'));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

fn set_peers(cluster: &Cluster, node: u32, peers: &str) -> Answer {
    change(cluster.http(node), &[("/settings/tls/peers", json!(peers))])
}

#[test]
fn three_nodes_speak_tls_with_each_other() {
    let (folder, authority) = (Folder::new(), Authority::new("cluster"));
    let files = authority.write(&folder.0);
    let mut cluster = Cluster::plan(3).at("/settings/tls", settings(&files, "required")).start();
    let mut written = Keys::new();
    let mut routed = cluster.routed();
    for number in 0..200 {
        routed.set(&format!("k{number}"), b"v");
        written.insert(format!("k{number}"), Some(b"v".to_vec()));
    }
    for node in 1..=3 {
        cluster.wait_copies(node, &written);
        assert!(figure(&cluster, node, "tls_handshakes_total") >= 4, "two links each way");
        let told = told_without_tls(&cluster, node);
        assert!(told.contains("the peers of this node speak TLS"), "{told}");
        wait_for("a word in the log", || {
            cluster.log(node).contains("speaks no TLS on an address for TLS")
        });
    }
    // The certificates are renewed while the nodes run, one node after the other; what is dialed then is checked by them.
    authority.write(&folder.0);
    for node in 1..=3 {
        let config = get(cluster.http(node), "/config").body;
        let answer = super::http_call::post(cluster.http(node), "/config", &config);
        assert_eq!(answer.json()["changed"], json!(["/settings/tls/cert_file"]), "{answer:?}");
    }
    cluster.kill(3);
    routed.set("k3", b"w");
    written.insert("k3".to_owned(), Some(b"w".to_vec()));
    cluster.start_again(3);
    cluster.wait_copies(3, &written);
}

/// What goes in bulk goes by TLS too.
#[test]
fn copies_are_made_by_tls() {
    let (folder, authority) = (Folder::new(), Authority::new("cluster"));
    let files = authority.write(&folder.0);
    let cluster = Cluster::plan(2)
        .at("/mode", json!("sharding"))
        .at("/replication", json!(1))
        .at("/partitions", json!(8))
        .at("/settings/tls", settings(&files, "required"))
        .start();
    let (mut routed, mut written) = (cluster.routed(), Keys::new());
    for number in 0..1_500 {
        let (key, value) = (format!("k{number}"), format!("value {number} ").repeat(512));
        routed.set(&key, value.as_bytes());
        written.insert(key, Some(value.into_bytes()));
    }
    let before = figure(&cluster, 1, "tls_handshakes_total");
    let changes = [("/mode", json!("duplication")), ("/replication", json!(2))];
    assert_eq!(change(cluster.http(1), &changes).status, 200);
    wait_settled(&cluster, &[1, 2], 2);
    for node in [1, 2] {
        cluster.wait_copies(node, &written);
    }
    assert!(figure(&cluster, 1, "tls_handshakes_total") > before, "bulk has a link of its own");
}

/// Off, allowed, required, and back, while clients write: what was acknowledged is there, and each step comes into force on all nodes.
#[test]
fn a_cluster_goes_over_to_tls_under_writers() {
    let (folder, authority) = (Folder::new(), Authority::new("cluster"));
    let files = authority.write(&folder.0);
    let mut cluster = Cluster::plan(3).start();
    let (ends, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    let addresses: Vec<_> = cluster.numbers().map(|node| cluster.resp(node)).collect();
    let written: Vec<Keys> = thread::scope(|scope| {
        let writer = |name: &'static str| {
            let (addresses, ends, acknowledged) = (addresses.clone(), &ends, &acknowledged);
            scope.spawn(move || {
                let (mut routed, mut written) = (Routed::of(addresses), Keys::new());
                for number in 0.. {
                    if ends.load(Ordering::Relaxed) {
                        break;
                    }
                    let (key, value) = (format!("{name}{}", number % 500), number.to_string());
                    routed.set(&key, value.as_bytes());
                    written.insert(key, Some(value.into_bytes()));
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                written
            })
        };
        let writers = [writer("a"), writer("b"), writer("c")];
        let wait = |wanted: &str| {
            for node in 1..=3 {
                wait_for(&format!("{wanted} on node {node}"), || {
                    let config = get(cluster.http(node), "/config").json();
                    config["settings"]["tls"]["peers"] == wanted
                });
            }
            let before = acknowledged.load(Ordering::Relaxed);
            wait_for("writes after the step", || {
                acknowledged.load(Ordering::Relaxed) > before + 100
            });
        };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // A leap would cut them off from each other.
            let leap = change(cluster.http(1), &[("/settings/tls", settings(&files, "required"))]);
            assert_eq!((leap.status, leap.pointer().as_str()), (422, "/settings/tls/peers"));
            assert!(leap.body.contains("\\\"allowed\\\" first"), "{leap:?}");
            let allowed =
                change(cluster.http(1), &[("/settings/tls", settings(&files, "allowed"))]);
            assert_eq!(allowed.status, 200, "{allowed:?}");
            wait("allowed");
            assert_eq!(set_peers(&cluster, 2, "required").status, 200);
            wait("required");
            for node in 1..=3 {
                wait_for("links with TLS, each way to two nodes", || {
                    figure(&cluster, node, "tls_handshakes_total") >= 4
                });
                let told = told_without_tls(&cluster, node);
                assert!(told.contains("the peers of this node speak TLS"), "{told}");
            }
            // And back.
            assert_eq!(set_peers(&cluster, 3, "off").status, 422);
            assert_eq!(set_peers(&cluster, 3, "allowed").status, 200);
            wait("allowed");
            assert_eq!(set_peers(&cluster, 1, "off").status, 200);
            wait("off");
        }));
        ends.store(true, Ordering::Relaxed);
        let written = writers.map(|writer| writer.join().expect("it writes to the end"));
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        written.into()
    });
    let mut routed = cluster.routed();
    for written in &written {
        routed.expect_all(written);
        for node in 1..=3 {
            cluster.wait_copies(node, written);
        }
    }
    assert!((1..=3).all(|node| cluster.is_alive(node)));
}

/// A node that was away while the others went a step on finds its way back.
#[test]
fn a_node_that_was_away_for_a_step_comes_back() {
    let (folder, authority) = (Folder::new(), Authority::new("cluster"));
    let files = authority.write(&folder.0);
    let mut cluster = Cluster::plan(3).at("/settings/tls", settings(&files, "allowed")).start();
    cluster.kill(3);
    assert_eq!(set_peers(&cluster, 1, "required").status, 200);
    cluster.routed().set("a", b"1");
    cluster.start_again(3);
    let written = Keys::from([("a".to_owned(), Some(b"1".to_vec()))]);
    cluster.wait_copies(3, &written);
    wait_for("the config of the others", || {
        cluster.file(3)["settings"]["tls"]["peers"] == "required"
    });
    assert_eq!(cluster.routed().call(&[b"GET", b"a"]), Reply::Bulk(b"1".to_vec()));
}

/// One node speaks TLS and the other does not: each says in its log what is wrong and what to do.
#[test]
fn nodes_that_do_not_fit_say_so_on_both_sides() {
    let (folder, authority) = (Folder::new(), Authority::new("cluster"));
    let files = authority.write(&folder.0);
    let mut cluster = Cluster::plan(2).at("/settings/tls", settings(&files, "required"));
    let mut plain = cluster.config().clone();
    put(&mut plain, "/settings/tls", json!({}));
    cluster.write_config(2, &plain);
    cluster.start_only(&[1, 2]);
    for (node, said) in [
        (1, "the peer refuses to speak TLS"),
        (1, "set it to \"allowed\" first"),
        (1, "speaks no TLS on an address for TLS"),
        (2, "a peer speaks TLS, and /settings/tls/peers is \"off\" here"),
        (2, "the peers of this node speak TLS; set /settings/tls/peers to"),
    ] {
        wait_for(said, || cluster.log(node).contains(said));
    }
}

/// Certificates of another authority, and expired ones, keep a node out; both sides say why.
#[test]
fn a_node_with_a_wrong_certificate_is_kept_out() {
    let (ours, theirs) = (Authority::new("cluster"), Authority::new("another"));
    for (is_expired, by_us, by_them) in [
        (false, "signed by nobody in ca_file", "signed by nobody in ca_file"),
        (true, "has expired; renew it", "alert CertificateExpired"),
    ] {
        let (folder, other_folder) = (Folder::new(), Folder::new());
        let files = ours.write(&folder.0);
        let others = if is_expired {
            ours.write_signed(&other_folder.0, &ours.sign_expired())
        } else {
            theirs.write(&other_folder.0)
        };
        let mut cluster = Cluster::plan(2).at("/settings/tls", settings(&files, "required"));
        let mut config = cluster.config().clone();
        put(&mut config, "/settings/tls", settings(&others, "required"));
        cluster.write_config(2, &config);
        cluster.start_only(&[1, 2]);
        wait_for(by_us, || cluster.log(1).contains(by_us));
        wait_for(by_them, || cluster.log(2).contains(by_them));
    }
}
