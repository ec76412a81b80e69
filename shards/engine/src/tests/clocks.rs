//! Tests of nodes whose clocks are apart: what has expired for one client is gone for all, whoever leads next.

use super::machine::Line;
use super::three::{Cluster, NODES};
use crate::command::find;
use crate::effect::{Answer, Ticket};
use crate::work::{Queued, Unit};
use hyperion_model::{DatabaseId, slot_of};

const AHEAD_MS: u64 = 5_000;

/// Commands that meet `a`, a field of the hash `{t}h` that has expired; what they answer tells so.
const READS: &[&str] = &[
    "hget {t}h a",
    "hmget {t}h a b",
    "hlen {t}h",
    "hexists {t}h a",
    "hstrlen {t}h a",
    "hgetall {t}h",
    "hkeys {t}h",
    "hvals {t}h",
    "hrandfield {t}h 5",
    "hscan {t}h 0",
    "httl {t}h FIELDS 1 a",
    "dump {t}h",
    "sort {t}l by nosort get {t}*->a",
    "hgetex {t}h FIELDS 1 a",
];

/// A field expires, is told to be gone by a leader whose clock is ahead, and stays so with the next leader.
#[test]
fn a_field_that_was_gone_stays_gone_with_the_next_leader() {
    for read in READS {
        let mut cluster = Cluster::new();
        cluster.ask("hset {t}h a 1 b 2");
        cluster.ask("rpush {t}l h");
        let (first, line) = cluster.ask("hpexpire {t}h 1000 FIELDS 1 a");
        assert_eq!(cluster.ask("hget {t}h a").1, "$1", "{read}: {line}");
        cluster.nodes[first].ahead_ms = AHEAD_MS;
        assert_eq!(cluster.ask(read).0, first, "{read}: who leads has changed");
        cluster.nodes[first].is_up = false;
        let (next, line) = cluster.ask("hget {t}h a");
        assert_ne!(next, first);
        assert_eq!(line, "$-1", "{read} had told that the field is gone");
    }
}

#[test]
fn a_key_that_was_gone_stays_gone_with_the_next_leader() {
    for read in ["get k", "exists k", "ttl k", "type k", "set k 2 XX", "strlen k"] {
        let mut cluster = Cluster::new();
        let (first, _) = cluster.ask("set k 1 PX 1000");
        cluster.nodes[first].ahead_ms = AHEAD_MS;
        assert_eq!(cluster.ask(read).0, first, "{read}: who leads has changed");
        cluster.nodes[first].is_up = false;
        let (next, line) = cluster.ask("get k");
        assert_ne!(next, first);
        assert_eq!(line, "$-1", "{read} had told that the key is gone");
    }
}

/// Commands over several partitions are answered as of what who leads each found there, not by the clock of who asks.
#[test]
fn who_asks_several_leaders_does_not_go_by_its_own_clock() {
    let mut cluster = Cluster::new();
    let partition =
        |key: &str| cluster.nodes[0].machine.engine.map().partition_of(slot_of(key.as_bytes()));
    let names = ["k1", "k2", "k3", "k4", "k5", "k6", "k7"];
    let apart = names.into_iter().find(|name| partition(name) != partition("h")).expect("some do");
    cluster.ask("hset h a 1 b 2");
    cluster.ask("hpexpire h 1000 FIELDS 1 a");
    let (leader, _) = cluster.ask(&format!("set {apart} 1 PX 1000"));
    let asker = (0..NODES).find(|&node| node != leader).expect("there are three");
    cluster.nodes[asker].ahead_ms = AHEAD_MS;
    let queued = |text: &str| {
        let arguments: Vec<Vec<u8>> =
            text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        Queued {
            spec: find(&arguments[0]).expect("it is there"),
            database: DatabaseId(0),
            arguments,
        }
    };
    let commands = vec![queued("hget h a"), queued("hlen h"), queued(&format!("get {apart}"))];
    let unit = Unit { commands, ..Unit::default() };
    // Whoever leads the hash does so by its own clock.
    let leads_hash = cluster.ask("hget h a").0 == asker;
    cluster.nodes[asker].machine.engine.begin_unit(Ticket(1), unit);
    for _ in 0..100 {
        cluster.round();
    }
    let answer = cluster.nodes[asker].answers.pop().expect("it is answered");
    let Answer::Unit { replies: Some(replies), .. } = answer else { panic!("{answer:?}") };
    let lines: Vec<String> = replies
        .iter()
        .map(|reply| {
            let mut line = Line::default();
            reply.write(&mut line);
            line.0
        })
        .collect();
    let hash = if leads_hash { ["$-1", ":1"] } else { ["$1", ":2"] };
    assert_eq!(lines, [hash[0], hash[1], "$1"]);
}
