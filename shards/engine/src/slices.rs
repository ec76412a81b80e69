//! Owns commands that are too much for one turn: about many keys, or with long answers. They are worked a slice a turn, one at a time, and
//! what would come between their slices waits: what writes, and when their changes take effect, everything that looks at keys.
//!
//! Changes are prepared slice by slice, as those of transactions over several cores. One batch holds the words that let all of them take
//! effect: a crash leaves all of the command or nothing. Then they take effect slice by slice, and nobody looks meanwhile.

use crate::command::{CommandError, Flags, Run, Spread};
use crate::effect::{Effect, Ticket};
use crate::engine::{Engine, RECORD_SLACK_BYTES};
use crate::events::KeyEvent;
use crate::evict::Fit;
use crate::limits::{SLICE_AHEAD, SLICE_KEYS, SLICED_ARGUMENTS, SLICED_BYTES_MIN};
use crate::request::Request;
use crate::told::{Item, Told};
use crate::words::Words;
use hyperion_model::limits::KEY_BYTES_MAX;
use hyperion_model::{DatabaseId, EventClass, TransactionId};
use hyperion_store::{Content, Room, StagedAt, StagedText, StoreError, Write};
use std::collections::VecDeque;

/// How far a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It waits for locks, memory and room.
    Begin,
    /// Looks whether one of its keys is there.
    Check,
    /// Reads, or prepares changes.
    Work,
    /// Its changes take effect.
    Apply,
}

/// A command under way.
#[derive(Debug)]
pub(crate) struct Sliced {
    ticket: Ticket,
    spread: Spread,
    database: DatabaseId,
    words: Words,
    step: Step,
    /// The word that comes next, and how much of its value is told.
    next: usize,
    told_bytes: usize,
    /// Keys that were there.
    count: i64,
    prepared: VecDeque<TransactionId>,
    /// A part of the values of the slice under way is written ahead.
    is_staged: bool,
    /// What is told of it once it has taken effect.
    events: Vec<KeyEvent>,
}

impl Sliced {
    fn writes(&self) -> bool {
        matches!(self.spread, Spread::Mset | Spread::Msetnx | Spread::Delete)
    }

    /// Words from one key to the next.
    fn stride(&self) -> usize {
        if matches!(self.spread, Spread::Mset | Spread::Msetnx) { 2 } else { 1 }
    }

    /// The words of the next slice: so many keys and bytes at most, one key at least.
    fn slice(&self, bytes_max: usize) -> std::ops::Range<usize> {
        let (stride, mut bytes, mut end) = (self.stride(), 0, self.next);
        while end < self.words.len() && end < self.next + SLICE_KEYS * stride {
            bytes += (end..end + stride).map(|at| self.words.get(at).len()).sum::<usize>();
            if bytes > bytes_max && end > self.next {
                break;
            }
            end += stride;
        }
        self.next..end
    }
}

impl Engine {
    /// Whether a command whose route is [`crate::Route::Here`] is to be worked in slices, by the number of its words.
    #[must_use]
    #[inline]
    pub fn is_sliced(&self, request: &Request<'_>) -> bool {
        request.arguments.len() > SLICED_ARGUMENTS && self.may_slice(request)
    }

    /// Whether a command can be worked in slices: entries of replicated partitions are whole.
    pub(crate) fn may_slice(&self, request: &Request<'_>) -> bool {
        let is_shape = |spread| {
            use Spread::{Any, Collect, Copy, Rename, RenameNx};
            !matches!(spread, Rename | RenameNx | Copy | Collect | Any)
        };
        let is_own = request.client.0 == self.core.0 && self.replication.is_none();
        is_own && matches!(request.spec.run, Run::Keys { spread, .. } if is_shape(spread))
    }

