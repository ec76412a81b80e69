//! Owns tests of snapshots: one cut over all cores while clients write, restored elsewhere; what goes wrong is said and leaves nothing.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::client::{Client, Dice, pipeline, show};
use super::disk::may_mount;
use super::harness::{Node, PAUSE, Setup, wait_for, wait_while_it_goes_on};
use super::http_call::{change, get, post};

const NO_HOLD: &str = "HYPERION_TEST_SNAPSHOT_NO_HOLD";
const CUT_DELAY: &str = "HYPERION_TEST_SNAPSHOT_CUT_DELAY_MS";
const SPEED: &str = "/settings/snapshot";
/// Accounts of a client, spread over all cores; their sum is always the same.
const ACCOUNTS: u64 = 8;
const MONEY: u64 = 1_000;
const CLIENTS: u64 = 4;

pub(super) fn status(node: &Node) -> Value {
    get(node.http(), "/status").json()["snapshot"].clone()
}

/// Begins a snapshot and waits for its end; what `/status` says of it.
fn take(node: &Node) -> (PathBuf, Value) {
    let answer = post(node.http(), "/snapshot", "");
    assert_eq!(answer.status, 202, "{answer:?}");
    let name = answer.json()["snapshot"].as_str().expect("a name").to_owned();
    let mut last = Value::Null;
    // It is compressed when nothing else wants the processor.
    wait_while_it_goes_on("the end of the snapshot", || {
        let now = status(node);
        last = now["last"].clone();
        let is_over = now["state"] == "idle" && last["name"] == json!(name);
        (!is_over).then_some(now)
    });
    (node.data().join("snapshots").join(name), last)
}

fn restore(from: &Path, to: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hyperiond"))
        .arg("restore")
        .arg("--from")
        .arg(from)
        .arg("--data")
        .arg(to)
        .output()
        .expect("the binary is built")
}

/// A node on the restored data, of the same setup.
pub(super) fn restored(setup: Setup, from: &Path) -> Node {
    let mut node = setup.prepare();
    let output = restore(from, &node.data());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("restored "), "{output:?}");
    node.start();
    node
}

// ---- one cut

