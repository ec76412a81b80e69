//! Owns the way of a unit to where it runs: on the one core that owns its keys, in one turn, or on copies.

use super::unit::AnswerRoom;
use super::{Plan, Queued, Unit};
use crate::command::{self, CommandError, CommandSpec, Flags, Run};
use crate::effect::{Answer, Effect, Mail, Ticket};
use crate::engine::{Engine, RECORD_SLACK_BYTES};
use crate::events::{Coming, changed_keys, may_change};
use crate::evict::Fit;
use crate::lock::LockKey;
use crate::recorded::Recorded;
use crate::transaction::{Then, Until};
use hyperion_model::collections::Map;
use hyperion_model::{CoreId, DatabaseId, GroupId, PartitionId, TransactionId, slot_of};
use hyperion_store::{Room, StoreError};
use std::collections::{BTreeMap, VecDeque};

/// Whose a unit is.
#[derive(Clone, Copy, Debug)]
enum Whose {
    /// Of a client of this core.
    Client(Ticket),
    /// Of one of another core, by its name there.
    Core(CoreId, TransactionId),
}

/// Units that wait until they can run, and those that other cores run for clients of this one.
#[derive(Debug, Default)]
pub(crate) struct Units {
    waiting: VecDeque<(Whose, Unit)>,
    away: Map<TransactionId, Ticket>,
}

/// What cores tell each other of units.
#[derive(Debug)]
pub enum UnitMail {
    /// Run it: all its keys are yours.
    Run(TransactionId, Unit),
    /// It is answered.
    Done(TransactionId, Result<Option<Vec<Recorded>>, String>),
    /// It cannot run in one turn there.
    Back(TransactionId, Unit),
    /// It has run, and whether that will take effect is not known.
    Lost(TransactionId),
}

impl UnitMail {
    /// What it tells of may never take effect.
    pub(crate) fn lose(&mut self) {
        if let Self::Done(id, _) = self {
            *self = Self::Lost(*id);
        }
    }
}

/// Where a unit is to run.
enum Place {
    Here,
    There(CoreId),
    /// On copies.
    Copies,
    /// Its keys change their leader: nowhere yet.
    Nowhere,
}

/// What became of a unit that was to run here.
enum Ran {
    Done {
        replies: Option<Vec<Recorded>>,
        observed: u64,
    },
    Failed(String),
    /// Nothing happened; it is tried again.
    Later,
    /// Nothing happened; it is too much for one batch.
    TooMuch,
}

impl Units {
    /// Whether some wait until they can run.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.away.is_empty()
    }
}

impl Engine {
    /// Runs a unit at once, if all its keys are this core's and nothing is in its way. `None`: nothing happened, see
    /// [`Engine::begin_unit`].
    pub fn try_unit(&mut self, unit: &Unit) -> Option<Answer> {
        let keys = unit.keys();
        if self.units.has_waiting() || !matches!(self.place_of_unit(unit, &keys), Place::Here) {
            return None;
        }
        match self.run_unit(unit, &keys) {
            Ran::Done { replies, observed } => Some(Answer::Unit { replies, observed }),
            Ran::Failed(error) => Some(Answer::Error(error)),
            Ran::Later | Ran::TooMuch => None,
        }
    }

    /// Whether a unit with commands about all keys writes more than one batch holds: it is to be cut at those commands.
    pub fn is_too_much(&mut self, unit: &Unit) -> bool {
        unit.is_about_all() && unit.may_write() && self.unit_bytes(unit).is_none()
    }

    /// Begins a unit; the answer comes as [`crate::Effect::Finished`] with [`Answer::Unit`] or an error, or as
    /// [`crate::Effect::Unknown`].
    pub fn begin_unit(&mut self, ticket: Ticket, unit: Unit) {
        self.units.waiting.push_back((Whose::Client(ticket), unit));
        self.retry_units();
        self.settle();
    }

    /// Begins work on keys, which may meet others while it runs: see [`super::Work`]. The answer is the work's.
    pub fn begin_work(
        &mut self,
        ticket: Ticket,
        mut keys: Vec<LockKey>,
        work: Box<dyn super::Work>,
    ) {
        keys.sort_unstable();
        keys.dedup();
        self.begin_plan(ticket, Plan::Work(work), keys);
        self.settle();
    }

