//! A majority that is lost for ever: the one node that is left goes on alone with all that it had, and others join it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use hyperion_wire::reply::Reply;
use serde_json::{Value, json};

use super::client::{command, show};
use super::cluster_harness::{Cluster, Routed};
use super::cluster_members::wait_settled;
use super::harness::wait_for;
use super::http_call::get;

type Keys = BTreeMap<String, Option<Vec<u8>>>;

/// Runs `hyperiond recover` on a node's folder, and types a line when it asks.
fn recover_with(cluster: &Cluster, node: u32, flags: &[&str], typed: &str, stops: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyperiond"));
    command
        .args(["recover", "--config"])
        .arg(cluster.config_path(node))
        .arg("--data")
        .arg(cluster.data(node))
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if stops {
        command.env("HYPERION_TEST_RECOVER_STOPS", "1");
    }
    let mut child = command.spawn().expect("the binary is built");
    // It may have ended without a look at what is typed.
    let _ = child.stdin.take().expect("it is piped").write_all(typed.as_bytes());
    child.wait_with_output().expect("it is our child")
}

fn recover(cluster: &Cluster, node: u32, flags: &[&str], typed: &str) -> Output {
    recover_with(cluster, node, flags, typed, false)
}

fn refused(output: &Output, code: i32, sentence: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(said.contains(sentence) && said.trim().lines().count() == 1, "{said}");
}

fn fill(routed: &mut Routed, count: u32) -> Keys {
    let mut written = Keys::new();
    for number in 0..count {
        let (key, value) = (format!("k{number}"), format!("v{number}").into_bytes());
        routed.set(&key, &value);
        written.insert(key, Some(value));
    }
    for number in (0..count).step_by(7) {
        let key = format!("k{number}");
        assert_eq!(routed.ask(&format!("DEL {key}")), "1");
        written.insert(key, None);
    }
    written
}

fn last_note(cluster: &Cluster, node: u32) -> Value {
    let epochs = get(cluster.http(node), "/config/history").json()["epochs"].clone();
    epochs.as_array().and_then(|epochs| epochs.last().cloned()).expect("a list")["note"].clone()
}

/// Starts the fourth node by its file, as a copy of everything.
fn join_fourth(cluster: &mut Cluster) {
    let entry = cluster.add_entry();
    let mut next = get(cluster.http(1), "/config?next=1").json();
    next["nodes"].as_array_mut().expect("a list").push(entry);
    next["replication"] = json!(2);
    let epoch = next["epoch"].as_u64().expect("an epoch");
    cluster.write_config(4, &next);
    cluster.start_only(&[4]);
    wait_settled(cluster, &[1, 4], epoch);
}

