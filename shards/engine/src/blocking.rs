//! Owns who waits for which keys of this core, in the order in which they came, and whose turn it is when a key has changed.
//!
//! A command that found nothing is [`Outcome::Blocks`](crate::Outcome::Blocks); its front keeps it and says [`Engine::park`]. Whatever
//! changes a key that is waited for, by whatever way, is noted by the store. After every command the front asks for
//! [`Engine::next_woken`] and runs that command again, until there is none.

use crate::command::{self, Wait, waited_keys};
use crate::engine::Engine;
use crate::request::Request;
use hyperion_model::DatabaseId;
use hyperion_store::KeyMark;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Names a command that waits on this core. Later ones are higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Waiter(pub u64);

/// One command that waits.
#[derive(Debug)]
struct Waiting {
    wait: Wait,
    database: DatabaseId,
    /// Its keys of this core, each once.
    keys: Vec<(KeyMark, Vec<u8>)>,
    /// It was offered what it waits for, and nobody behind it is asked before that is settled.
    is_offered: bool,
}

/// All that wait on one core.
#[derive(Debug, Default)]
pub(crate) struct Blocked {
    last: u64,
    waiting: BTreeMap<Waiter, Waiting>,
    by_key: BTreeMap<KeyMark, BTreeSet<Waiter>>,
    /// Keys that have changed, in that order; those of the first are being asked, up to `asked`.
    ready: VecDeque<KeyMark>,
    asked: Option<Waiter>,
    /// Those of `ready` that nobody was asked for yet.
    fresh: BTreeSet<KeyMark>,
    /// How many mind the loss of a key.
    minding: usize,
    /// Those that were offered a key and found nothing there: they are not asked again before one of their keys changes.
    passed: BTreeSet<Waiter>,
}

impl Blocked {
    fn touch(&mut self, mark: KeyMark) {
        if self.by_key.contains_key(&mark) && self.fresh.insert(mark) {
            self.ready.push_back(mark);
        }
    }

    /// A key has changed.
    fn changed(&mut self, mark: KeyMark) {
        if !self.passed.is_empty()
            && let Some(waiters) = self.by_key.get(&mark)
        {
            self.passed.retain(|waiter| !waiters.contains(waiter));
        }
        self.touch(mark);
    }

    fn next_key(&mut self) {
        if let Some(mark) = self.ready.pop_front()
            && self.asked.take().is_none()
        {
            self.fresh.remove(&mark);
        }
    }
}

impl Engine {
    /// From now on a command that was [`Outcome::Blocks`](crate::Outcome::Blocks) waits for those of its keys that this core has.
    pub fn park(&mut self, request: &Request<'_>, wait: Wait) -> Waiter {
        let mut keys: Vec<(KeyMark, Vec<u8>)> = waited_keys(request.spec, request.arguments)
            .map(|at| request.arguments[at])
            .filter(|bytes| self.store.owns_key(bytes))
            .map(|bytes| (self.store.key(request.database, bytes).mark(), bytes.to_vec()))
            .collect();
        keys.sort_unstable();
        keys.dedup_by_key(|(mark, _)| *mark);
        let blocked = &mut self.blocked;
        blocked.last += 1;
        let waiter = Waiter(blocked.last);
        for (mark, _) in &keys {
            self.store.await_key(*mark);
            blocked.by_key.entry(*mark).or_default().insert(waiter);
        }
        blocked.minding += usize::from(wait.minds_loss);
        let database = request.database;
        blocked.waiting.insert(waiter, Waiting { wait, database, keys, is_offered: false });
        waiter
    }

    /// Commands that wait for keys of a database wait for those of another one from now on, each in its place, and are asked anew.
    pub fn move_waits(&mut self, moved: impl Fn(DatabaseId) -> DatabaseId) {
        let blocked = &mut self.blocked;
        for (&waiter, waiting) in &mut blocked.waiting {
            let database = moved(waiting.database);
            if database == waiting.database {
                continue;
            }
            waiting.database = database;
            blocked.passed.remove(&waiter);
            for (mark, bytes) in &mut waiting.keys {
                self.store.forget_key(*mark);
                if let Some(waiters) = blocked.by_key.get_mut(mark) {
                    waiters.remove(&waiter);
                    if waiters.is_empty() {
                        blocked.by_key.remove(mark);
                    }
                }
                *mark = self.store.key(database, bytes).mark();
                self.store.await_key(*mark);
                blocked.by_key.entry(*mark).or_default().insert(waiter);
            }
            waiting.keys.sort_unstable();
        }
        for waiting in blocked.waiting.values() {
            for (mark, _) in &waiting.keys {
                if !blocked.ready.contains(mark) && blocked.fresh.insert(*mark) {
                    blocked.ready.push_back(*mark);
                }
            }
        }
    }

    /// The words of a command that is to be parked, as it is to run again: what they say of the present is put in.
    #[must_use]
    pub fn words_to_keep(&mut self, request: &Request<'_>) -> Vec<Vec<u8>> {
        let fixed = (request.spec.name == "xread")
            .then(|| command::fixed_ids(&mut self.store, request.database, request.arguments));
        fixed
            .flatten()
            .unwrap_or_else(|| request.arguments.iter().map(|word| word.to_vec()).collect())
    }

