//! Snapshots over all nodes: one cut while clients write to partitions of all nodes, restored on every node; what goes wrong leaves nothing.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use hyperion_wire::reply::Reply;
use serde_json::{Value, json};

use super::client::show;
use super::cluster_harness::{Cluster, Routed};
use super::harness::{wait_for, wait_while_it_goes_on};
use super::http_call::{get, post};

const NO_HOLD: &str = "HYPERION_TEST_SNAPSHOT_NO_HOLD";
const CUT_DELAY: &str = "HYPERION_TEST_SNAPSHOT_CUT_DELAY_MS";
const CLIENTS: usize = 4;
/// Keys that a client writes one after the other, each in another partition, and of another node now and then.
const PLACES: u64 = 12;
const KEYS: usize = 300;

pub(super) type Keys = BTreeMap<String, Option<Vec<u8>>>;

/// Clients that write numbers, each when the one before is answered: whoever has a number has all before it.
struct Walkers {
    is_over: Arc<AtomicBool>,
    /// By client: the last number that was begun, and that was answered.
    begun: Arc<[AtomicU64; CLIENTS]>,
    done: Arc<[AtomicU64; CLIENTS]>,
    threads: Vec<JoinHandle<()>>,
}

impl Walkers {
    fn start(cluster: &Cluster, round: u32) -> Self {
        let (is_over, begun, done) = (Arc::default(), Arc::default(), Arc::default());
        let mut walkers = Self { is_over, begun, done, threads: Vec::new() };
        for client in 0..CLIENTS {
            let mut routed = cluster.routed();
            let (is_over, begun, done) =
                (walkers.is_over.clone(), walkers.begun.clone(), walkers.done.clone());
            walkers.threads.push(thread::spawn(move || {
                for number in 1.. {
                    if is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    begun[client].store(number, Ordering::SeqCst);
                    routed.set(&place(round, client, number), number.to_string().as_bytes());
                    done[client].store(number, Ordering::SeqCst);
                }
            }));
        }
        walkers
    }

    fn at(counts: &[AtomicU64; CLIENTS]) -> Vec<u64> {
        counts.iter().map(|count| count.load(Ordering::SeqCst)).collect()
    }

    /// Waits until each has written so many more.
    fn wait(&self, more: u64) {
        let before = Self::at(&self.done);
        wait_for("more writes, or a client has panicked", || {
            let now = Self::at(&self.done);
            now.iter().zip(&before).all(|(now, before)| *now >= before + more)
                || self.threads.iter().any(JoinHandle::is_finished)
        });
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|it| it.join().expect("every write is answered"));
    }
}

fn place(round: u32, client: usize, number: u64) -> String {
    format!("walk:{round}:{client}:{}", number % PLACES)
}

/// What is wrong with the numbers that were restored, if anything: those of each client end between what was answered before the snapshot was
/// asked for and what was begun when it was there, and none is missing before the last.
fn wrong(routed: &mut Routed, round: u32, least: &[u64], most: &[u64]) -> Option<String> {
    for client in 0..CLIENTS {
        let read =
            |number: u64| match &routed.call(&[b"GET", place(round, client, number).as_bytes()]) {
                Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).parse().expect("a number"),
                Reply::Null => 0,
                other => panic!("{}", show(other)),
            };
        let mut numbers: Vec<u64> = (0..PLACES).map(read).collect();
        numbers.sort_unstable();
        let last = numbers.last().copied().unwrap_or(0);
        let expected: Vec<u64> =
            (0..PLACES).rev().map(|before| last.saturating_sub(before)).collect();
        let (least, most) = (least[client], most[client]);
        if numbers != expected || !(least..=most).contains(&last) {
            return Some(format!("client {client} left {numbers:?}, {least} to {most} expected"));
        }
    }
    None
}

fn status(cluster: &Cluster, node: u32) -> Value {
    get(cluster.http(node), "/status").json()["snapshot"].clone()
}

/// Asks a node for a snapshot and waits for its end: its name, and what is said of it.
pub(super) fn take(cluster: &Cluster, node: u32) -> (String, Value) {
    let answer = post(cluster.http(node), "/snapshot", "");
    assert_eq!(answer.status, 202, "{answer:?}");
    let name = answer.json()["snapshot"].as_str().expect("a name").to_owned();
    let mut last = Value::Null;
    // It takes what others leave of the processor.
    wait_while_it_goes_on("the end of the snapshot", || {
        let now = status(cluster, node);
        last = now["last"].clone();
        let has_ended = now["state"] == "idle" && last["name"] == json!(name);
        let running = |node| status(cluster, node)["running"].clone();
        let far = |node| (running(node)["phase"].clone(), running(node)["copied_bytes"].clone());
        let alive =
            cluster.numbers().filter(|&node| TcpStream::connect(cluster.http(node)).is_ok());
        (!has_ended).then(|| alive.map(far).collect::<Vec<_>>())
    });
    (name, last)
}

/// What lies in the folder of a node's snapshots.
fn files(cluster: &Cluster, node: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(cluster.data(node).join("snapshots")).into_iter().flatten();
    entries.map(|entry| entry.expect("it is legible").path()).collect()
}

/// Brings the parts of all nodes together.
pub(super) fn together(cluster: &Cluster, folder: &Path) {
    fs::create_dir_all(folder).expect("the folder is ours");
    for path in cluster.numbers().flat_map(|node| files(cluster, node)) {
        fs::copy(&path, folder.join(path.file_name().expect("a file")))
            .expect("the folder is ours");
    }
}

fn restore(from: &Path, node: Option<&str>, to: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hyperiond"));
    command.arg("restore").arg("--from").arg(from).arg("--data").arg(to);
    if let Some(node) = node {
        command.args(["--node", node]);
    }
    command.output().expect("the binary is built")
}