    /// Begins a plan where its keys are: over cores, or over groups.
    pub(crate) fn begin_plan(&mut self, ticket: Ticket, plan: Plan, keys: Vec<LockKey>) {
        if self.replication.is_some() {
            self.begin_plan_over_groups(ticket, plan, keys);
        } else {
            self.begin_plan_over_cores(ticket, plan, keys);
        }
    }

    pub(crate) fn unit_mail(&mut self, from: CoreId, mail: UnitMail) {
        match mail {
            UnitMail::Run(id, unit) => {
                self.units.waiting.push_back((Whose::Core(from, id), unit));
                self.retry_units();
            }
            UnitMail::Done(id, result) => {
                let Some(ticket) = self.units.away.remove(&id) else { return };
                self.finish(
                    ticket,
                    match result {
                        Ok(replies) => Answer::Unit { replies, observed: 0 },
                        Err(error) => Answer::Error(error),
                    },
                );
            }
            UnitMail::Lost(id) => {
                if let Some(ticket) = self.units.away.remove(&id) {
                    self.effects.push(Effect::Unknown { ticket });
                }
            }
            UnitMail::Back(id, unit) => {
                let Some(ticket) = self.units.away.remove(&id) else { return };
                let keys = unit.keys();
                self.begin_plan(ticket, Plan::Unit(unit), keys);
            }
        }
    }

    /// Lets units that wait try again. To be called every turn, when the clock has been told.
    #[inline]
    pub fn go_on_with_units(&mut self) {
        if self.units.has_waiting() {
            self.retry_units();
            self.settle();
        }
    }

    /// Tries what waits, in order.
    pub(crate) fn retry_units(&mut self) {
        for (whose, unit) in std::mem::take(&mut self.units.waiting) {
            let keys = unit.keys();
            let place = match whose {
                Whose::Client(_) => self.place_of_unit(&unit, &keys),
                Whose::Core(..) => match self.place_of_unit(&unit, &keys) {
                    Place::There(_) => Place::Copies,
                    place => place,
                },
            };
            match (place, whose) {
                (Place::Nowhere, _) => self.units.waiting.push_back((whose, unit)),
                (Place::There(core), Whose::Client(ticket)) => {
                    let id = self.fresh_transaction();
                    self.units.away.insert(id, ticket);
                    self.send(core, Mail::Unit(Box::new(UnitMail::Run(id, unit))));
                }
                (Place::Here, _) => self.run_or_keep(whose, unit, &keys),
                (Place::There(_) | Place::Copies, _) => self.run_on_copies(whose, unit, keys),
            }
        }
    }

    fn run_or_keep(&mut self, whose: Whose, unit: Unit, keys: &[LockKey]) {
        match self.run_unit(&unit, keys) {
            Ran::Later => self.units.waiting.push_back((whose, unit)),
            Ran::TooMuch => self.run_on_copies(whose, unit, keys.to_vec()),
            Ran::Failed(error) => match whose {
                Whose::Client(ticket) => self.finish(ticket, Answer::Error(error)),
                Whose::Core(to, id) => {
                    self.send(to, Mail::Unit(Box::new(UnitMail::Done(id, Err(error)))));
                }
            },
            Ran::Done { replies, observed } => match whose {
                Whose::Client(ticket) => self.finish(ticket, Answer::Unit { replies, observed }),
                Whose::Core(to, id) => {
                    let mail = Mail::Unit(Box::new(UnitMail::Done(id, Ok(replies))));
                    self.wait(Until::Released(observed), Then::Mail { to, mail });
                }
            },
        }
    }

    fn run_on_copies(&mut self, whose: Whose, unit: Unit, keys: Vec<LockKey>) {
        match whose {
            Whose::Client(ticket) if unit.is_about_all() => {
                let error = "ERR a transaction that is about all keys is too much for one batch";
                self.finish(ticket, Answer::Error(error.to_owned()));
            }
            Whose::Client(ticket) => self.begin_plan(ticket, Plan::Unit(unit), keys),
            Whose::Core(to, id) => self.send(to, Mail::Unit(Box::new(UnitMail::Back(id, unit)))),
        }
    }

    fn place_of_unit(&self, unit: &Unit, keys: &[LockKey]) -> Place {
        let is_apart = self.map.cores() > 1 || self.serving.is_some();
        match self.place_of(keys) {
            Place::Here | Place::There(_) if is_apart && unit.meets_others() => Place::Copies,
            place => place,
        }
    }

