//! Owns the search for one order of all commands on a few keys, each between its call and its answer, that gives every answer.
//!
//! Unlike [`super::Checker`] it sees the whole history at once, and bears many commands whose end nobody knows: they may have taken effect
//! at any time since their call, or never.
//!
//! Source: Wing and Gong, "Testing and verifying concurrent objects"; Lowe, "Testing for linearizability", for what is remembered.

use super::operation::{Answer, Operation, State, Values};
use hyperion_model::collections::Set;

/// Points of the search that are visited at most.
const POINTS_MAX: usize = 300_000;

/// A command in a history.
#[derive(Clone, Debug)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// When, on a clock that all share.
    pub called: u64,
    /// By when it had taken effect: when it was answered, or when its effect was seen otherwise. `None`: nobody knows whether it has.
    pub returned: Option<u64>,
    /// What the client was told.
    pub answer: Option<Answer>,
}

/// What became of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Fits,
    /// There is none. A sentence.
    Contradicts(String),
    /// There were too many orders to try.
    Undecided,
}

/// Commands that have taken effect, and what the keys hold then.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Point {
    /// A bit a command.
    done: Vec<u64>,
    state: State,
}

impl Point {
    fn is_done(&self, at: usize) -> bool {
        self.done[at / 64] >> (at % 64) & 1 == 1
    }

    fn count(&self) -> u32 {
        self.done.iter().map(|word| word.count_ones()).sum()
    }

    fn after(&self, at: usize, state: State) -> Self {
        let mut done = self.done.clone();
        done[at / 64] |= 1 << (at % 64);
        Self { done, state }
    }
}

/// Searches an order of `calls`, which begin with `state`.
#[must_use]
pub fn search(mut calls: Vec<Call>, state: State, values: &mut Values) -> Verdict {
    calls.sort_by_key(|call| call.called);
    let start = Point { done: vec![0; calls.len().div_ceil(64)], state };
    let mut seen = Set::default();
    seen.insert(start.clone());
    let (mut open, mut furthest) = (vec![start.clone()], start);
    while let Some(point) = open.pop() {
        if seen.len() > POINTS_MAX {
            return Verdict::Undecided;
        }
        if point.count() > furthest.count() {
            furthest.clone_from(&point);
        }
        let Some(next) = candidates(&calls, &point) else { return Verdict::Fits };
        // The last one is visited first: what is known to have happened, the earliest before the others.
        for at in next {
            let call = &calls[at];
            // What expires may do so at any time: whose clock it goes by is not known. Once it has, it does not come back.
            let outcomes = call.operation.outcomes(&point.state, values, 0, u64::MAX);
            for (state, answer) in outcomes {
                if call.answer.as_ref().is_none_or(|told| *told == answer) {
                    let point = point.after(at, state);
                    if seen.insert(point.clone()) {
                        open.push(point);
                    }
                }
            }
        }
    }
    Verdict::Contradicts(explain(&calls, &furthest, values))
}

/// Commands of which one must take effect next, worst first. `None`: all are done of which it is known that they were.
fn candidates(calls: &[Call], point: &Point) -> Option<Vec<usize>> {
    let left = || (0..calls.len()).filter(|&at| !point.is_done(at));
    let end = left().filter_map(|at| calls[at].returned).min()?;
    let mut next: Vec<usize> = left().take_while(|&at| calls[at].called <= end).collect();
    // Of commands that mean the same and have no end, the first is as good as any.
    let is_double = |at: usize, next: &[usize]| {
        let same = |&other: &usize| {
            other < at
                && calls[other].returned.is_none()
                && calls[other].operation == calls[at].operation
        };
        calls[at].returned.is_none() && next.iter().any(same)
    };
    let all = next.clone();
    next.retain(|&at| !is_double(at, &all));
    next.sort_by_key(|&at| std::cmp::Reverse(calls[at].returned.unwrap_or(u64::MAX)));
    Some(next)
}

fn explain(calls: &[Call], furthest: &Point, values: &Values) -> String {
    let left = (0..calls.len()).filter(|&at| !furthest.is_done(at));
    let stuck =
        left.filter(|&at| calls[at].returned.is_some()).min_by_key(|&at| calls[at].returned);
    let Some(stuck) = stuck else { return "no order of the commands gives their answers".into() };
    let call = &calls[stuck];
    let text = |held: &Option<super::Held>| match held {
        Some(held) => String::from_utf8_lossy(values.bytes(held.value)).into_owned(),
        None => "nothing".to_owned(),
    };
    let told = match &call.answer {
        Some(Answer::Values(found)) => {
            let text = |id: &Option<u32>| {
                id.map_or("nothing".into(), |id| {
                    String::from_utf8_lossy(values.bytes(id)).into_owned()
                })
            };
            format!("{:?}", found.iter().map(text).collect::<Vec<String>>())
        }
        Some(other) => format!("{other:?}"),
        None => "nothing that is known".to_owned(),
    };
    let state: Vec<String> = furthest.state.iter().map(text).collect();
    format!(
        "{:?}, called at {} and answered by {} with {told}, fits no order; at best the keys hold {state:?} before it, after {} of {} commands",
        call.operation,
        call.called,
        call.returned.unwrap_or(0),
        furthest.count(),
        calls.len(),
    )
}
