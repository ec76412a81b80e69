//! Tests of the checks themselves, on histories made by hand.

use super::{Answer, Call, Checker, Held, Operation, Prefix, State, Verdict, search};

fn held(value: u32) -> Option<Held> {
    Some(Held { value, expiry_ms: None })
}

fn checker() -> Checker {
    let mut checker = Checker::new(3);
    for value in ["0", "1", "2", "3"] {
        checker.values.id(value.as_bytes());
    }
    checker
}

#[test]
fn an_order_is_found_for_commands_that_overlap() {
    let mut checker = checker();
    let set = checker.call(Operation::SetAll(vec![(0, 1), (1, 2)]), 0);
    let read = checker.call(Operation::GetAll(vec![0, 1]), 0);
    checker.answer(read, &Answer::Values(vec![Some(1), Some(2)]), 1).expect("the write came first");
    let again = checker.call(Operation::Get(1), 1);
    assert!(checker.answer(again, &Answer::Values(vec![None]), 1).is_err(), "it was seen before");
    let _ = set;
}

#[test]
fn what_cannot_be_is_refused() {
    let set_all = || Operation::SetAll(vec![(0, 1), (1, 2)]);
    let rows = [
        ("half of an MSET", set_all(), Operation::GetAll(vec![0, 1]), vec![Some(1), None]),
        ("a value that nobody wrote", set_all(), Operation::Get(0), vec![Some(3)]),
        ("a flushed key", Operation::Flush(vec![0]), Operation::Get(1), vec![Some(1)]),
    ];
    for (row, write, read, seen) in rows {
        let mut checker = checker();
        checker.call(write, 0);
        let read = checker.call(read, 0);
        assert!(checker.answer(read, &Answer::Values(seen), 1).is_err(), "{row}");
    }
}

#[test]
fn a_key_that_expires_meanwhile_may_be_there_or_not() {
    for (called_ms, answered_ms, may_live, may_be_gone) in
        [(0, 9, true, false), (5, 15, true, true), (10, 15, false, true)]
    {
        for (seen, fits) in [(Some(1), may_live), (None, may_be_gone)] {
            let mut checker = checker();
            let set = checker.call(Operation::Set(0, Held { value: 1, expiry_ms: Some(10) }), 0);
            checker.answer(set, &Answer::Ok, 0).expect("it is the first");
            let read = checker.call(Operation::Get(0), called_ms);
            let result = checker.answer(read, &Answer::Values(vec![seen]), answered_ms);
            assert_eq!(result.is_ok(), fits, "{called_ms} to {answered_ms}, seen {seen:?}");
        }
    }
}

#[test]
fn a_crash_keeps_what_was_answered_and_all_or_nothing_of_the_rest() {
    let rows: [(&str, State, bool); 4] = [
        ("nothing of the second", vec![held(1), None, None], true),
        ("all of it", vec![held(1), held(2), held(3)], true),
        ("half of it", vec![held(1), held(2), None], false),
        ("the first is lost", vec![None, held(2), held(3)], false),
    ];
    for (row, found, fits) in rows {
        let mut checker = checker();
        let set = checker.call(Operation::Set(0, Held { value: 1, expiry_ms: None }), 0);
        checker.answer(set, &Answer::Ok, 0).expect("it is the first");
        checker.call(Operation::SetAll(vec![(1, 2), (2, 3)]), 0);
        assert_eq!(checker.settle(&found, 1).is_ok(), fits, "{row}");
    }
}

#[test]
fn a_log_is_a_prefix_with_all_that_was_safe() {
    let rows: [(&str, State, u64, bool); 5] = [
        ("nothing", vec![None, None], 0, true),
        ("the first", vec![held(1), None], 10, true),
        ("less than was safe", vec![held(1), None], 20, false),
        ("a hole", vec![None, held(2)], 0, false),
        ("all", vec![held(1), held(2)], 20, true),
    ];
    for (row, found, safe, fits) in rows {
        let mut prefix = Prefix::new(2);
        prefix.observe(10, vec![held(1), None], false);
        prefix.observe(20, vec![held(1), held(2)], false);
        assert_eq!(prefix.settle(&found, safe, 0).is_ok(), fits, "{row}");
    }
}

/// Calls: what, from, to (0: its end is not known), answer.
fn verdict(calls: &[(Operation, u64, u64, Option<Answer>)]) -> Verdict {
    let mut values = checker().values;
    let call =
        |(operation, called, returned, answer): &(Operation, u64, u64, Option<Answer>)| Call {
            operation: operation.clone(),
            called: *called,
            returned: Some(*returned).filter(|&at| at > 0),
            answer: answer.clone(),
        };
    search(calls.iter().map(call).collect(), vec![None; 3], &mut values)
}

#[test]
fn a_whole_history_has_an_order_or_none() {
    let set = |value| Operation::Set(0, Held { value, expiry_ms: None });
    let read = |value: u32| Some(Answer::Values(vec![Some(value)]));
    let (ok, get) = (Some(Answer::Ok), Operation::Get(0));
    let first = (set(1), 0, 1, ok.clone());
    let rows = [
        (
            "in order",
            vec![first.clone(), (set(2), 2, 3, ok.clone()), (get.clone(), 4, 5, read(2))],
            true,
        ),
        (
            "stale",
            vec![first.clone(), (set(2), 2, 3, ok.clone()), (get.clone(), 4, 5, read(1))],
            false,
        ),
        (
            "beside the write",
            vec![first.clone(), (set(2), 2, 6, ok.clone()), (get.clone(), 4, 5, read(1))],
            true,
        ),
        (
            "an end that nobody knows",
            vec![first.clone(), (set(2), 2, 0, None), (get.clone(), 8, 9, read(2))],
            true,
        ),
        (
            "which may be none",
            vec![first.clone(), (set(2), 2, 0, None), (get.clone(), 8, 9, read(1))],
            true,
        ),
        (
            "but is one",
            vec![
                first.clone(),
                (set(2), 2, 0, None),
                (get.clone(), 4, 5, read(2)),
                (get.clone(), 8, 9, read(1)),
            ],
            false,
        ),
        (
            "seen elsewhere",
            vec![first.clone(), (set(2), 2, 5, None), (get.clone(), 8, 9, read(1))],
            false,
        ),
        ("lost", vec![first.clone(), (get.clone(), 2, 3, Some(Answer::Values(vec![None])))], false),
        (
            "counted twice",
            vec![
                (Operation::Increment(1), 0, 0, None),
                (Operation::Increment(1), 0, 0, None),
                (Operation::Increment(1), 3, 4, Some(Answer::Integer(3))),
                (Operation::Increment(1), 5, 6, Some(Answer::Integer(5))),
            ],
            false,
        ),
    ];
    for (row, calls, fits) in rows {
        assert_eq!(verdict(&calls) == Verdict::Fits, fits, "{row}");
    }
}
