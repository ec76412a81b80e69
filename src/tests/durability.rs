//! Owns tests of what outlives the process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

use super::client::{Client, Dice, pipeline, show, words};
use super::harness::{Node, Setup, cpus, wait_for};
use super::tour::large_value;

/// Commands that a writer has under way.
const WINDOW: u64 = 32;

/// Writes `w:0`, `w:1`, and so on, in order, until the connection breaks or it is told to end.
pub(crate) struct Writer {
    /// The first key that is not known to be written.
    pub(crate) acknowledged: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Option<String>>,
}

impl Writer {
    pub(crate) fn start(address: SocketAddr, first: u64) -> Self {
        let acknowledged = Arc::new(AtomicU64::new(first));
        let is_over = Arc::new(AtomicBool::new(false));
        let (count, over) = (Arc::clone(&acknowledged), Arc::clone(&is_over));
        let thread = thread::spawn(move || write(&mut Client::tcp(address), &count, &over));
        Self { acknowledged, is_over, thread }
    }

    /// Waits until so many more are written.
    pub(crate) fn wait(&self, more: u64) {
        let until = self.acknowledged.load(Ordering::Relaxed) + more;
        wait_for("writes", || self.acknowledged.load(Ordering::Relaxed) >= until);
    }

    /// Ends it. Gives the first key that is not known to be written, and an answer that was not OK.
    pub(crate) fn end(self) -> (u64, Option<String>) {
        self.is_over.store(true, Ordering::Relaxed);
        let wrong = self.thread.join().expect("the writer does not panic");
        (self.acknowledged.load(Ordering::Relaxed), wrong)
    }
}

fn write(client: &mut Client, acknowledged: &AtomicU64, is_over: &AtomicBool) -> Option<String> {
    let mut next = acknowledged.load(Ordering::Relaxed);
    while !is_over.load(Ordering::Relaxed) {
        let lines = (next..next + WINDOW).map(|number| format!("SET w:{number} {number}"));
        if client.try_send(&pipeline(lines)).is_err() {
            return None;
        }
        for _ in 0..WINDOW {
            match client.try_reply() {
                Err(_) => return None,
                Ok(reply) if show(&reply) != "OK" => return Some(show(&reply)),
                Ok(_) => {}
            }
            next += 1;
            acknowledged.store(next, Ordering::Relaxed);
        }
    }
    None
}

/// Panics unless every key below `end` is there.
pub(crate) fn expect_written(client: &mut Client, end: u64) {
    client.send(&pipeline((0..end).map(|number| format!("GET w:{number}"))));
    for number in 0..end {
        assert_eq!(client.shown(), number.to_string(), "w:{number} of {end}");
    }
}

fn kill_loses_nothing(setup: Setup) {
    let mut node = setup.start();
    let mut written = 0;
    for _ in 0..3 {
        let writer = Writer::start(node.resp(), written);
        writer.wait(300);
        node.kill();
        let (end, wrong) = writer.end();
        assert_eq!(wrong, None);
        written = end;
        node.start();
        expect_written(&mut node.client(), written);
    }
}

#[test]
fn kill_loses_nothing_with_always() {
    kill_loses_nothing(Setup::new().durability("always"));
}

#[test]
fn kill_loses_nothing_with_interval() {
    kill_loses_nothing(Setup::new().durability("interval"));
}

#[test]
fn kill_loses_nothing_with_never() {
    kill_loses_nothing(Setup::new().durability("never"));
}

#[test]
fn kill_loses_nothing_over_two_cores() {
    if let Some(setup) = Setup::two_cores() {
        kill_loses_nothing(setup);
    }
}

/// What is never synced would be waited for without end.
#[test]
fn nobody_waits_for_what_is_never_on_disk() {
    let node = Setup::new().durability("never").start();
    let refusal = "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
    node.client().expect(&[
        ("SET a 1", "OK"),
        ("WAITAOF 1 0 0", refusal),
        ("CONFIG SET durability interval", "OK"),
        ("SET a 2", "OK"),
        ("WAITAOF 1 0 0", "[1 0]"),
    ]);
}