    fn place_of(&self, keys: &[LockKey]) -> Place {
        let mut partitions = keys.iter().map(|key| self.map.partition_of(slot_of(&key.1)));
        let Some(first) = partitions.next() else { return Place::Here };
        if let Some(serving) = &self.serving {
            if partitions.any(|other| other != first) {
                return Place::Copies;
            }
            if serving.awaits(first) {
                return Place::Nowhere;
            }
            if !serving.serves(first, false) {
                return Place::Copies;
            }
        } else if partitions.any(|other| self.map.owner(other) != self.map.owner(first)) {
            return Place::Copies;
        }
        let core = self.map.owner(first);
        if core == self.core { Place::Here } else { Place::There(core) }
    }

    /// Runs a unit on this core's store: all of it in this turn and in one batch of the log, or in one entry.
    fn run_unit(&mut self, unit: &Unit, keys: &[LockKey]) -> Ran {
        // What takes no memory may use the last of it, as a command of its own may.
        let before = self.store.may_use_reserve(!unit.may_grow());
        let ran = self.run_unit_now(unit, keys);
        self.store.may_use_reserve(before);
        ran
    }

    fn run_unit_now(&mut self, unit: &Unit, keys: &[LockKey]) -> Ran {
        let is_locked = |(database, key): &LockKey| self.locks.holds(*database, key);
        let waits_for_locks =
            !self.locks.is_empty() && (unit.is_about_all() || keys.iter().any(is_locked));
        let writes = unit.may_write();
        if waits_for_locks || self.is_slicing() || writes && self.staging.is_some() {
            return Ran::Later;
        }
        if writes {
            let Some(bytes) = self.unit_bytes(unit) else { return Ran::TooMuch };
            if unit.may_grow() {
                match self.make_memory(unit.bytes()) {
                    Fit::Now => {}
                    Fit::Later => return self.unit_later(),
                    Fit::Never => return Ran::Failed(self.why_no_memory(unit.bytes()).to_string()),
                }
            }
            let whole = if self.replication.is_some() { 2 * bytes } else { bytes };
            if self.store.room(whole) == Room::Later {
                return self.unit_later();
            }
            if self.replication.is_none() && self.store.make_batch(bytes).is_err() {
                return self.unit_later();
            }
        }
        let group = match (&self.replication, keys.first()) {
            (Some(_), Some((_, key))) => Some(self.partition_group(key)),
            _ => None,
        };
        if group.is_some_and(|(_, group)| !self.begin_entry_of(group)) {
            return Ran::Later;
        }
        self.store.begin_observing();
        let (appended, begun) = (self.store.appended_position(), self.store.log_mark());
        let stands = unit.watched.iter().all(|it| {
            let lookups = self.store.lookups();
            let key = self.store.key(it.database, &it.key);
            // Who meets a key that has expired removes it.
            let _ = self.store.peek(&key);
            self.store.set_lookups(lookups);
            self.store.watched_version(&key) == it.version
        });
        let (mut replies, mut room) = (stands.then(Vec::new), AnswerRoom::default());
        for command in unit.commands.iter().filter(|_| stands) {
            if let Some(refusal) = room.refusal(command.spec) {
                replies.get_or_insert_default().push(refusal);
                continue;
            }
            let mut reply = Recorded::default();
            match self.run_queued(command, &mut reply) {
                Ok(()) => {}
                Err(CommandError::Store(StoreError::NoRoom { .. })) if group.is_some() => {
                    self.store.drop_entry();
                    self.drop_open();
                    return self.unit_later();
                }
                Err(error) => reply = Recorded::failed(&error.to_string()),
            }
            room.take(&reply);
            replies.get_or_insert_default().push(reply);
        }
        debug_assert!(
            !writes || group.is_some() || self.store.is_one_batch(begun, usize::MAX),
            "a unit of {} commands is more than one batch",
            unit.commands.len()
        );
        if let Some((_, group)) = group {
            match self.end_around(group) {
                Ok(has_entry) if has_entry || self.confirms_read(group) => {}
                // On a full disk reads go on: what they met that had expired is hidden alone.
                Err(StoreError::NoRoom { .. }) if !writes && self.store.is_full() => {
                    self.drop_open();
                    if !self.confirms_read(group) {
                        return Ran::Later;
                    }
                }
                Ok(_) => {
                    self.drop_open();
                    return Ran::Later;
                }
                Err(StoreError::NoRoom { .. }) => {
                    self.drop_open();
                    return self.unit_later();
                }
                Err(error) => {
                    self.drop_open();
                    return Ran::Failed(format!("ERR {error}"));
                }
            }
        }
        self.seal_unit(appended, unit.client);
        Ran::Done { replies, observed: self.store.observed_position() }
    }