pub(super) fn refused(output: &Output, sentence: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(sentence), "{output:?}");
}

/// All nodes begin anew with what the snapshot has.
fn restore_all(cluster: &mut Cluster, from: &Path) {
    for node in cluster.numbers() {
        cluster.kill(node);
        fs::remove_dir_all(cluster.data(node)).expect("the folder is ours");
        let output = restore(from, Some(&format!("n{node}")), &cluster.data(node));
        assert!(output.status.success(), "{output:?}");
    }
    cluster.start_only(&[1, 2, 3]);
    cluster.wait_served();
}

pub(super) fn fill(cluster: &Cluster) -> Keys {
    let mut routed = cluster.routed();
    let entry = |number: usize| (format!("k{number}"), vec![b'v'; 200 + number]);
    (0..KEYS)
        .map(entry)
        .map(|(key, value)| {
            routed.set(&key, &value);
            (key, Some(value))
        })
        .collect()
}

/// Rounds of a snapshot under load, each restored on all nodes; the first that is wrong, if any.
fn rounds(cluster: Cluster, count: u32) -> Option<String> {
    let mut cluster = cluster.start();
    let keys = fill(&cluster);
    for round in 0..count {
        let walkers = Walkers::start(&cluster, round);
        walkers.wait(2 * PLACES);
        let least = Walkers::at(&walkers.done);
        let (name, last) = take(&cluster, 1 + round % 3);
        assert_eq!(last["ok"], json!(true), "{last}");
        let most = Walkers::at(&walkers.begun);
        println!("round {round}: {last}");
        walkers.wait(PLACES);
        walkers.end();
        let folder = cluster.folder().join(format!("parts-{round}"));
        together(&cluster, &folder);
        restore_all(&mut cluster, &folder.join(name));
        let mut routed = cluster.routed();
        if let Some(what) = wrong(&mut routed, round, &least, &most) {
            return Some(format!("round {round}: {what}; {last}"));
        }
        routed.expect_all(&keys);
        for node in cluster.numbers() {
            cluster.wait_copies(node, &keys);
        }
    }
    None
}

#[test]
fn it_is_one_cut_over_all_nodes() {
    for durability in ["interval", "always"] {
        let cluster = Cluster::plan(3).at("/settings/durability", json!(durability));
        // Between the cuts of the nodes there is time for many writes, were they not held back.
        assert_eq!(rounds(cluster.environment(CUT_DELAY, "15"), 3), None, "{durability}");
    }
}

#[test]
fn without_holding_back_it_is_not() {
    let cluster = Cluster::plan(3).environment(CUT_DELAY, "50").environment(NO_HOLD, "1");
    assert!(rounds(cluster, 6).is_some(), "the check would not see a torn cut");
}

#[test]
fn a_node_that_dies_takes_all_parts_with_it() {
    let mut cluster = Cluster::plan(3)
        .at("/settings/snapshot", json!({ "keep": 7, "bytes_a_second": "64KiB" }))
        .start();
    // Each node copies for seconds.
    let mut routed = cluster.routed();
    (0..10).for_each(|number| routed.set(&format!("long{number}"), &vec![b'x'; 30 << 10]));
    let answer = post(cluster.http(1), "/snapshot", "");
    assert_eq!(answer.status, 202, "{answer:?}");
    for node in cluster.numbers() {
        wait_for("its part is under way", || status(&cluster, node)["state"] == "running");
    }
    let again = post(cluster.http(2), "/snapshot", "");
    assert_eq!(again.status, 409, "{again:?}");
    cluster.kill(3);
    for node in [1, 2] {
        wait_for("the end without a snapshot", || status(&cluster, node)["state"] == "idle");
        let last = status(&cluster, node)["last"].clone();
        assert_eq!(last["ok"], json!(false), "{last}");
        assert_eq!(files(&cluster, node), Vec::<PathBuf>::new());
    }
    let error = status(&cluster, 1)["last"]["error"].clone();
    assert!(error.as_str().is_some_and(|it| it.contains("node n3: it is not reached")), "{error}");
    let (_, last) = take(&cluster, 2);
    assert!(last["error"].as_str().is_some_and(|it| it.contains("node n3")), "{last}");
    cluster.start_again(3);
    cluster.wait_served();
    assert_eq!(files(&cluster, 3), Vec::<PathBuf>::new(), "what was begun is removed by the start");
}

#[test]
fn parts_are_restored_together_or_not_at_all() {
    let cluster = Cluster::plan(3).start();
    fill(&cluster);
    let (name, last) = take(&cluster, 2);
    assert_eq!(last["ok"], json!(true), "{last}");
    let folder = cluster.folder().join("parts");
    together(&cluster, &folder);
    let (from, to) = (folder.join(&name), cluster.folder().join("restored"));
    refused(&restore(&from, None, &to), "--node");
    refused(&restore(&from, Some("n9"), &to), "n1, n2, n3");
    let part = folder.join(name.replace(".json", "-n1.hysnap"));
    refused(&restore(&part, None, &to), "one node's part");
    let other = folder.join(name.replace(".json", "-n3.hysnap"));
    fs::rename(&other, folder.join("elsewhere")).expect("the folder is ours");
    refused(&restore(&from, Some("n1"), &to), "not beside it");
    fs::copy(&part, &other).expect("the folder is ours");
    refused(&restore(&from, Some("n1"), &to), "not the part");
    assert!(!to.exists());
    fs::rename(folder.join("elsewhere"), &other).expect("the folder is ours");
    let output = restore(&from, Some("n1"), &to);
    assert!(output.status.success() && to.join("config.json").exists(), "{output:?}");
}