#[test]
fn what_was_deleted_stays_deleted() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    client.expect(&[
        ("MSET a 1 b 2 c 3", "OK"),
        ("DEL a", "1"),
        ("RENAME b d", "OK"),
        ("SET c 4", "OK"),
        ("SELECT 5", "OK"),
        ("SET e 5", "OK"),
        ("SELECT 6", "OK"),
        ("SET e 6", "OK"),
        ("FLUSHDB", "OK"),
    ]);
    node.kill_and_start();
    node.client().expect(&[
        ("MGET a b c d", "[nil nil 4 2]"),
        ("DBSIZE", "2"),
        ("SELECT 5", "OK"),
        ("GET e", "5"),
        ("SELECT 6", "OK"),
        ("DBSIZE", "0"),
        ("FLUSHALL", "OK"),
    ]);
    node.kill_and_start();
    node.client().expect(&[("DBSIZE", "0"), ("SELECT 5", "OK"), ("DBSIZE", "0")]);
}

/// Large sets of a node that changes its number of cores.
const SETS: u32 = 60;

/// Half thousands of members that each has.
fn set_parts(set: u32) -> u32 {
    5 + set * 7 % 13
}

#[test]
fn another_number_of_cores_finds_the_same_keys() {
    let Some(two) = Setup::two_cores() else { return };
    drop(two);
    let cpus = cpus();
    let (one, both) = (json!(cpus[0].to_string()), json!(format!("{},{}", cpus[0], cpus[1])));
    let mut node = Setup::new().at("/nodes/0/cores", one.clone()).start();
    let mut client = node.client();
    client.send(&pipeline((0..2_000).map(|number| format!("SET w:{number} {number}"))));
    (0..2_000).for_each(|_| assert_eq!(client.shown(), "OK"));
    let large = large_value(&mut client, "large", 3 << 20);
    // Of values in many chunks each chunk takes more than it holds.
    client.send(&pipeline((0..SETS).flat_map(|set| {
        (0..set_parts(set)).map(move |part| {
            let members = (0..500).map(|at| format!(" member:{part}:{at:030}"));
            format!("SADD set:{set}{}", members.collect::<String>())
        })
    })));
    (0..SETS).flat_map(|set| 0..set_parts(set)).for_each(|_| assert_eq!(client.shown(), "500"));
    client.expect(&[
        ("SET gone 1", "OK"),
        ("SET timed 1 EX 1000", "OK"),
        ("DEL gone", "1"),
        ("SELECT 3", "OK"),
        ("SET other 3", "OK"),
    ]);
    for (round, cores) in [both.clone(), one, both].into_iter().enumerate() {
        node.stop_and_start_with(&[("/nodes/0/cores", cores)]);
        assert!(node.log().contains("writing it anew for"), "{}", node.log());
        let mut client = node.client();
        expect_written(&mut client, 2_000);
        client.expect_bytes("large", &large);
        for set in 0..SETS {
            let members = (set_parts(set) * 500).to_string();
            client.expect(&[(&format!("SCARD set:{set}"), &members)]);
        }
        let left: u64 = client.ask("TTL timed").parse().expect("a number");
        assert!((900..=1_000).contains(&left), "round {round}: {left} s left");
        client.expect(&[
            ("GET gone", "nil"),
            ("DBSIZE", &(2_002 + SETS).to_string()),
            ("SELECT 3", "OK"),
            ("GET other", "3"),
            ("DBSIZE", "1"),
            // A write at this number of cores is there after the next change too.
            ("SET other 3", "OK"),
        ]);
        // A kill after the change finds the new layout.
        node.kill_and_start();
        expect_written(&mut node.client(), 2_000);
    }
}

#[test]
fn sigterm_ends_with_zero_and_loses_nothing() {
    let mut node = Setup::new().start();
    let writer = Writer::start(node.resp(), 0);
    writer.wait(500);
    assert_eq!(node.stop(), 0, "{}", node.log());
    let (written, wrong) = writer.end();
    assert_eq!(wrong, None);
    node.start();
    expect_written(&mut node.client(), written);
    assert_eq!(node.stop(), 0, "a node without clients stops too");
}

#[test]
fn sigterm_ends_two_cores_under_load() {
    let Some(setup) = Setup::two_cores() else { return };
    let mut node = setup.durability("always").start();
    let writers = [Writer::start(node.resp(), 0), Writer::start(node.resp(), 0)];
    writers[0].wait(200);
    assert_eq!(node.stop(), 0, "{}", node.log());
    let written = writers.map(|writer| writer.end().0).into_iter().max().expect("two");
    node.start();
    expect_written(&mut node.client(), written);
}