    /// A command waits no more. `false`: it did not.
    pub fn unpark(&mut self, waiter: Waiter) -> bool {
        let blocked = &mut self.blocked;
        let Some(waiting) = blocked.waiting.remove(&waiter) else { return false };
        blocked.minding -= usize::from(waiting.wait.minds_loss);
        blocked.passed.remove(&waiter);
        for (mark, _) in &waiting.keys {
            self.store.forget_key(*mark);
            if let Some(waiters) = blocked.by_key.get_mut(mark) {
                waiters.remove(&waiter);
                if waiters.is_empty() {
                    blocked.by_key.remove(mark);
                }
            }
            if waiting.is_offered {
                blocked.touch(*mark);
            }
        }
        true
    }

    /// How many commands wait.
    #[must_use]
    pub fn parked(&self) -> usize {
        self.blocked.waiting.len()
    }

    /// What a command waits for.
    #[must_use]
    pub fn wait_of(&self, waiter: Waiter) -> Option<Wait> {
        self.blocked.waiting.get(&waiter).map(|waiting| waiting.wait)
    }

    /// Whether [`Engine::next_woken`] may give one.
    #[inline]
    #[must_use]
    pub fn has_woken(&self) -> bool {
        self.store.has_touched() || !self.blocked.ready.is_empty()
    }

    /// The next command to run again: it waits for a key that has changed and may have what it waits for. If it still finds nothing
    /// it stays where it is; else [`Engine::unpark`] must follow.
    pub fn next_woken(&mut self) -> Option<Waiter> {
        for mark in self.store.take_touched() {
            self.blocked.changed(mark);
        }
        loop {
            let mark = *self.blocked.ready.front()?;
            let after = self.blocked.asked.map_or(0, |asked| asked.0);
            let next = self
                .blocked
                .by_key
                .get(&mark)
                .and_then(|waiters| waiters.range(Waiter(after + 1)..).next().copied());
            let Some(waiter) = next else {
                self.blocked.next_key();
                continue;
            };
            if self.blocked.asked.is_none() {
                self.blocked.fresh.remove(&mark);
            }
            self.blocked.asked = Some(waiter);
            let waiting = &self.blocked.waiting[&waiter];
            if waiting.is_offered {
                self.blocked.next_key();
                continue;
            }
            if self.blocked.passed.contains(&waiter) {
                continue;
            }
            let is_key = |(other, _): &&(KeyMark, Vec<u8>)| *other == mark;
            let (_, bytes) = waiting.keys.iter().find(is_key).expect("it waits for the key");
            let key = self.store.key(waiting.database, bytes);
            let lookups = self.store.lookups();
            let found = self.store.peek(&key);
            self.store.set_lookups(lookups);
            let holds =
                found.is_some_and(|it| self.store.value_type(&it) == waiting.wait.value_type);
            if holds || waiting.wait.minds_loss {
                return Some(waiter);
            }
            if found.is_none() && self.blocked.minding == 0 {
                // There is nothing for those behind it either.
                self.blocked.next_key();
            }
        }
    }

    /// The command that was given last could not run: it is given again.
    pub fn wake_again(&mut self, waiter: Waiter) {
        if self.blocked.asked == Some(waiter) {
            self.blocked.asked = Some(Waiter(waiter.0 - 1));
        }
    }

    /// The command that was given last is offered what it waits for: it takes it on the word of another core or node, and those behind
    /// it wait until it has, was unparked or [`Engine::refuse_offer`].
    pub fn offer(&mut self, waiter: Waiter) {
        if let Some(waiting) = self.blocked.waiting.get_mut(&waiter) {
            waiting.is_offered = true;
            if self.blocked.asked == Some(waiter) {
                self.blocked.next_key();
            }
        }
    }

    /// What was offered was looked for and is not there any more: the command waits on in its place, and those behind it are asked.
    pub fn refuse_offer(&mut self, waiter: Waiter) {
        if self.blocked.waiting.contains_key(&waiter) {
            self.blocked.passed.insert(waiter);
            self.ask_anew(waiter);
        }
    }

    /// What a command waits for may be there already: it is asked as if its keys had just changed.
    pub fn wake(&mut self, waiter: Waiter) {
        self.blocked.passed.remove(&waiter);
        self.ask_anew(waiter);
    }

    /// Whether a command was offered what it waits for.
    #[must_use]
    pub fn is_offered(&self, waiter: Waiter) -> bool {
        self.blocked.waiting.get(&waiter).is_some_and(|waiting| waiting.is_offered)
    }

    fn ask_anew(&mut self, waiter: Waiter) {
        let Some(waiting) = self.blocked.waiting.get_mut(&waiter) else { return };
        waiting.is_offered = false;
        let marks: Vec<KeyMark> = waiting.keys.iter().map(|(mark, _)| *mark).collect();
        marks.into_iter().for_each(|mark| self.blocked.touch(mark));
    }
}
