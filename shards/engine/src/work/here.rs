//! Owns work that runs at once on the store of the one core that has all keys, where no copies are made.

use super::bench::{Bench, Halt, Target};
use crate::command::{CommandError, CommandSpec, Flags};
use crate::effect::Answer;
use crate::engine::{Engine, RECORD_SLACK_BYTES};
use crate::evict::Fit;
use crate::limits::WORK_BATCH_BYTES;
use crate::recorded::Recorded;
use hyperion_model::{DatabaseId, ReplyWriter};
use hyperion_store::{Room, StoreError};

/// What is said where work was stopped and what it had changed is not known whole.
const STANDS: &str =
    "What it has changed stands, because some of it was too much to be taken back.";

/// What is said where work found no room for what it writes, and cannot begin anew.
const NO_ROOM: &str = "ERR there was no room for what was to be written.";

impl Engine {
    /// Whose what [`Engine::try_unit`] and [`Engine::try_work`] run is, until this is said again: its core and its name there. What runs later or
    /// over several cores is nobody's.
    pub fn act_for(&mut self, client: Option<(u16, u64)>) {
        self.changes.open_by = client;
    }

    /// Whether this core has all keys there are.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.map.cores() == 1 && self.replication.is_none() && self.serving.is_none()
    }

    /// Runs work at once on this core's store, where it has all keys there are and nothing is in the way. Gives the answer and the position that the
    /// log must release first; `None`: nothing happened, see [`Engine::begin_work`].
    pub fn try_work(
        &mut self,
        work: &mut dyn super::Work,
        attend: &mut dyn FnMut(),
    ) -> Option<(Answer, u64)> {
        let is_busy = !self.locks.is_empty() || self.is_slicing() || self.units.has_waiting();
        let writes = work.may_write();
        if !self.is_alone() || is_busy || writes && self.staging.is_some() {
            return None;
        }
        if writes && !self.make_work_batch() {
            return None;
        }
        self.store.begin_observing();
        let appended = self.store.appended_position();
        let answer = match work.run(&mut Bench(Target::Core(self)), attend) {
            Ok(answer) => answer,
            Err(Halt::Refused(error)) if self.take_back() => Answer::Error(error),
            Err(Halt::Refused(error)) => Answer::Error(format!("{error} {STANDS}")),
            Err(Halt::NoRoom) if self.take_back() => {
                self.forget_before();
                self.seal_unit(appended, None);
                return None;
            }
            Err(Halt::NoRoom) => Answer::Error(format!("{NO_ROOM} {STANDS}")),
            Err(Halt::Missing(_)) => Answer::Error("ERR a key is not here".to_owned()),
        };
        self.forget_before();
        self.seal_unit(appended, None);
        Some((answer, self.store.observed_position()))
    }

    /// Begins a batch in which all lies that work writes, up to a bound. Where writers are refused it may begin in what is kept back of the segment
    /// in use, since it may be that it only deletes: each of its commands is asked for what it takes. Where they only wait, it waits too. It may
    /// not begin a segment that is the cleaner's.
    fn make_work_batch(&mut self) -> bool {
        let bytes = WORK_BATCH_BYTES.min(self.store.batch_bytes_max() / 2);
        let are_refused = self.store.is_full() || self.room_refusal().is_some();
        let before = self.store.may_use_reserve(are_refused && !self.store.has_ready());
        let is_made = self.store.room(bytes) == Room::Now && self.store.make_batch(bytes).is_ok();
        self.store.may_use_reserve(before);
        is_made
    }

    /// Runs one command of work on the store itself; what it answers goes behind what `reply` has.
    ///
    /// # Errors
    /// [`Halt::NoRoom`] when it finds none, which will be there: all of the work is to begin anew.
    pub(super) fn call_here(
        &mut self,
        spec: &'static CommandSpec,
        database: DatabaseId,
        words: &[&[u8]],
        reply: &mut Recorded,
    ) -> Result<(), Halt> {
        let mark = reply.mark();
        // What takes no memory may use the last of it.
        let frees = spec.writes() && !spec.flags.has(Flags::DENYOOM);
        let before = self.store.may_use_reserve(frees);
        let result = self.try_here(spec, database, words, reply);
        self.store.may_use_reserve(before);
        let Err(error) = result else { return Ok(()) };
        reply.cut(mark);
        let finds_no_room = matches!(error, CommandError::Store(StoreError::NoRoom { .. }));
        let will_be_there = !self.store.is_full() && self.room_refusal().is_none();
        if finds_no_room && will_be_there && self.can_take_back() {
            return Err(Halt::NoRoom);
        }
        reply.error(&error.to_string());
        Ok(())
    }

    fn try_here(
        &mut self,
        spec: &'static CommandSpec,
        database: DatabaseId,
        words: &[&[u8]],
        reply: &mut Recorded,
    ) -> Result<(), CommandError> {
        if !spec.writes() {
            return self.run_words(spec, database, words, reply);
        }
        let bytes = words.iter().map(|word| word.len() + RECORD_SLACK_BYTES).sum();
        if spec.flags.has(Flags::DENYOOM) && !matches!(self.make_memory(bytes), Fit::Now) {
            return Err(self.why_no_memory(bytes));
        }
        if self.store.room(bytes) == Room::Later {
            return Err(StoreError::NoRoom { bytes }.into());
        }
        let (could_take_back, appended) = (self.can_take_back(), self.store.appended_position());
        self.note_before(spec, database, words);
        let result = self.run_words(spec, database, words, reply);
        if result.is_err() && could_take_back && self.store.appended_position() == appended {
            // It has changed nothing.
            self.close_gaps();
        }
        result
    }
}
