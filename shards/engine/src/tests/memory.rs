//! Tests of memory that other cores may leave.

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
        machine.engine.set_memory_bytes(wanted, 64 * MEBI);
        let value = vec![b'v'; 12 * SEGMENT_BYTES];
        assert_eq!(machine.run(ANN, &[b"set", b"a", &value]), "+OK", "{eviction:?}");
        // What is live may go for it where the policy lets it.
        machine.engine.set_memory_bytes(wanted, wanted);
        let (outcome, _) = set(&mut machine, b"b");
        let is_refused = matches!(outcome, Outcome::Done { .. });
        assert_eq!(is_refused, eviction == Policy::None, "{eviction:?}");
        assert_eq!(machine.engine.take_memory_wanted(), 0, "{eviction:?}");
    }
}
