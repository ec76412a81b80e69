//! Owns what work does to the copies: commands, which see the scratch store as they see any other.

use super::lock_keys;
use super::scratch::{SLACK_BYTES, Scratch};
use crate::command::{Blocking, CommandError, CommandSpec, Context, Run, meets_others, met};
use crate::engine::Engine;
use crate::events::{Coming, Events};
use crate::lock::LockKey;
use crate::recorded::Recorded;
use hyperion_cluster::config::Thresholds;
use hyperion_model::{CoreId, DatabaseId, ReplyWriter, TransactionId};
use hyperion_store::StoreError;

/// Why work has no effect.
#[derive(Debug, PartialEq, Eq)]
pub enum Halt {
    /// It met keys that are not among its own: it begins anew with them.
    Missing(Vec<(DatabaseId, Vec<u8>)>),
    /// It found no room on the store itself, which will be there: it begins anew where that is waited for.
    NoRoom,
    /// It is answered with an error line.
    Refused(String),
}

/// Where work runs commands: on copies, or on the store itself where this core has all keys there are.
pub struct Bench<'a>(pub(super) Target<'a>);

pub(super) enum Target<'a> {
    Copies(Copies<'a>),
    Core(&'a mut Engine),
}

impl Bench<'_> {
    /// Whether all that it has changed so far can be taken back: [`Halt::Refused`] does.
    #[must_use]
    pub fn can_take_back(&self) -> bool {
        match &self.0 {
            Target::Copies(_) => true,
            Target::Core(engine) => engine.can_take_back(),
        }
    }

    /// Unix ms of this turn.
    pub fn now_ms(&mut self) -> u64 {
        match &mut self.0 {
            Target::Copies(copies) => copies.scratch.store().now_ms(),
            Target::Core(engine) => engine.store().now_ms(),
        }
    }

    /// Random bits.
    pub fn draw(&mut self) -> u64 {
        match &mut self.0 {
            Target::Copies(copies) => copies.draw(),
            Target::Core(engine) => engine.draw(),
        }
    }

    /// Runs one command, whose number of words is right. What it answers, an error too, goes behind what `reply` has.
    ///
    /// # Errors
    /// When it names a key that was not brought, or needs more than the bench has: then nothing of the work may have an effect.
    pub fn call(
        &mut self,
        spec: &'static CommandSpec,
        database: DatabaseId,
        arguments: &[&[u8]],
        reply: &mut Recorded,
    ) -> Result<(), Halt> {
        match &mut self.0 {
            Target::Copies(copies) => copies.call(spec, database, arguments, reply),
            Target::Core(engine) => engine.call_here(spec, database, arguments, reply),
        }
    }
}

/// The copies, and what commands need beside them.
pub(super) struct Copies<'a> {
    pub(super) scratch: &'a mut Scratch,
    /// In order.
    pub(super) keys: &'a [LockKey],
    pub(super) value_bytes_max: u64,
    pub(super) thresholds: Thresholds,
    pub(super) events: &'a mut Events,
    pub(super) random: u64,
    pub(super) transactions: u64,
    pub(super) words: &'a mut Vec<u8>,
}

impl Copies<'_> {
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 27)
    }

    fn call(
        &mut self,
        spec: &CommandSpec,
        database: DatabaseId,
        arguments: &[&[u8]],
        reply: &mut Recorded,
    ) -> Result<(), Halt> {
        let (Run::Key(handler) | Run::Keys { local: handler, .. }) = spec.run else {
            reply.error(&CommandError::NotAmongKeys(spec.name).to_string());
            return Ok(());
        };
        let mut named = lock_keys(spec, database, arguments);
        if meets_others(spec, arguments) {
            let met = met(self.scratch.store(), database, arguments).unwrap_or_default();
            let is_named = named.iter().all(|key| self.keys.binary_search(key).is_ok());
            named.extend(met.into_iter().filter(|_| is_named).map(|key| (database, key)));
        }
        let missing: Vec<LockKey> =
            named.into_iter().filter(|key| self.keys.binary_search(key).is_err()).collect();
        if !missing.is_empty() {
            return Err(Halt::Missing(missing));
        }
        let words = arguments.iter().map(|word| word.len() + word.len() / 64 + SLACK_BYTES);
        let mut bytes: usize = words.sum();
        let random = self.draw();
        let line = (spec, database, arguments);
        let listens = self.events.is_listening();
        let coming = listens.then(|| Coming::begin(self.scratch.store(), self.events, line));
        loop {
            if spec.writes() {
                self.scratch.make_room(bytes).map_err(Halt::Refused)?;
            }
            self.transactions += 1;
            let mut answer = Recorded::default();
            let mut context = Context {
                store: self.scratch.store(),
                database,
                reply: &mut answer,
                scratch: self.words,
                value_bytes_max: self.value_bytes_max,
                thresholds: self.thresholds,
                events: self.events,
                random,
                transaction: TransactionId::new(0, CoreId(0), self.transactions),
                slot: None,
                answer_bytes_max: usize::MAX,
                blocking: Blocking::Never,
            };
            match handler(&mut context, arguments) {
                Ok(()) => {
                    if let Some(coming) = &coming {
                        coming.tell(self.scratch.store(), self.events, line);
                    }
                }
                // It writes more than its words say.
                Err(CommandError::Store(StoreError::NoRoom { bytes: missing })) => {
                    bytes = (2 * bytes).max(missing);
                    self.scratch.make_room(bytes).map_err(Halt::Refused)?;
                    continue;
                }
                Err(error) => answer = Recorded::failed(&error.to_string()),
            }
            answer.write(reply);
            if spec.writes() {
                self.scratch.tidy();
            }
            return Ok(());
        }
    }
}