#[test]
fn memory_alone_begins_empty_and_says_so() {
    let mut node = Setup::new().at("/settings/storage", json!("memory")).start();
    let sentence = "storage is memory: nothing is kept on disk, a restart begins empty";
    assert!(node.log().contains(sentence), "{}", node.log());
    let mut client = node.client();
    client.send(&pipeline((0..30_000).map(|number| format!("SET w:{number} {number}"))));
    (0..30_000).for_each(|_| assert_eq!(client.shown(), "OK"));
    assert!(!node.data().join("MANIFEST").exists() && !node.data().join("core-000").exists());
    assert_eq!(node.stop(), 0);
    node.start();
    node.client().expect(&[("DBSIZE", "0")]);
}

#[test]
fn what_expired_before_the_start_is_not_there() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is past 1970")
        + Duration::from_millis(300);
    let at_ms = soon.as_millis();
    client.send(&pipeline((0..200).map(|number| format!("SET short:{number} 1 PXAT {at_ms}"))));
    (0..200).for_each(|_| assert_eq!(client.shown(), "OK"));
    client.expect(&[
        ("SET long 1 EX 1000", "OK"),
        ("SET back 1 PX 300", "OK"),
        ("PERSIST back", "1"),
    ]);
    node.kill();
    thread::sleep(Duration::from_millis(400));
    node.start();
    let mut client = node.client();
    for number in 0..200 {
        assert_eq!(client.ask(&format!("GET short:{number}")), "nil");
    }
    client.expect(&[("GET long", "1"), ("GET back", "1"), ("TTL back", "-1")]);
    wait_for("the sweep", || client.ask("DBSIZE") == "2");
}

#[test]
fn a_value_of_many_segments_outlives_a_kill() {
    let mut node = Setup::new().durability("always").start();
    let value = large_value(&mut node.client(), "large", 5 << 20);
    node.client().expect(&[("SET after 1", "OK")]);
    node.kill_and_start();
    let mut client = node.client();
    client.expect_bytes("large", &value);
    client.expect(&[("GET after", "1"), ("DEL large", "1")]);
    node.kill_and_start();
    node.client().expect(&[("EXISTS large", "0"), ("GET after", "1")]);
}

#[test]
fn a_hundred_megabytes_outlive_a_kill() {
    let setup = Setup::new()
        .at("/settings/segment_bytes", json!("64MiB"))
        .at("/settings/memory_bytes_max", json!("1GiB"));
    let mut node = setup.start();
    let mut value = Dice(100).bytes(1 << 20).repeat(100);
    value.extend_from_slice(b"the end");
    let mut client = node.client();
    client.set("large", &value);
    node.kill_and_start();
    node.client().expect_bytes("large", &value);
}

#[test]
fn half_a_value_is_none() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    client.set("large", b"before");
    let bytes = words(&format!("SET large {}", "x".repeat(6 << 20)));
    client.send(&bytes[..bytes.len() - 100]);
    node.client().expect(&[("GET large", "before")]);
    node.kill_and_start();
    node.client().expect(&[("GET large", "before")]);
}

/// Rewrites few keys so often that segments must be used again.
#[test]
fn dead_segments_are_used_again() {
    let mut node = Setup::new().at("/settings/memory_bytes_max", json!("16MiB")).start();
    let mut client = node.client();
    let value = "v".repeat(20_000);
    for round in 0..40 {
        client.send(&pipeline((0..50).map(|key| format!("SET key:{key} {round}-{key}-{value}"))));
        (0..50).for_each(|_| assert_eq!(client.shown(), "OK", "round {round}"));
    }
    // 40 MB were written.
    assert!(node.segments(0).len() <= 20, "{} segments", node.segments(0).len());
    node.kill_and_start();
    let mut client = node.client();
    for key in 0..50 {
        client.expect_bytes(&format!("key:{key}"), format!("39-{key}-{value}").as_bytes());
    }
}

fn starts_again_and_again(node: &mut Node) {
    for start in 0..6 {
        node.client().expect(&[("INCR starts", &(start + 1).to_string())]);
        if start % 2 == 0 { node.kill_and_start() } else { node.stop_and_start_with(&[]) }
    }
    node.client().expect(&[("GET starts", "6")]);
}

#[test]
fn many_starts_leave_few_files() {
    let mut node = Setup::new().start();
    starts_again_and_again(&mut node);
    assert!(node.segments(0).len() <= 6, "{:?}", node.segments(0));
}