    /// Commands that ran together, of one client if `by` names it, have ended: what happened to their keys is told once the log has released
    /// what they appended.
    pub(super) fn seal_unit(&mut self, appended: u64, by: Option<(u16, u64)>) {
        if !self.is_watched {
            return;
        }
        self.seal_gone();
        let position = self.store.appended_position();
        self.events.seal_open(position);
        if position == appended {
            self.changes.drop_open();
        } else {
            self.changes.seal_open(position, by);
        }
    }

    /// They have changed nothing.
    fn drop_open(&mut self) {
        self.events.drop_open();
        self.changes.drop_open();
    }

    fn partition_group(&self, key: &[u8]) -> (PartitionId, GroupId) {
        let partition = self.map.partition_of(slot_of(key));
        (partition, GroupId::of(partition))
    }

    fn unit_later(&self) -> Ran {
        self.room_refusal().map_or(Ran::Later, Ran::Failed)
    }

    /// The most that the commands of a unit write, roundly. `None`: it may be more than a batch holds, or a long string is among it, whose
    /// chunks lie in batches of their own.
    fn unit_bytes(&mut self, unit: &Unit) -> Option<usize> {
        let lookups = self.store.lookups();
        let (chunk_max, bytes_max) =
            (self.store.chunk_bytes_max(), self.store.batch_bytes_max() / 2);
        let mut grown: BTreeMap<LockKey, usize> = BTreeMap::new();
        let mut bytes = 0;
        for command in unit.commands.iter().filter(|command| command.spec.writes()) {
            let words: usize =
                command.arguments.iter().map(|word| word.len() + RECORD_SLACK_BYTES).sum();
            bytes += words;
            for key in super::lock_keys(command.spec, command.database, &command.words()) {
                let place = self.store.key(key.0, &key.1);
                let held =
                    self.store.peek(&place).map_or(0, |found| self.store.value(&found).len());
                let more = grown.entry(key).or_default();
                let value = held + *more;
                *more += words;
                // What is longer than a few chunks is changed where it lies.
                bytes += value.min(3 * chunk_max) + RECORD_SLACK_BYTES;
                let is_copied = command.spec.flags.has(Flags::WRITES_MORE);
                if is_copied && value > chunk_max || words > chunk_max {
                    bytes = usize::MAX / 2;
                }
            }
            if bytes > bytes_max {
                break;
            }
        }
        self.store.set_lookups(lookups);
        (bytes <= bytes_max).then_some(bytes)
    }

    /// Runs one command of a unit, for which there is room.
    fn run_queued(&mut self, command: &Queued, reply: &mut Recorded) -> Result<(), CommandError> {
        self.run_words(command.spec, command.database, &command.words(), reply)
    }

    /// Runs one command; its answer goes behind what `reply` has.
    pub(super) fn run_words(
        &mut self,
        spec: &'static CommandSpec,
        database: DatabaseId,
        words: &[&[u8]],
        reply: &mut Recorded,
    ) -> Result<(), CommandError> {
        let (lookups, appended) = (self.store.lookups(), self.store.appended_position());
        let random = self.draw();
        let line = (spec, database, words);
        let listens = self.events.is_listening();
        let coming = listens.then(|| Coming::begin(&mut self.store, &self.events, line));
        let result = match spec.run {
            Run::Key(handler) | Run::Keys { local: handler, .. } => {
                let transaction = self.fresh_transaction();
                let mut context = self.context(database, reply, transaction, random);
                handler(&mut context, words)
            }
            Run::Scan => {
                let mut context = self.context(database, reply, TransactionId(0), 0);
                command::scan_part(&mut context, words, false)
            }
            Run::Every(gather) => self.part(gather, database, words).map(|part| {
                command::merge(gather, vec![part], random, reply);
            }),
            Run::Front(_) => Err(CommandError::NotAmongKeys(spec.name)),
        };
        if let Some(coming) = coming.filter(|_| result.is_ok()) {
            coming.tell(&mut self.store, &mut self.events, line);
        }
        if spec.writes() {
            self.store.set_lookups(lookups);
        }
        let may_tell = self.changes.notes_commands() && may_change(spec) && result.is_ok();
        if may_tell && self.store.appended_position() != appended {
            for at in changed_keys(spec, words) {
                self.changes.note_open(words[at]);
            }
        }
        result
    }
}