    /// Begins a command that is worked in slices; the answer comes as [`Effect::Told`].
    ///
    /// # Errors
    /// When its words are not right; then nothing has begun.
    pub fn begin_slices(
        &mut self,
        ticket: Ticket,
        request: &Request<'_>,
    ) -> Result<(), CommandError> {
        let Run::Keys { spread, .. } = request.spec.run else {
            unreachable!("{} is about one key", request.spec.name)
        };
        let words = &request.arguments[1..];
        let sliced = Sliced {
            ticket,
            spread,
            database: request.database,
            words: Words::default(),
            step: Step::Begin,
            next: 0,
            told_bytes: 0,
            count: 0,
            prepared: VecDeque::new(),
            is_staged: false,
            events: Vec::new(),
        };
        if !words.len().is_multiple_of(sliced.stride()) {
            return Err(CommandError::WrongArity(request.spec.name));
        }
        let long = words.iter().step_by(sliced.stride()).find(|key| key.len() > KEY_BYTES_MAX);
        if let Some(key) = long {
            return Err(CommandError::KeyTooLong { bytes: key.len() });
        }
        self.sliced.push_back(Sliced { words: Words::new(words), ..sliced });
        Ok(())
    }

    /// Whether a command must wait for one that is worked in slices.
    pub(crate) fn waits_for_slices(&self, request: &Request<'_>) -> bool {
        let is_front = matches!(request.spec.run, Run::Front(_));
        match self.sliced.front().map(|sliced| sliced.step) {
            None | Some(Step::Begin) => false,
            Some(Step::Apply) => !is_front,
            Some(Step::Check | Step::Work) => request.spec.flags.has(Flags::WRITE),
        }
    }

    /// Whether a command is in the midst of its slices.
    pub(crate) fn is_slicing(&self) -> bool {
        self.sliced.front().is_some_and(|sliced| sliced.step != Step::Begin)
    }

    /// Whether what was prepared takes effect: what a command left of a key must not be touched.
    #[must_use]
    pub fn is_applying(&self) -> bool {
        self.sliced.front().is_some_and(|sliced| sliced.step == Step::Apply)
    }

    /// Whether the cleaner must rest: no copy may come between a change that is prepared and its effect.
    pub(crate) fn slices_hold_cleaner(&self) -> bool {
        self.sliced.front().is_some_and(|sliced| sliced.writes() && sliced.step != Step::Begin)
    }

    /// Works the next slice. `true`: there is more to do in the next turn.
    pub fn work_slices(&mut self) -> bool {
        let Some(mut sliced) = self.sliced.pop_front() else { return false };
        let step = sliced.step;
        let lookups = self.store.lookups();
        self.store.begin_observing();
        let worked = match step {
            Step::Begin => self.slices_may_begin(&mut sliced),
            Step::Check => self.check_slice(&mut sliced),
            Step::Work if sliced.writes() => self.prepare_slice(&mut sliced),
            Step::Work => Ok(self.read_slice(&mut sliced)),
            Step::Apply => Ok(self.apply_slice(&mut sliced)),
        };
        if sliced.writes() {
            self.store.set_lookups(lookups);
        }
        match worked {
            // What it waits for wakes the core.
            Ok(Progress::Waits) => {
                self.sliced.push_front(sliced);
                return false;
            }
            Ok(Progress::Goes) => {
                self.sliced.push_front(sliced);
                return true;
            }
            Ok(Progress::Done) => {}
            Err(error) => {
                self.give_slices_up(&mut sliced);
                self.tell(&sliced, Told::one(Item::Error(error)), true);
            }
        }
        self.locks.open_again();
        self.grant_waiting();
        !self.sliced.is_empty()
    }

    fn tell(&mut self, sliced: &Sliced, told: Told, is_last: bool) {
        let observed = self.store.observed_position();
        self.effects.push(Effect::Told { ticket: sliced.ticket, observed, told, is_last });
    }

    /// Bytes of a slice, about.
    fn slice_bytes(&self) -> usize {
        self.staged_bytes().max(SLICED_BYTES_MIN).min(self.store.batch_bytes_max() / 4)
    }

