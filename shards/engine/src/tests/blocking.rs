//! Who waits for keys is asked in order, and nobody is asked again and again.

use super::machine::{ANN, Machine, request_of};
use crate::command::{Blocking, Nothing, Wait};
use crate::{Engine, Request, Waiter};
use hyperion_store::ValueType;

fn park(engine: &mut Engine, line: &str, value_type: ValueType) -> Waiter {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let request = Request { blocking: Blocking::Part, ..request_of(ANN, &words) };
    let wait = Wait { value_type, timeout_ms: 0, nothing: Nothing::Array, minds_loss: false };
    engine.park(&request, wait)
}

fn run(machine: &mut Machine, line: &str) {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    machine.run(ANN, &words);
}

/// Streams, as the store's format numbers them.
const STREAM: ValueType = ValueType(5);

#[test]
fn what_was_offered_in_vain_is_offered_to_those_behind_and_not_again() {
    let mut machine = Machine::new();
    run(&mut machine, "XADD a 1-1 f v");
    run(&mut machine, "XADD b 1-1 f v");
    let [first, second] =
        [(); 2].map(|()| park(&mut machine.engine, "XREAD BLOCK 0 STREAMS a b $ $", STREAM));
    assert_eq!(machine.engine.next_woken(), None, "nothing has changed");
    // Both keys change; who is first is asked, and nobody behind it before that is settled.
    run(&mut machine, "XDEL a 1-1");
    run(&mut machine, "XDEL b 1-1");
    assert_eq!(machine.engine.next_woken(), Some(first));
    machine.engine.offer(first);
    assert_eq!(machine.engine.next_woken(), None);
    assert!(machine.engine.is_offered(first) && !machine.engine.is_offered(second));
    machine.engine.refuse_offer(first);
    assert_eq!(machine.engine.next_woken(), Some(second));
    machine.engine.offer(second);
    assert_eq!(machine.engine.next_woken(), None);
    machine.engine.refuse_offer(second);
    assert_eq!(machine.engine.next_woken(), None, "both have looked at what is there");
    // A change is news again.
    run(&mut machine, "XADD b 2-1 f v");
    assert_eq!(machine.engine.next_woken(), Some(first));
    machine.engine.offer(first);
    machine.engine.unpark(first);
    assert_eq!(machine.engine.next_woken(), Some(second));
    machine.engine.unpark(second);
    assert_eq!((machine.engine.next_woken(), machine.engine.parked()), (None, 0));
}

#[test]
fn who_is_woken_looks_at_what_is_there() {
    let mut machine = Machine::new();
    run(&mut machine, "RPUSH a x");
    let [first, second] =
        [(); 2].map(|()| park(&mut machine.engine, "BLPOP a 0", Wait::for_list().value_type));
    machine.engine.wake(second);
    // Those before it are asked first.
    assert_eq!(machine.engine.next_woken(), Some(first));
    machine.engine.offer(first);
    machine.engine.refuse_offer(first);
    assert_eq!(machine.engine.next_woken(), Some(second));
    machine.engine.offer(second);
    // Looked for on the way here: it is asked again as long as something is there.
    machine.engine.wake(second);
    assert_eq!(machine.engine.next_woken(), Some(second));
    run(&mut machine, "LPOP a");
    machine.engine.wake(second);
    assert_eq!(machine.engine.next_woken(), None, "nothing is there");
}

#[test]
fn a_move_waits_for_its_source_alone() {
    let mut machine = Machine::new();
    run(&mut machine, "RPUSH target x");
    let waiter =
        park(&mut machine.engine, "BLMOVE source target LEFT RIGHT 0", Wait::for_list().value_type);
    run(&mut machine, "RPUSH target y");
    assert_eq!(machine.engine.next_woken(), None);
    run(&mut machine, "RPUSH source z");
    assert_eq!(machine.engine.next_woken(), Some(waiter));
}