/// Clients that move money between accounts on all cores, and leave a trail from core to core.
struct Movers {
    is_over: Arc<AtomicBool>,
    moves: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

fn accounts(client: u64) -> Vec<String> {
    (0..ACCOUNTS).map(|account| format!("account:{client}:{account}")).collect()
}

impl Movers {
    fn start(address: SocketAddr) -> Self {
        let mut movers =
            Self { is_over: Arc::default(), moves: Arc::default(), threads: Vec::new() };
        for number in 0..CLIENTS {
            let (is_over, moves) = (Arc::clone(&movers.is_over), Arc::clone(&movers.moves));
            movers.threads.push(thread::spawn(move || {
                let (mut client, mut dice) = (Client::tcp(address), Dice(number));
                let names = accounts(number);
                let mut money = vec![MONEY; names.len()];
                let all: String = names.iter().map(|name| format!(" {name} {MONEY}")).collect();
                client.expect(&[(&format!("MSET{all}"), "OK")]);
                let mut step = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let [from, to] = [0; 2].map(|_| {
                        usize::try_from(dice.below(ACCOUNTS)).expect("there are few accounts")
                    });
                    let amount = dice.below(money[from] + 1);
                    money[from] -= amount;
                    money[to] += amount;
                    // The later value counts where both are one.
                    let line =
                        format!("MSET {} {} {} {}", names[from], money[from], names[to], money[to]);
                    client.expect(&[(&line, "OK")]);
                    // Each step is answered before the next is taken: a cut that has a later one has all earlier ones.
                    step += 1;
                    let key = format!("trail:{number}:{}", step % ACCOUNTS);
                    client.expect(&[(&format!("SET {key} {step}"), "OK")]);
                    moves.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        // Values that are overwritten soon: segments die, and the log has holes.
        let is_over = Arc::clone(&movers.is_over);
        movers.threads.push(thread::spawn(move || {
            let (mut client, mut dice) = (Client::tcp(address), Dice(99));
            while !is_over.load(Ordering::Relaxed) {
                let key = format!("churn:{}", dice.below(30));
                client.set(&key, &dice.bytes(20_000));
                thread::sleep(PAUSE / 10);
            }
        }));
        movers
    }

    fn wait(&self, moves: u64) {
        let until = self.moves.load(Ordering::Relaxed) + moves;
        wait_for("moves, or a client has panicked", || {
            self.moves.load(Ordering::Relaxed) >= until
                || self.threads.iter().any(JoinHandle::is_finished)
        });
    }

    fn end(self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().expect("every move is answered");
        }
    }
}

fn numbers(client: &mut Client, line: &str) -> Vec<u64> {
    let text = client.ask(line);
    let words = text.trim_matches(['[', ']']).split(' ');
    words.map(|word| word.parse().unwrap_or(0)).collect()
}

/// What is wrong with the restored accounts and trails, if anything.
fn wrong(node: &Node) -> Option<String> {
    let mut client = node.client();
    for number in 0..CLIENTS {
        let money = numbers(&mut client, &format!("MGET {}", accounts(number).join(" ")));
        if money.iter().sum::<u64>() != ACCOUNTS * MONEY {
            return Some(format!("client {number} has {money:?}"));
        }
        let trail: Vec<String> =
            (0..ACCOUNTS).map(|place| format!("trail:{number}:{place}")).collect();
        let mut steps = numbers(&mut client, &format!("MGET {}", trail.join(" ")));
        steps.sort_unstable();
        let last = *steps.last().expect("there are places");
        let expected: Vec<u64> =
            (0..ACCOUNTS).rev().map(|before| last.saturating_sub(before)).collect();
        if steps != expected {
            return Some(format!("client {number} left {steps:?}"));
        }
    }
    None
}

fn two_cores() -> Option<Setup> {
    Some(Setup::two_cores()?.at("/settings/segment_bytes", json!("1MiB")))
}

/// Rounds of a snapshot under load, each restored; the first that is wrong, if any.
fn rounds(setup: Setup, count: u32, restored_setup: impl Fn(u32) -> Setup) -> Option<String> {
    let node = setup.start();
    let movers = Movers::start(node.resp());
    movers.wait(200);
    let mut found = None;
    for round in 0..count {
        movers.wait(50);
        let (path, last) = take(&node);
        assert_eq!(last["ok"], json!(true), "{last}");
        movers.wait(20);
        let other = restored(restored_setup(round), &path);
        println!("round {round}: {last}");
        found = wrong(&other).map(|what| format!("round {round}: {what}; {last}"));
        if found.is_some() {
            break;
        }
        // The restored node is a node: it takes writes and keeps them.
        let mut other = other;
        other.client().expect(&[("SET fresh 1", "OK")]);
        other.kill_and_start();
        other.client().expect(&[("GET fresh", "1")]);
        assert_eq!(wrong(&other), None, "round {round}");
    }
    movers.end();
    found
}

#[test]
fn a_snapshot_is_one_cut_over_all_cores() {
    if two_cores().is_none() {
        return;
    }
    for mode in ["interval", "always", "never"] {
        let setup = || two_cores().expect("asked for above").durability(mode);
        // Between the cuts of the cores there is time for many moves, were they not held back.
        let found = rounds(setup().environment(CUT_DELAY, "15"), 4, |_| setup());
        assert_eq!(found, None, "{mode}");
    }
}

#[test]
fn without_holding_back_it_is_not() {
    let Some(setup) = two_cores() else { return };
    let setup = setup.environment(NO_HOLD, "1").environment(CUT_DELAY, "15");
    let found = rounds(setup, 10, |_| two_cores().expect("asked for above"));
    assert!(found.is_some(), "the control found nothing: the test above proves nothing");
    println!("{}", found.unwrap_or_default());
}

#[test]
fn it_is_restored_for_other_numbers_of_cores() {
    let Some(setup) = two_cores() else { return };
    let one = || Setup::new().at("/settings/segment_bytes", json!("1MiB"));
    assert_eq!(rounds(setup, 2, |_| one()), None);
    // And from one core to two.
    assert_eq!(rounds(one(), 2, |_| two_cores().expect("asked for above")), None);
}

#[test]
fn memory_without_files_is_backed_up_too() {
    let Some(setup) = two_cores() else { return };
    let setup = setup.at("/settings/storage", json!("memory")).environment(CUT_DELAY, "15");
    assert_eq!(rounds(setup, 3, |_| two_cores().expect("asked for above")), None);
}

// ---- all keys

fn fill(client: &mut Client, keys: u64) {
    for first in (0..keys).step_by(500) {
        let lines =
            (first..keys.min(first + 500)).map(|key| format!("SET key:{key} {key}{key}{key}"));
        client.send(&pipeline(lines));
        for _ in first..keys.min(first + 500) {
            assert_eq!(client.shown(), "OK");
        }
    }
}

#[test]
fn every_kind_of_key_comes_back() {
    let setup = || Setup::new().at("/settings/segment_bytes", json!("1MiB"));
    let node = setup().start();
    let mut client = node.client();
    fill(&mut client, 20_000);
    let long = Dice(3).bytes(3 << 20);
    client.set("long", &long);
    client.expect(&[
        ("SET gone 1", "OK"),
        ("DEL gone", "1"),
        ("SET soon 1 EX 3000", "OK"),
        ("SELECT 7", "OK"),
        ("SET seven 7", "OK"),
        ("SELECT 0", "OK"),
    ]);
    // Segments come and go: the log has holes.
    for _ in 0..3 {
        fill(&mut client, 20_000);
    }
    let (path, last) = take(&node);
    assert_eq!(last["ok"], json!(true), "{last}");
    assert_eq!(last["keys"], json!(20_003), "{last}");
    // What the cleaner freed meanwhile was copied for nothing, and lies in the file too.
    let bytes = |name: &str| last[name].as_u64().expect("a number");
    assert!(bytes("file_bytes") < bytes("plain_bytes") + bytes("dropped_bytes"), "{last}");
    let other = restored(setup(), &path);
    let mut client = other.client();
    client.expect(&[
        ("DBSIZE", "20002"),
        ("EXISTS gone", "0"),
        ("GET key:19999", "199991999919999"),
        ("SELECT 7", "OK"),
        ("GET seven", "7"),
        ("SELECT 0", "OK"),
    ]);
    client.expect_bytes("long", &long);
    let left: u64 = client.ask("TTL soon").parse().expect("a number");
    assert!(left > 2_900 && left <= 3_000, "{left}");
    // An empty node is a snapshot too.
    let empty = Setup::new().start();
    let (path, last) = take(&empty);
    assert_eq!((&last["ok"], &last["keys"]), (&json!(true), &json!(0)), "{last}");
    restored(Setup::new(), &path).client().expect(&[("DBSIZE", "0")]);
}

#[test]
fn libraries_of_functions_come_back() {
    let node = Setup::new().start();
    let mut client = node.client();
    let code = "#!lua name=lib\nredis.register_function('double', function(keys) return 2 * redis.call('GET', keys[1]) end)";
    assert_eq!(show(&client.call(&[b"FUNCTION", b"LOAD", code.as_bytes()])), "lib");
    client.expect(&[("SET n 21", "OK"), ("FCALL double 1 n", "42")]);
    let (path, last) = take(&node);
    assert_eq!(last["ok"], json!(true), "{last}");
    let mut other = restored(Setup::new(), &path);
    other.client().expect(&[("FCALL double 1 n", "42")]);
    // They are in the config from then on.
    other.kill_and_start();
    other.client().expect(&[("FCALL double 1 n", "42"), ("FUNCTION DELETE lib", "OK")]);
    other.kill_and_start();
    other.client().expect(&[("FCALL double 1 n", "-ERR Function not found")]);
}

#[test]
fn numbers_of_databases_come_back() {
    let node = Setup::new().start();
    node.client().expect(&[("SET a 1", "OK"), ("SWAPDB 0 6", "OK"), ("SET a 2", "OK")]);
    let (path, last) = take(&node);
    assert_eq!(last["ok"], json!(true), "{last}");
    let mut other = restored(Setup::new(), &path);
    for _ in 0..2 {
        other.client().expect(&[("GET a", "2"), ("SELECT 6", "OK"), ("GET a", "1")]);
        other.kill_and_start();
    }
}

#[test]
fn the_commands_of_redis_are_answered() {
    let node = Setup::new().at(SPEED, json!({ "bytes_a_second": 2_000_000 })).start();
    let mut client = node.client();
    let info = |client: &mut Client, name: &str| {
        let text = client.ask("INFO persistence");
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("{name}: {text}")).trim().to_owned()
    };
    let before: u64 = client.ask("LASTSAVE").parse().expect("a number");
    assert!(before > 1_700_000_000);
    // Enough to copy for a second or two, so that it is under way for a while.
    let value = "v".repeat(1_000);
    let lines = (0..5_000).map(|key| format!("SET key:{key} {value}"));
    client.send(&pipeline(lines));
    for _ in 0..5_000 {
        assert_eq!(client.shown(), "OK");
    }
    // Records of the log: those that seal a segment count too.
    let changes = |client: &mut Client| {
        info(client, "rdb_changes_since_last_save").parse::<u64>().expect("a number")
    };
    let changed = changes(&mut client);
    assert!((5_000..5_020).contains(&changed), "{changed}");
    thread::sleep(std::time::Duration::from_millis(1_100));
    client.expect(&[
        ("SAVE", "-ERR SAVE would let everybody wait; use BGSAVE"),
        ("BGSAVE now", "-ERR syntax error"),
        ("BGSAVE SCHEDULE", "Background saving started"),
        ("BGSAVE", "-ERR Background save already in progress"),
    ]);
    assert_eq!(info(&mut client, "rdb_bgsave_in_progress"), "1");
    let answer = post(node.http(), "/snapshot", "{}");
    assert_eq!(answer.status, 409, "{answer:?}");
    assert!(answer.body.contains("is under way; wait for its end"), "{answer:?}");
    wait_for("progress", || status(&node)["running"]["percent"].as_u64() > Some(10));
    let now = status(&node);
    assert!(now["running"]["seconds_left"].as_u64().is_some(), "{now}");
    wait_for("the end", || status(&node)["state"] == "idle");
    assert_eq!(status(&node)["last"]["ok"], json!(true), "{}", status(&node));
    assert_eq!(info(&mut client, "rdb_bgsave_in_progress"), "0");
    assert_eq!(info(&mut client, "rdb_last_bgsave_status"), "ok");
    assert!(changes(&mut client) < 10);
    let after: u64 = client.ask("LASTSAVE").parse().expect("a number");
    assert!(after > before, "{before} {after}");
    let metrics = get(node.http(), "/metrics").body;
    assert!(metrics.contains("hyperion_snapshots_made_total 1\n"), "{metrics}");
    for (body, path, expected) in
        [("{\"path\": \"/tmp/x\"}", "/snapshot", 400), ("", "/snapshot?a=1", 400)]
    {
        assert_eq!(post(node.http(), path, body).status, expected, "{body} {path}");
    }
    assert_eq!(get(node.http(), "/snapshot").status, 405);
}

// ---- what goes wrong

#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    if !may_mount() {
        return;
    }
    // Room for the segments and not for a copy of what they hold.
    let node = Setup::new().tmpfs(11 << 20, 0).start();
    let mut client = node.client();
    let mut dice = Dice(5);
    for key in 0..300 {
        client.set(&format!("key:{key}"), &dice.bytes(20_000));
    }
    let (path, last) = take(&node);
    assert_eq!(last["ok"], json!(false), "{last}");
    let why = last["error"].as_str().expect("a sentence");
    assert!(
        why.contains("No space left on device") && why.contains("make room on the disk"),
        "{why}"
    );
    let inside = PathBuf::from(format!("/proc/{}/root{}", node.pid(), path.display()));
    let folder = inside.parent().expect("it has one");
    assert_eq!(fs::read_dir(folder).expect("it is there").count(), 0, "something is left");
    client.expect(&[("SET after 1", "OK"), ("GET after", "1"), ("DBSIZE", "301")]);
    let text = client.ask("INFO persistence");
    assert!(text.contains("rdb_last_bgsave_status:err"), "{text}");
}

#[test]
fn a_folder_that_cannot_be_made_is_said() {
    let node = Setup::new().prepare();
    fs::write(node.data().join("snapshots"), b"a file in its place").expect("the folder is ours");
    let mut node = node;
    node.start();
    node.client().expect(&[("SET a 1", "OK")]);
    let (_, last) = take(&node);
    assert_eq!(last["ok"], json!(false), "{last}");
    node.client().expect(&[("GET a", "1")]);
}

#[test]
fn a_kill_in_the_middle_leaves_nothing() {
    let mut node = Setup::new().at(SPEED, json!({ "bytes_a_second": 1_000_000 })).start();
    let mut client = node.client();
    for key in 0..40 {
        client.set(&format!("key:{key}"), &Dice(key).bytes(100_000));
    }
    assert_eq!(client.ask("BGSAVE"), "Background saving started");
    let folder = node.data().join("snapshots");
    let names = || {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    wait_for("the file", || names().iter().any(|name| name.ends_with(".part")));
    node.kill_and_start();
    assert_eq!(names(), Vec::<String>::new());
    node.client().expect(&[("DBSIZE", "40")]);
    // And one that is stopped in the middle.
    assert_eq!(node.client().ask("BGSAVE"), "Background saving started");
    wait_for("the file", || names().iter().any(|name| name.ends_with(".part")));
    assert_eq!(node.stop(), 0, "{}", node.log());
    node.start();
    assert_eq!(names(), Vec::<String>::new());
}

#[test]
fn a_restore_is_whole_or_not_at_all() {
    let node = Setup::new().start();
    fill(&mut node.client(), 3_000);
    let (path, _) = take(&node);
    let to = node.folder().join("new");
    let refused = |from: &Path, to: &Path, code: i32, words: &str| {
        let output = restore(from, to);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    // Data that is there is never touched.
    refused(&path, &node.data(), 1, "is not empty; restore into a folder that is empty");
    refused(&node.folder().join("no such file"), &to, 1, "no such file");
    let whole = fs::read(&path).expect("it is there");
    let damaged = node.folder().join("damaged");
    let mut dice = Dice(11);
    let length = whole.len() as u64;
    for round in 0..60 {
        // The ends of the file, and anywhere.
        let at = match round % 3 {
            0 => dice.below(length),
            1 => dice.below(150),
            _ => length - 1 - dice.below(150),
        };
        let mut bytes = whole.clone();
        bytes[usize::try_from(at).expect("it is in the file")] ^= 1 << dice.below(8);
        fs::write(&damaged, &bytes).expect("the folder is ours");
        let output = restore(&damaged, &to);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(65), "byte {at}: {said}");
        assert!(said.contains("is damaged at offset"), "byte {at}: {said}");
        assert!(!to.exists() && !node.folder().join("new.part").exists(), "byte {at}");
    }
    for cut in [0, 50, 1_000, whole.len() - 1] {
        fs::write(&damaged, &whole[..cut]).expect("the folder is ours");
        refused(&damaged, &to, 65, "is damaged at offset");
    }
    fs::create_dir(node.folder().join("new.part")).expect("the folder is ours");
    refused(&path, &to, 1, "is left of one that was cut short");
    fs::remove_dir(node.folder().join("new.part")).expect("it is empty");
    fs::create_dir(&to).expect("the folder is ours");
    assert!(restore(&path, &to.join("")).status.success(), "an empty folder is fine");
    refused(&path, Path::new("/proc"), 1, "is a mount point");
    refused(&path, &to, 1, "is not empty");
}

#[test]
fn damage_in_a_segment_is_named_by_the_snapshot() {
    let node = Setup::new().start();
    let mut client = node.client();
    for key in 0..30 {
        client.set(&format!("key:{key}"), &Dice(key).bytes(100_000));
    }
    let path = node.segments(0).remove(0);
    let mut bytes = fs::read(&path).expect("it is there");
    bytes[300_000] ^= 1;
    fs::write(&path, &bytes).expect("the disk has room");
    let (_, last) = take(&node);
    let why = last["error"].as_str().unwrap_or_default();
    assert!(why.contains("segment 1 of core 0 is damaged at offset "), "{last}");
    client.expect(&[("DBSIZE", "30")]);
}

#[test]
fn as_many_snapshots_stay_as_the_config_says() {
    let mut node = Setup::new().at("/settings/snapshot", json!({ "keep": 2 })).start();
    node.client().set("key", b"value");
    let folder = node.data().join("snapshots");
    let names = || {
        let entries = fs::read_dir(&folder).expect("it is there").flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    };
    let mut made = Vec::new();
    for number in 0..3 {
        made.push(take(&node).0.file_name().expect("a name").to_string_lossy().into_owned());
        if number == 0 {
            fs::write(folder.join("snapshot-kept.hysnap"), "a person's").expect("written");
        }
    }
    assert_eq!(names(), [&made[1], &made[2], "snapshot-kept.hysnap"]);
    // 0 keeps all, and a change is in force at once.
    assert_eq!(change(node.http(), &[("/settings/snapshot/keep", json!(0))]).status, 200);
    take(&node);
    assert_eq!(names().len(), 4);
    assert_eq!(node.stop(), 0);
}