    fn slices_may_begin(&mut self, sliced: &mut Sliced) -> Result<Progress, String> {
        // Transactions that hold keys come to their ends, and no others begin.
        self.locks.close();
        if !self.locks.is_empty() || self.staging.is_some() {
            return Ok(Progress::Waits);
        }
        if sliced.writes() {
            let keys = sliced.words.len() / sliced.stride();
            let bytes = sliced.words.bytes.len() + keys * RECORD_SLACK_BYTES;
            if sliced.spread != Spread::Delete {
                match self.make_memory(bytes) {
                    Fit::Now => {}
                    Fit::Later => return self.room_refusal().map_or(Ok(Progress::Waits), Err),
                    Fit::Never => return Err(self.why_no_memory(bytes).to_string()),
                }
            }
            self.store.may_use_reserve(sliced.spread == Spread::Delete);
            let room = self.store.room(bytes + self.slice_bytes());
            self.store.may_use_reserve(false);
            if room == Room::Later {
                return self.room_refusal().map_or(Ok(Progress::Waits), Err);
            }
        }
        sliced.step = if sliced.spread == Spread::Msetnx { Step::Check } else { Step::Work };
        if sliced.spread == Spread::Mget {
            self.tell(sliced, Told::one(Item::Array(sliced.words.len())), false);
        }
        Ok(Progress::Goes)
    }

    /// Asks the memory for the places of the keys of a few words, and then for their records.
    fn prefetch_words(&self, sliced: &Sliced, words: std::ops::Range<usize>) {
        let keys = words.clone().step_by(sliced.stride());
        let keys = keys.map(|at| self.store.key(sliced.database, sliced.words.get(at)));
        keys.clone().for_each(|key| self.store.prefetch_bucket(&key));
        keys.for_each(|key| self.store.prefetch_record(&key));
    }

    /// MSETNX: is one of the keys there?
    fn check_slice(&mut self, sliced: &mut Sliced) -> Result<Progress, String> {
        let end = (sliced.next + 2 * SLICE_KEYS).min(sliced.words.len());
        for at in (sliced.next..end).step_by(2) {
            if at.is_multiple_of(2 * SLICE_AHEAD) {
                self.prefetch_words(sliced, at..end.min(at + 2 * SLICE_AHEAD));
            }
            let key = self.store.key(sliced.database, sliced.words.get(at));
            if self.store.peek(&key).is_some() {
                self.tell(sliced, Told::one(Item::Integer(0)), true);
                return Ok(Progress::Done);
            }
        }
        sliced.next = end;
        if end == sliced.words.len() {
            (sliced.next, sliced.step) = (0, Step::Work);
        }
        Ok(Progress::Goes)
    }

    /// EXISTS, TOUCH and MGET.
    fn read_slice(&mut self, sliced: &mut Sliced) -> Progress {
        let (mut told, bytes_max) = (Told::default(), self.slice_bytes());
        let end = (sliced.next + SLICE_KEYS).min(sliced.words.len());
        let first = sliced.next;
        while sliced.next < end && told.bytes() < bytes_max {
            let ahead = sliced.next - first;
            if ahead.is_multiple_of(SLICE_AHEAD) && sliced.told_bytes == 0 {
                self.prefetch_words(sliced, sliced.next..end.min(sliced.next + SLICE_AHEAD));
            }
            let key = self.store.key(sliced.database, sliced.words.get(sliced.next));
            let is_read = sliced.spread != Spread::Count;
            let found = if is_read { self.store.find(&key) } else { self.store.peek(&key) };
            sliced.count += i64::from(found.is_some());
            if sliced.spread == Spread::Mget {
                let left = bytes_max - told.bytes();
                let text = found.filter(|found| self.store.is_string(found));
                let value = text.map(|found| self.store.value(&found));
                sliced.told_bytes = told.value(value, sliced.told_bytes, left);
                if sliced.told_bytes > 0 {
                    break;
                }
            }
            sliced.next += 1;
        }
        let is_last = sliced.next == sliced.words.len();
        if is_last && sliced.spread != Spread::Mget {
            told = Told::one(Item::Integer(sliced.count));
        }
        if is_last || sliced.spread == Spread::Mget {
            self.tell(sliced, told, is_last);
        }
        if is_last { Progress::Done } else { Progress::Goes }
    }

