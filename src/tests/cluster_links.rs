//! Links between nodes that are slow, silent or break in the midst of a copy.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyperion_model::slot_of;
use serde_json::json;

use super::client::Dice;
use super::cluster_harness::{Cluster, Routed};
use super::harness::wait_for;
use super::slow_link::SlowLink;

type Keys = BTreeMap<String, Option<Vec<u8>>>;

const VALUE_BYTES: usize = 100_000;
/// Keys of one group, and writes to them: more than the 64 MiB of one group that a leader keeps for others.
const KEYS: u64 = 200;
const WRITES: u64 = 760;
/// With this much in a second a copy takes some seconds.
const SLOW: u64 = 4 << 20;
/// The rest of a link's words when one of the others has heard nothing.
const UNHEARD: &str = "the peer does not answer";

/// Three nodes, of which the third is reached, and reaches the others, over the link.
fn linked(link: &SlowLink) -> Cluster {
    // Values are alike: compressed they would be there at once.
    let bulk = json!({ "bulk": "never" });
    let mut cluster = Cluster::plan(3).at("/settings/compression", bulk);
    let pair = |cluster: &Cluster, node| {
        format!("{}={}", cluster.peer(node).port(), link.to(cluster.peer(node)))
    };
    let text = pair(&cluster, 3);
    cluster.set_environment(&[("HYPERION_TEST_PEER_VIA", &text)]);
    let mut cluster = cluster.start();
    cluster.kill(3);
    let text = [1, 2].map(|node| pair(&cluster, node)).join(",");
    cluster.set_environment(&[("HYPERION_TEST_PEER_VIA", &text)]);
    cluster
}

/// What the third node does not have, and is to get whole.
fn write_much(cluster: &Cluster) -> Keys {
    let mut routed = cluster.routed();
    let (base, mut written) = (Dice(7).bytes(VALUE_BYTES), Keys::new());
    for number in 0..WRITES {
        let mut value = base.clone();
        value[..8].copy_from_slice(&number.to_le_bytes());
        let key = format!("{{big}}:{}", number % KEYS);
        routed.set(&key, &value);
        written.insert(key, Some(value));
    }
    written
}

#[test]
fn a_copy_over_a_slow_link_delays_no_heartbeat() {
    let link = SlowLink::default();
    let mut cluster = linked(&link);
    let written = write_much(&cluster);
    let leader = cluster.leader_of(slot_of(b"{big}"));
    link.slow_down(SLOW);
    let (before, begun) = (link.carried(), Instant::now());
    cluster.start_again(3);
    let (is_over, mut worst) = (AtomicBool::new(false), Duration::ZERO);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut routed, mut worst) = (cluster.routed(), Duration::ZERO);
            for number in 0_u64.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let since = Instant::now();
                routed.set(&format!("small{}", number % 64), &number.to_le_bytes());
                worst = worst.max(since.elapsed());
                std::thread::sleep(Duration::from_millis(2));
            }
            worst
        });
        cluster.wait_copies(3, &written);
        is_over.store(true, Ordering::Relaxed);
        worst = writer.join().expect("each write is answered");
    });
    let (carried, took) = (link.carried() - before, begun.elapsed());
    println!("{carried} bytes in {took:?}, the slowest write took {worst:?}");
    assert!(carried > KEYS * VALUE_BYTES as u64 && took > Duration::from_secs(4), "it was slow");
    assert!(cluster.log(leader).contains("is sent to node 3 whole"), "it came by entries alone");
    for node in cluster.numbers() {
        assert!(!cluster.log(node).contains(UNHEARD), "node {node}: {}", cluster.log(node));
    }
    assert!(worst < Duration::from_secs(2), "a write took {worst:?}");
}

#[test]
fn a_copy_that_is_broken_in_the_midst_comes_to_its_end() {
    let link = SlowLink::default();
    let mut cluster = linked(&link);
    let written = write_much(&cluster);
    link.slow_down(SLOW);
    cluster.start_again(3);
    for _ in 0..3 {
        let goal = link.carried() + (3 << 20);
        wait_for("a part of the copy", || link.carried() > goal);
        link.break_all();
    }
    link.slow_down(0);
    cluster.wait_copies(3, &written);
    cluster.wait_served();
}

#[test]
fn a_link_on_which_nothing_is_heard_is_given_up_and_the_groups_go_on() {
    let link = SlowLink::default();
    let mut cluster = linked(&link);
    cluster.start_again(3);
    cluster.wait_served();
    let mut routed = cluster.routed();
    let keys: Vec<String> = (0..64).map(|number| format!("k{number}")).collect();
    keys.iter().for_each(|key| routed.set(key, b"before"));
    cluster.wait_led();
    link.be_silent(true);
    let since = Instant::now();
    // Clients of the third node have nobody who would answer them; those of the others do.
    let led = |node| {
        let leader = |key: &String| cluster.leader_by(node, slot_of(key.as_bytes()));
        keys.iter().all(|key| leader(key).is_some_and(|leader| leader != 3))
    };
    wait_for("the others lead", || led(1) && led(2));
    let mut routed = Routed::of([1, 2].map(|node| cluster.resp(node)).to_vec());
    let mut written = Keys::new();
    for key in &keys {
        routed.set(key, b"after");
        written.insert(key.clone(), Some(b"after".to_vec()));
    }
    println!("all groups took writes after {:?}", since.elapsed());
    wait_for("all links are given up", || {
        [1, 2, 3].iter().all(|&node| cluster.log(node).contains(UNHEARD))
    });
    link.be_silent(false);
    cluster.wait_copies(3, &written);
    cluster.wait_served();
}
