//! Owns the test of memory that changes by itself: a bit of a record in the running node is turned over, and the cleaner meets it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use serde_json::json;

use super::client::pipeline;
use super::harness::{Node, Setup, wait_for};
use super::http_call::get;

const NEEDLE: &str = "a-value-that-is-nowhere-else-in-the-memory-of-this-process:";
/// Keys that take more than half of the memory.
const KEYS: u64 = 9_000;
/// Mappings are looked through in parts of so many bytes.
const PART_BYTES: usize = 1 << 20;

/// Turns a bit over wherever the node's memory has the needle; `false` where this user may not.
fn turn_a_bit_over(node: &Node) -> bool {
    let process = format!("/proc/{}", node.pid());
    let opened = File::options().read(true).write(true).open(format!("{process}/mem"));
    let Ok(memory) = opened else { return false };
    let maps = fs::read_to_string(format!("{process}/maps")).expect("the node runs");
    let (mut turned, zeros) = (0, vec![0; PART_BYTES]);
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let range = line.split_whitespace().next().and_then(|range| range.split_once('-'));
        let at = |text: &str| u64::from_str_radix(text, 16).expect("an address");
        let (start, end) = range.map(|(start, end)| (at(start), at(end))).expect("a range");
        let mut part = vec![0; PART_BYTES];
        for from in (start..end).step_by(PART_BYTES) {
            let length = PART_BYTES.min(usize::try_from(end - from).expect("it is a mapping"));
            let part = &mut part[..length];
            if memory.read_exact_at(part, from).is_err() || *part == zeros[..length] {
                continue;
            }
            let found = part.windows(NEEDLE.len()).position(|bytes| bytes == NEEDLE.as_bytes());
            if let Some(found) = found {
                let place = from + found as u64 + 5;
                memory.write_all_at(&[part[found + 5] ^ 1], place).expect("it was opened for that");
                turned += 1;
            }
        }
    }
    assert!(turned > 0, "the needle is not found");
    true
}

#[test]
fn memory_that_has_changed_by_itself_is_told_of() {
    let node = Setup::new().at("/settings/memory_bytes_max", json!("16MiB")).start();
    let mut client = node.client();
    let value = "v".repeat(1_000);
    let mut write = |keys: std::ops::Range<u64>| {
        // In no order, so that what is overwritten leaves holes everywhere.
        let line = |key: u64| format!("SET key:{} {value}", key * 7_919 % KEYS);
        client.send(&pipeline(keys.clone().map(line)));
        keys.for_each(|_| assert_eq!(client.shown(), "OK"));
    };
    write(0..300);
    node.client().expect(&[(&format!("SET needle {}", NEEDLE.repeat(2)), "OK")]);
    if !turn_a_bit_over(&node) {
        println!("skipped: this user may not write the memory of the node");
        return;
    }
    let mut next = 0;
    wait_for("the cleaner", || {
        next += 700;
        write(next..next + 700);
        node.log().contains("has changed by itself")
    });
    let log = node.log();
    let line =
        log.lines().find(|line| line.contains("has changed by itself")).expect("it is there");
    assert!(line.contains("ERROR") && line.contains("/core-000/segment-0000000"), "{line}");
    wait_for("the gauge", || {
        get(node.http(), "/metrics").body.contains("hyperion_spoiled_segments{core=\"0\"} 1\n")
    });
    assert_eq!(node.log().matches("has changed by itself").count(), 1, "{}", node.log());
}