    /// Writes the changes of the next slice without letting them take effect; behind the last one, the words that do.
    fn prepare_slice(&mut self, sliced: &mut Sliced) -> Result<Progress, String> {
        if sliced.next == sliced.words.len() {
            let ids = sliced.prepared.make_contiguous();
            self.store.commit_all(ids).map_err(|error| format!("ERR {error}"))?;
            sliced.step = Step::Apply;
            return Ok(Progress::Goes);
        }
        let range = sliced.slice(self.slice_bytes());
        let part = self.staged_bytes();
        let mut writes: Vec<Write<'_>> = Vec::with_capacity(SLICE_KEYS);
        let mut texts: Vec<StagedText<'_>> = Vec::new();
        let (database, expiry_ms) = (sliced.database, None);
        for at in range.clone().step_by(sliced.stride()) {
            let bytes = sliced.words.get(at);
            if sliced.spread == Spread::Delete {
                if (at - range.start).is_multiple_of(SLICE_AHEAD) {
                    self.prefetch_words(sliced, at..range.end.min(at + SLICE_AHEAD));
                }
                let key = self.store.key(database, bytes);
                if self.store.peek(&key).is_some() {
                    writes.push(Write { database, key: bytes, value: None, expiry_ms });
                }
                continue;
            }
            let value = sliced.words.get(at + 1);
            if self.store.is_long(value.len()) {
                let key = self.store.key(database, bytes);
                texts.push(StagedText { key, at: StagedAt::Whole, value });
            }
            let value = Some(Content::string(value));
            writes.push(Write { database, key: bytes, value, expiry_ms });
        }
        if !texts.is_empty() {
            let staged = self.store.stage(&texts, part, !sliced.is_staged);
            sliced.is_staged = true;
            match staged {
                Ok(true) => self.store.offer_staged(&texts),
                Ok(false) => return Ok(Progress::Goes),
                Err(error) => return Err(self.slices_refused(&error)),
            }
        }
        if !writes.is_empty() {
            let id = self.fresh_transaction();
            self.store.may_use_reserve(sliced.spread == Spread::Delete);
            let prepared = self.store.prepare(id, &writes);
            self.store.may_use_reserve(false);
            prepared.map_err(|error| self.slices_refused(&error))?;
            sliced.prepared.push_back(id);
            if self.events.is_listening() {
                let is_delete = sliced.spread == Spread::Delete;
                let (class, event) = if is_delete {
                    (EventClass::Generic, "del")
                } else {
                    (EventClass::String, "set")
                };
                let keys = writes.iter().filter(|_| self.events.wants(class));
                let told = keys.map(|write| KeyEvent { event, database, key: write.key.to_vec() });
                sliced.events.extend(told);
            }
        }
        if std::mem::take(&mut sliced.is_staged) {
            self.store.drop_staged();
        }
        sliced.next = range.end;
        Ok(Progress::Goes)
    }

    /// Why changes for which there was room a moment ago are refused.
    fn slices_refused(&self, error: &StoreError) -> String {
        self.room_refusal().unwrap_or_else(|| format!("ERR {error}"))
    }

    /// Lets the next changes take effect.
    fn apply_slice(&mut self, sliced: &mut Sliced) -> Progress {
        if let Some(id) = sliced.prepared.pop_front() {
            sliced.count += i64::try_from(self.store.apply_next(id)).unwrap_or(i64::MAX);
            if !sliced.prepared.is_empty() {
                return Progress::Goes;
            }
        }
        self.store.observe_all();
        let position = self.store.appended_position();
        self.events.seal(position, std::mem::take(&mut sliced.events));
        if self.changes.notes_commands() {
            for at in (0..sliced.words.len()).step_by(sliced.stride()) {
                self.changes.note(position, sliced.words.get(at).to_vec(), None);
            }
        }
        let item = match sliced.spread {
            Spread::Mset => Item::Ok,
            Spread::Msetnx => Item::Integer(1),
            _ => Item::Integer(sliced.count),
        };
        self.tell(sliced, Told::one(item), true);
        Progress::Done
    }

    /// Drops what was prepared.
    fn give_slices_up(&mut self, sliced: &mut Sliced) {
        if std::mem::take(&mut sliced.is_staged) {
            self.store.drop_staged();
        }
        for id in sliced.prepared.drain(..) {
            self.store.forget_prepared(id);
        }
    }
}

/// What became of a slice.
enum Progress {
    /// The next one can follow.
    Goes,
    /// It cannot be worked now.
    Waits,
    /// It was the last one.
    Done,
}
