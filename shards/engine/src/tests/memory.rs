//! Tests of memory that other cores may leave, and of evictions without writes.

use super::machine::{ANN, Machine, SEGMENT_BYTES};
use crate::request::Outcome;
use crate::settings::Settings;
use hyperion_store::Policy;

const MEBI: u64 = 1 << 20;

fn machine(memory_bytes_max: u64, eviction: Policy) -> Machine {
    let mut machine = Machine::in_memory();
    let settings = machine.engine.settings().clone();
    machine.engine.apply(Settings { memory_bytes_max, eviction, ..settings });
    machine
}

/// The outcome of a SET whose value is as long as 12 segments.
fn set(machine: &mut Machine, key: &[u8]) -> (Outcome, String) {
    machine.turn(ANN, &[b"set", key, &vec![b'v'; 12 * SEGMENT_BYTES]])
}

#[test]
fn what_others_leave_is_waited_for_and_what_they_do_not_is_refused() {
    for eviction in [Policy::None, Policy::AllkeysLru] {
        let mut machine = machine(16 * MEBI, eviction);
        let (outcome, line) = set(&mut machine, b"a");
        assert!(matches!(outcome, Outcome::Done { .. }), "{eviction:?}");
        // Nobody said that more could be had.
        let truth = "-OOM command not allowed when used memory > 'maxmemory': it takes 12583";
        assert!(line.starts_with(truth), "{eviction:?}: {line}");
        assert_eq!(machine.engine.take_memory_wanted(), 0, "{eviction:?}");

        machine.engine.set_memory_bytes(16 * MEBI, 64 * MEBI);
        assert!(matches!(set(&mut machine, b"a").0, Outcome::NoRoom), "{eviction:?}");
        let wanted = machine.engine.take_memory_wanted();
        assert!((14 * MEBI..24 * MEBI).contains(&wanted), "{eviction:?}: {wanted}");
        assert_eq!(machine.engine.take_memory_wanted(), 0, "it is told once");
        // A little more, as heads of chunks are live too.
        let granted = wanted + MEBI;
        machine.engine.set_memory_bytes(granted, 64 * MEBI);
        let value = vec![b'v'; 12 * SEGMENT_BYTES];
        assert_eq!(machine.run(ANN, &[b"set", b"a", &value]), "+OK", "{eviction:?}");
        // What is live may go for it where the policy lets it.
        machine.engine.set_memory_bytes(granted, granted);
        let (outcome, _) = set(&mut machine, b"b");
        let is_refused = matches!(outcome, Outcome::Done { .. });
        assert_eq!(is_refused, eviction == Policy::None, "{eviction:?}");
        assert_eq!(machine.engine.take_memory_wanted(), 0, "{eviction:?}");
    }
}

#[test]
fn what_is_half_written_is_finished_though_the_share_shrinks() {
    for eviction in [Policy::None, Policy::AllkeysLru] {
        let mut machine = machine(64 * MEBI, eviction);
        let value = vec![b'v'; 12 * SEGMENT_BYTES];
        // Its first turns wait for segments.
        let mut turn = || machine.turn(ANN, &[b"set", b"a", &value]).0;
        let begins = (0..100).map(|_| turn()).any(|it| matches!(it, Outcome::Unfinished));
        assert!(begins, "{eviction:?}");
        machine.engine.set_memory_bytes(15 * MEBI, 15 * MEBI);
        assert_eq!(machine.run(ANN, &[b"set", b"a", &value]), "+OK", "{eviction:?}");
        assert!(machine.engine.is_memory_exceeded(), "{eviction:?}");
    }
}

#[test]
fn evictions_go_on_until_memory_is_within_its_limit() {
    let mut machine = machine(64 * MEBI, Policy::AllkeysLru);
    for number in 0..30_000_u32 {
        machine.run(ANN, &[b"set", number.to_string().as_bytes(), &[b'v'; 1_000]]);
    }
    machine.engine.set_memory_bytes(16 * MEBI, 16 * MEBI);
    assert!(machine.engine.is_memory_exceeded());
    let mut slices = 0;
    while machine.engine.evict_slice() {
        slices += 1;
        machine.engine.begin_turn(machine.now_ms);
        machine.end_turn();
        assert!(slices < 10_000, "it has no end");
    }
    assert!(!machine.engine.is_memory_exceeded());
    let evicted = machine.engine.store().evicted();
    assert!(slices > 100 && evicted / slices <= 40, "{evicted} keys in {slices} slices");
    assert!(!machine.engine.evict_slice(), "there is nothing to do");
}
