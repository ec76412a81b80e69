//! Owns the clients' view: is there an order of all commands, each between its call and its answer, that gives what was answered?
//!
//! It keeps every state that the keys may be in, and goes on with an answer only as far as it must: commands under way that share
//! keys with the answered one are tried before it in every order.
//!
//! Source: Lowe, "Testing for linearizability", section "Just-in-time linearization".

use super::operation::{Answer, KeyId, Operation, State, Values, unexpired};
use std::collections::BTreeSet;

/// More possible states than this are a fault of the run, not of the node.
const CONFIGURATIONS_MAX: usize = 200_000;

struct Pending {
    number: u64,
    operation: Operation,
    called_ms: u64,
}

/// A state that may be, and commands under way that have taken effect in it, with what they will answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Configuration {
    state: State,
    done: Vec<(u64, Answer)>,
}

impl Configuration {
    fn is_done(&self, number: u64) -> bool {
        self.done.iter().any(|&(other, _)| other == number)
    }
}

/// The commands of all clients, and what they may have come to.
pub struct Checker {
    /// The run's values.
    pub values: Values,
    pending: Vec<Pending>,
    possible: BTreeSet<Configuration>,
    calls: u64,
}

impl Checker {
    /// Nothing is under way, `keys` keys are absent.
    #[must_use]
    pub fn new(keys: usize) -> Self {
        let start = Configuration { state: vec![None; keys], done: Vec::new() };
        Self {
            values: Values::default(),
            pending: Vec::new(),
            possible: BTreeSet::from([start]),
            calls: 0,
        }
    }

    /// A client sends a command: gives its number.
    pub fn call(&mut self, operation: Operation, now_ms: u64) -> u64 {
        self.calls += 1;
        self.pending.push(Pending { number: self.calls, operation, called_ms: now_ms });
        self.calls
    }

    /// The client is told `answer`.
    ///
    /// # Errors
    /// When no order of commands gives it.
    ///
    /// # Panics
    /// When the number is not that of a command under way.
    pub fn answer(&mut self, number: u64, answer: &Answer, now_ms: u64) -> Result<(), String> {
        let at = self.pending.iter().position(|pending| pending.number == number);
        let at = at.expect("an answer belongs to a call");
        let is_flush = matches!(self.pending[at].operation, Operation::Flush(_));
        let mut next = BTreeSet::new();
        for configuration in std::mem::take(&mut self.possible) {
            let done = configuration.done.iter().position(|&(other, _)| other == number);
            match (done, answer) {
                (Some(place), _) => {
                    let mut configuration = configuration;
                    let (_, promised) = configuration.done.remove(place);
                    if promised == *answer || is_flush && *answer == Answer::Refused {
                        next.insert(configuration);
                    }
                }
                (None, Answer::Refused) => {
                    // One core's refusal says nothing of the flush on the others.
                    if is_flush {
                        self.explore(&configuration, number, &Answer::Ok, now_ms, &mut next);
                    }
                    next.insert(configuration);
                }
                (None, _) => self.explore(&configuration, number, answer, now_ms, &mut next),
            }
        }
        let pending = self.pending.remove(at);
        self.possible = next;
        if self.possible.len() > CONFIGURATIONS_MAX {
            return Err(format!("{} states are possible: too many to check", self.possible.len()));
        }
        if self.possible.is_empty() {
            let operation = &pending.operation;
            return Err(format!(
                "{operation:?} was answered {answer:?}: no order of commands gives that"
            ));
        }
        Ok(())
    }

    /// Every way in which `number` takes effect with this answer, others before it as need be.
    fn explore(
        &mut self,
        start: &Configuration,
        number: u64,
        answer: &Answer,
        now_ms: u64,
        next: &mut BTreeSet<Configuration>,
    ) {
        let related = self.related(start, number);
        self.walk(start, &related, now_ms, |configuration| {
            let mut configuration = configuration.clone();
            let Some(place) = configuration.done.iter().position(|&(other, _)| other == number)
            else {
                return true;
            };
            let (_, given) = configuration.done.remove(place);
            if given == *answer {
                next.insert(configuration);
            }
            false
        });
    }

