//! A node whose machine went down with writes that were not synced: it does not vote by what is left of its log.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::Client;
use super::cluster_harness::Cluster;
use super::harness::wait_for;

/// Long enough for many elections.
const TRIED: Duration = Duration::from_secs(3);

/// Puts the files of a folder in the place of another's.
fn put(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).expect("the folder above is there");
    for entry in fs::read_dir(from).expect("it is there") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("it reads");
        if path.is_dir() {
            put(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).expect("there is room");
        }
    }
}

#[test]
fn a_log_that_a_power_cut_has_shortened_elects_nobody() {
    let mut cluster = Cluster::plan(3).at("/settings/durability", json!("interval")).start();
    let mut routed = cluster.routed();
    let value = |value: &[u8]| BTreeMap::from([("kept".to_owned(), Some(value.to_vec()))]);
    routed.set("kept", b"old");
    cluster.wait_copies(2, &value(b"old"));
    cluster.wait_copies(3, &value(b"old"));
    cluster.kill(2);
    let (data, aside) = (cluster.data(2), cluster.folder().join("aside"));
    put(&data, &aside);
    cluster.start_again(2);
    cluster.kill(3);
    routed.set("kept", b"new");
    cluster.wait_copies(2, &value(b"new"));

    // The machine of node 2 goes down and keeps what it had a while ago; then node 1 is away, which has the rest.
    cluster.kill(2);
    put(&aside, &data);
    let boot = fs::read_to_string(data.join("BOOT")).expect("a node that runs has noted it");
    let (_, durability) = boot.split_once(' ').expect("two words");
    fs::write(data.join("BOOT"), format!("00000000-another-boot {durability}")).unwrap();
    cluster.kill(1);
    cluster.launch(2);
    cluster.launch(3);
    wait_for("both nodes", || cluster.is_alive(2) && cluster.is_alive(3));
    let begin = Instant::now();
    while begin.elapsed() < TRIED {
        for node in [2, 3] {
            let client = Client::try_tcp(cluster.resp(node));
            let told = client.and_then(|mut client| client.try_ask("GET kept"));
            assert!(told.as_ref().is_ok_and(|it| !it.contains("old")) || told.is_err(), "{told:?}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(cluster.log(2).contains("the machine went down while the node ran"));

    cluster.start_again(1);
    routed.expect_all(&value(b"new"));
    cluster.wait_copies(2, &value(b"new"));
    wait_for("the end of doubt", || {
        fs::read_to_string(data.join("BOOT")).is_ok_and(|it| it == boot)
    });
}
