//! Each path does what it says: a bench of nothing would be quick.

use crate::machine::Machine;
#[cfg(feature = "hop")]
use crate::mesh::Pair;
use crate::raft::Members;
use crate::recovery::Files;
use crate::store::{Shelf, VALUE_BYTES};
use crate::wire::{self, Pipeline};
use crate::{Dice, TURN, key};

#[test]
fn a_pipeline_is_parsed_and_answered_whole() {
    let mut pipeline = Pipeline::default();
    assert_eq!(pipeline.parse(), (TURN, TURN / 2 * 5));
    let value = format!("${}\r\n{}\r\n", wire::VALUE_BYTES, "v".repeat(wire::VALUE_BYTES));
    assert_eq!(pipeline.encode(), TURN / 2 * ("+OK\r\n".len() + value.len()));
}

#[test]
fn keys_are_found_and_missed() {
    let mut shelf = Shelf::new(1_000);
    for _ in 0..100 {
        assert_eq!(shelf.hits(), TURN * VALUE_BYTES);
        assert_eq!(shelf.misses(), 0);
        assert_eq!(shelf.batch(), TURN * VALUE_BYTES);
        let record_bytes = 16 + VALUE_BYTES;
        shelf.inserts();
        assert!(shelf.commit() > TURN * record_bytes);
        assert!(shelf.overwrites() > TURN * record_bytes);
    }
}

#[test]
fn a_start_finds_every_key_again_and_again() {
    let mut files = Files::new(100_000);
    for _ in 0..2 {
        assert_eq!(files.recover(), 100_000);
    }
}

#[test]
fn commands_are_answered() {
    let mut machine = Machine::new(500);
    for _ in 0..100 {
        assert_eq!(machine.sets(), TURN as u64);
        assert_eq!(machine.hsets(), TURN as u64);
    }
    assert_eq!(machine.gets(), TURN as u64);
}

#[test]
fn entries_are_applied_by_one_node_and_by_three() {
    for nodes in [1, 3] {
        let mut members = Members::new(nodes);
        let before = members.applied();
        for round in 1..=10 {
            assert_eq!(members.propose() - before, round * TURN as u64, "{nodes} nodes");
        }
    }
}

#[cfg(feature = "hop")]
#[test]
fn mails_come_back() {
    match Pair::start() {
        Ok(pair) => {
            for at_once in [1, 7, 64] {
                assert!(!pair.round_trips(1_000, at_once).is_zero());
            }
        }
        Err(error) => eprintln!("left out: {error}"),
    }
}

#[test]
fn draws_and_keys_are_the_same_each_time() {
    let (mut one, mut two) = (Dice::new(3), Dice::new(3));
    assert!((0..100).all(|_| one.draw(10) == two.draw(10)));
    assert_eq!(&key(1_234), b"key:000000001234");
}