    /// Commands under way that share keys with `number`, or with such ones.
    fn related(&self, start: &Configuration, number: u64) -> Vec<usize> {
        let open: Vec<usize> =
            (0..self.pending.len()).filter(|&at| !start.is_done(self.pending[at].number)).collect();
        let is_it = |&&at: &&usize| self.pending[at].number == number;
        let mut related: Vec<usize> = open.iter().filter(is_it).copied().collect();
        let mut keys: BTreeSet<KeyId> =
            related.iter().flat_map(|&at| self.pending[at].operation.keys()).collect();
        loop {
            let joins = |at: &usize| {
                !related.contains(at)
                    && self.pending[*at].operation.keys().iter().any(|key| keys.contains(key))
            };
            let Some(at) = open.iter().copied().find(joins) else { return related };
            related.push(at);
            keys.extend(self.pending[at].operation.keys());
        }
    }

    /// Visits every configuration that commands of `among` lead to, as long as `goes_on` says so.
    fn walk(
        &mut self,
        start: &Configuration,
        among: &[usize],
        now_ms: u64,
        mut goes_on: impl FnMut(&Configuration) -> bool,
    ) {
        let mut seen = BTreeSet::from([start.clone()]);
        let mut open = vec![start.clone()];
        while let Some(configuration) = open.pop() {
            if !goes_on(&configuration) {
                continue;
            }
            for &at in among {
                let pending = &self.pending[at];
                if configuration.is_done(pending.number) {
                    continue;
                }
                let from_ms = pending.called_ms;
                let outcomes = pending.operation.outcomes(
                    &configuration.state,
                    &mut self.values,
                    from_ms,
                    now_ms,
                );
                for (state, answer) in outcomes {
                    let mut done = configuration.done.clone();
                    done.push((pending.number, answer));
                    done.sort_unstable();
                    let next = Configuration { state, done };
                    if seen.insert(next.clone()) {
                        open.push(next);
                    }
                }
            }
        }
    }

    /// After a crash `found` is there: all that was answered must be in it, and of what was under way each command wholly or not at all.
    ///
    /// # Errors
    /// When no order of commands gives it.
    pub fn settle(&mut self, found: &State, now_ms: u64) -> Result<(), String> {
        let all: Vec<usize> = (0..self.pending.len()).collect();
        let fits = |state: &State| {
            state.iter().zip(found).all(|(&held, &found)| unexpired(held, now_ms) == found)
        };
        let mut is_possible = false;
        let possible: Vec<Configuration> = self.possible.iter().cloned().collect();
        for configuration in &possible {
            self.walk(configuration, &all, now_ms, |configuration| {
                is_possible |= fits(&configuration.state);
                !is_possible
            });
        }
        if is_possible {
            self.reset(found);
            return Ok(());
        }
        let expected = possible.first().map(|configuration| &configuration.state);
        let differs = |&key: &usize| {
            expected.is_some_and(|expected| unexpired(expected[key], now_ms) != found[key])
        };
        let pending: Vec<&Operation> =
            self.pending.iter().map(|pending| &pending.operation).collect();
        let keys: Vec<String> = (0..found.len())
            .filter(differs)
            .map(|key| {
                format!(
                    "key {key} {:?} for {:?}",
                    found[key],
                    expected.and_then(|state| state[key])
                )
            })
            .collect();
        Err(format!(
            "what is there differs from all {} possible states; from the first: {}; under way were {pending:?}",
            possible.len(),
            keys.join(", ")
        ))
    }

    /// Goes on from what was found; what was under way is over.
    pub fn reset(&mut self, found: &State) {
        self.pending.clear();
        self.possible = BTreeSet::from([Configuration { state: found.clone(), done: Vec::new() }]);
    }

    /// The commands under way.
    pub fn pending(&self) -> impl Iterator<Item = &Operation> {
        self.pending.iter().map(|pending| &pending.operation)
    }
}