#[test]
fn the_last_node_goes_on_alone_and_others_join_it() {
    let mut cluster = Cluster::plan(3).start();
    let written = fill(&mut cluster.routed(), 300);
    cluster.wait_copies(1, &written);
    cluster.kill(2);
    cluster.kill(3);
    wait_for("an answer that nobody serves", || {
        cluster.client(1).ask("GET k1").starts_with("-CLUSTERDOWN")
    });
    refused(&recover(&cluster, 1, &["--unsafe", "--yes"], ""), 1, "is locked by process");
    cluster.kill(1);
    refused(&recover(&cluster, 1, &["--yes"], ""), 64, "--unsafe");
    refused(&recover(&cluster, 1, &["--unsafe"], "n2\n"), 78, "not confirmed");
    refused(&recover(&cluster, 1, &["--unsafe"], ""), 78, "not confirmed");

    // One that is cut short is finished by the next one, and the node does not start in between.
    let cut_short = recover_with(&cluster, 1, &["--unsafe", "--yes"], "", true);
    assert_eq!(cut_short.status.code(), Some(1), "{cut_short:?}");
    cluster.launch(1);
    let (code, log) = cluster.wait_end(1);
    assert!(code == 78 && log.contains("begun and not finished"), "{code}: {log}");
    let output = recover(&cluster, 1, &["--unsafe"], "n1\n");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("n2, n3 are removed for ever"), "{output:?}");
    assert!(said.contains("config of epoch 2"), "{said}");
    refused(&recover(&cluster, 1, &["--unsafe", "--yes"], ""), 78, "the only one");

    cluster.start_again(1);
    cluster.wait_served();
    let mut client = cluster.client(1);
    for (key, value) in &written {
        client.send(&command(&[b"GET", key.as_bytes()]));
        let expected = value.clone().map_or(Reply::Null, Reply::Bulk);
        assert_eq!(client.reply(), expected, "{key}");
    }
    assert!(cluster.log(1).contains("unsafe recovery: node n1 goes on alone"));
    let note = last_note(&cluster, 1);
    assert!(note.as_str().is_some_and(|note| note.contains("n2, n3 were given up")), "{note}");
    assert_eq!(get(cluster.http(1), "/status").json()["cluster"]["note"], note);

    // With its old data and with none: both are none of the cluster's any more.
    fs::remove_dir_all(cluster.data(3)).expect("the folder is ours");
    for node in [2, 3] {
        cluster.launch(node);
        let (code, log) = cluster.wait_end(node);
        assert!(code == 78 && log.contains("was removed from the cluster"), "{code}: {log}");
    }
    client.send(&command(&[b"SET", b"later", b"x"]));
    assert_eq!(show(&client.reply()), "OK");
    join_fourth(&mut cluster);
    let mut copied = written;
    copied.insert("later".to_owned(), Some(b"x".to_vec()));
    cluster.wait_copies(4, &copied);
    assert_eq!(last_note(&cluster, 4), Value::Null);
    cluster.kill(1);
    cluster.start_again(1);
    cluster.wait_served();
    assert!(!cluster.log(1).contains("unsafe recovery"), "another config has followed");
}

#[test]
fn what_has_a_majority_is_not_recovered() {
    let mut cluster = Cluster::plan(3).start();
    cluster.kill(1);
    refused(&recover(&cluster, 1, &["--unsafe", "--yes"], ""), 78, "a majority is there");
    cluster.start_again(1);
    cluster.wait_served();
    assert_eq!(get(cluster.http(1), "/config").json()["epoch"], 1);
}

#[test]
fn partitions_without_a_copy_begin_empty() {
    let mut cluster = Cluster::plan(3)
        .at("/mode", json!("sharding+duplication"))
        .at("/replication", json!(2))
        .start();
    let written = fill(&mut cluster.routed(), 300);
    // What the first node has a copy of.
    let mut client = cluster.client(1);
    assert_eq!(client.ask("READONLY"), "OK");
    let mut here = Keys::new();
    for (key, value) in written.iter().filter(|(_, value)| value.is_some()) {
        let ask = command(&[b"GET", key.as_bytes()]);
        wait_for("its copy, or that there is none", || {
            client.send(&ask);
            match client.reply() {
                Reply::Bulk(bytes) => {
                    assert_eq!(Some(&bytes), value.as_ref());
                    here.insert(key.clone(), value.clone());
                    true
                }
                Reply::Error(_) => true,
                _ => false,
            }
        });
    }
    assert!(!here.is_empty() && here.len() < written.len());
    cluster.numbers().for_each(|node| cluster.kill(node));
    let output = recover(&cluster, 1, &["--unsafe", "--yes"], "");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("no copy here"), "{output:?}");
    cluster.start_again(1);
    cluster.wait_served();
    let mut client = cluster.client(1);
    for key in written.keys() {
        client.send(&command(&[b"GET", key.as_bytes()]));
        let expected = here.get(key).cloned().flatten().map_or(Reply::Null, Reply::Bulk);
        assert_eq!(client.reply(), expected, "{key}");
    }
    for key in written.keys() {
        client.send(&command(&[b"SET", key.as_bytes(), b"anew"]));
        assert_eq!(show(&client.reply()), "OK");
    }
}
