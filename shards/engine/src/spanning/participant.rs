//! Owns what the leader of a partition does for transactions: locks, prepared writes, and their end.

use super::NoEntry;
use super::mail::{SpanId, SpanMail, SpanStep};
use super::records::Record;
use crate::command::{CommandError, bury_fields, field_expired};
use crate::effect::{OwnedWrite, Want};
use crate::engine::{Engine, RECORD_SLACK_BYTES};
use crate::evict::Fit;
use crate::limits::{SPAN_BYTES_MAX, SPAN_HELD_MAX};
use crate::lock::{LockKey, LockRequest};
use crate::transaction::{Looked, Then, Until};
use hyperion_model::{GroupId, PartitionId, TransactionId, slot_of};
use hyperion_store::{Room, StoreError, Write};

/// Keys of a transaction in a partition that this core leads.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) lock: TransactionId,
    /// The coordinator's node.
    pub(super) node: u32,
    pub(super) since_ns: u64,
    pub(super) state: HeldState,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeldState {
    /// It waits for its keys.
    Waits,
    /// The keys are its.
    Locked,
    /// And its writes are in an entry.
    Prepared { place: u16, decision: PartitionId, asked_ns: u64 },
}

impl Engine {
    pub(super) fn take_lock(
        &mut self,
        from: u32,
        id: SpanId,
        partition: PartitionId,
        keys: Vec<LockKey>,
        want: Want,
    ) {
        let is_of_partition = |(_, key): &LockKey| self.map.partition_of(slot_of(key)) == partition;
        if !keys.iter().all(is_of_partition) || self.spanning.held.contains_key(&(partition, id)) {
            return;
        }
        if !self.leads_alone(partition) || self.spanning.held.len() >= SPAN_HELD_MAX {
            return self.refuse_span(from, id, partition, None);
        }
        self.hold(
            partition,
            id,
            from,
            HeldState::Waits,
            LockRequest { id: TransactionId(0), keys, want },
        );
    }

    /// Takes or awaits locks for a transaction.
    fn hold(
        &mut self,
        partition: PartitionId,
        id: SpanId,
        node: u32,
        state: HeldState,
        request: LockRequest,
    ) {
        let lock = self.fresh_transaction();
        self.spanning.by_lock.insert(lock, (partition, id));
        let held = Held { lock, node, since_ns: self.now_ns(), state };
        self.spanning.held.insert((partition, id), held);
        let request = LockRequest { id: lock, ..request };
        if state != HeldState::Waits {
            self.locks.take_again(&request);
        } else if let Some(request) = self.locks.lock(request) {
            self.span_granted(&request);
        }
    }

    /// What was found prepared keeps its keys.
    pub(super) fn hold_prepared(
        &mut self,
        partition: PartitionId,
        id: SpanId,
        keys: Vec<LockKey>,
        place: u16,
        decision: PartitionId,
    ) {
        let state = HeldState::Prepared { place, decision, asked_ns: 0 };
        let request = LockRequest { id: TransactionId(0), keys, want: Want::Nothing };
        self.hold(partition, id, id.node, state, request);
    }

    /// Whether a lock that was granted is of such a transaction.
    pub(crate) fn is_span_lock(&self, lock: TransactionId) -> bool {
        self.spanning.by_lock.contains_key(&lock)
    }

    /// The keys are locked: tells the coordinator what it wants to know of them.
    pub(crate) fn span_granted(&mut self, request: &LockRequest) {
        let Some(&(partition, id)) = self.spanning.by_lock.get(&request.id) else { return };
        let now_ns = self.now_ns();
        let Some(held) = self.spanning.held.get_mut(&(partition, id)) else { return };
        (held.state, held.since_ns) = (HeldState::Locked, now_ns);
        let to = held.node;
        let ((found, versions), observed) = match self.look_at(partition, request) {
            Ok(looked) => looked,
            Err(error) => return self.drop_and_refuse(to, id, partition, error),
        };
        let bytes: usize = found.iter().flatten().map(|wanted| wanted.value.bytes.len()).sum();
        if bytes > SPAN_BYTES_MAX {
            let error = format!(
                "ERR the values of this command's keys have more than {SPAN_BYTES_MAX} bytes, which is the most for keys of several partitions; ask for fewer at a time"
            );
            return self.drop_and_refuse(to, id, partition, Some(error));
        }
        let mail = SpanMail { id, partition, step: SpanStep::Locked { found, versions } };
        self.wait(Until::Released(observed), Then::Span { to, mail });
    }

    /// What is wanted of locked keys, and the position that telling it waits for.
    fn look_at(
        &mut self,
        partition: PartitionId,
        request: &LockRequest,
    ) -> Result<(Looked, u64), Option<String>> {
        if request.want == Want::Nothing {
            let found = vec![None; request.keys.len()];
            let looked = (found, Vec::new());
            return if self.leads_alone(partition) { Ok((looked, 0)) } else { Err(None) };
        }
        // A key that has expired is deleted by who meets it, and so are fields.
        let looked = self.span_entry(partition, |engine| {
            if matches!(request.want, Want::Value | Want::Whole) {
                engine.bury_fields(&request.keys)?;
            }
            Ok(engine.wanted(request))
        });
        if looked.is_err() {
            self.events.drop_open();
        }
        let (wanted, observed) = looked.map_err(|no_entry| no_entry.sentence())?;
        self.events.seal_open(observed);
        Ok((wanted.map_err(Some)?, observed))
    }

    /// Takes out what has expired of hashes that others are told of.
    fn bury_fields(&mut self, keys: &[LockKey]) -> Result<(), StoreError> {
        let lookups = self.store.lookups();
        for (database, bytes) in keys {
            let key = self.store.key(*database, bytes);
            let found = self.store.peek(&key);
            let Some(found) = found.filter(|found| field_expired(&self.store, found)) else {
                continue;
            };
            match bury_fields(&mut self.store, &mut self.events, &key, found) {
                Ok(_) => {}
                Err(CommandError::Store(error)) => return Err(error),
                Err(error) => unreachable!("{error}, of a hash that is there"),
            }
        }
        self.store.set_lookups(lookups);
        Ok(())
    }

    pub(super) fn take_check(&mut self, from: u32, id: SpanId, partition: PartitionId) {
        self.store.begin_observing();
        let stands = self.has_locked(partition, id)
            && self.leads_alone(partition)
            && self.confirms_read(GroupId::of(partition));
        let observed = self.store.observed_position();
        self.drop_held(partition, id);
        if !stands {
            let step = SpanStep::Refused { error: None };
            return self.send_span(from, SpanMail { id, partition, step });
        }
        let mail = SpanMail { id, partition, step: SpanStep::Done };
        self.wait(Until::Released(observed), Then::Span { to: from, mail });
    }

    pub(super) fn take_prepare(
        &mut self,
        from: u32,
        id: SpanId,
        partition: PartitionId,
        decision: PartitionId,
        writes: &[OwnedWrite],
    ) {
        if !self.has_locked(partition, id) {
            return self.refuse_span(from, id, partition, None);
        }
        let before = self.store.may_use_reserve(only_delete(writes));
        let made = self.may_write_span(writes).and_then(|()| {
            let place = self.free_place(partition).ok_or(None)?;
            let record = Record::Prepared { id, decision, writes: writes.to_vec() };
            let made =
                self.span_entry(partition, |engine| engine.put_record(partition, place, &record));
            let ((), observed) = made.map_err(|no_entry| no_entry.sentence())?;
            Ok((place, observed))
        });
        self.store.may_use_reserve(before);
        match made {
            Ok((place, observed)) => {
                self.use_place(partition, place);
                let now_ns = self.now_ns();
                let held = self.spanning.held.get_mut(&(partition, id)).expect("looked at above");
                held.state = HeldState::Prepared { place, decision, asked_ns: 0 };
                held.since_ns = now_ns;
                let mail = SpanMail { id, partition, step: SpanStep::Done };
                self.wait(Until::Released(observed), Then::Span { to: from, mail });
            }
            Err(error) => self.drop_and_refuse(from, id, partition, error),
        }
    }

    /// Whether there is room and memory for writes. The error is what the coordinator is told.
    pub(super) fn may_write_span(&mut self, writes: &[OwnedWrite]) -> Result<(), Option<String>> {
        let chunk_bytes_max = self.store.chunk_bytes_max();
        let mut values = writes.iter().filter_map(|write| write.value.as_ref());
        // They may come from another node.
        if !values.all(|value| value.as_ref().is_sound(chunk_bytes_max)) {
            let error = "ERR a value of this command is not legible here; send it in parts";
            return Err(Some(error.to_owned()));
        }
        let borrowed: Vec<Write<'_>> = writes.iter().map(OwnedWrite::borrowed).collect();
        if !self.store.fits_entry(&borrowed) {
            let error = "ERR this command writes too much for one entry; send it in parts";
            return Err(Some(error.to_owned()));
        }
        let bytes: usize = writes.iter().map(|write| write.bytes() + RECORD_SLACK_BYTES).sum();
        let grows = !only_delete(writes);
        match if grows { self.make_prepared_memory(bytes) } else { Fit::Now } {
            Fit::Now => {}
            Fit::Later => return Err(None),
            Fit::Never => return Err(Some(self.why_no_memory(bytes).to_string())),
        }
        // Twice: as a record that waits, and as what it comes to.
        match self.store.room(2 * bytes) {
            Room::Now => Ok(()),
            Room::Later => Err(self.room_refusal()),
        }
    }

    /// Makes writes in the entry that is being made.
    pub(super) fn make_writes(&mut self, writes: &[OwnedWrite]) -> Result<(), StoreError> {
        let lookups = self.store.lookups();
        let result = writes.iter().try_for_each(|write| {
            let key = self.store.key(write.database, &write.key);
            match &write.value {
                Some(value) => self.store.put_content(&key, value.as_ref(), write.expiry_ms),
                None => self.store.delete(&key).map(drop),
            }
        });
        self.store.set_lookups(lookups);
        result
    }

    pub(super) fn take_commit(
        &mut self,
        from: u32,
        id: SpanId,
        partition: PartitionId,
        decision: PartitionId,
    ) {
        if !self.leads_alone(partition) {
            return;
        }
        let held = self.spanning.held.get(&(partition, id)).map(|held| held.state);
        let observed = match held {
            Some(HeldState::Prepared { place, .. }) => {
                // What is not done now is done when the word of it comes again.
                let Some(observed) = self.commit_prepared_span(partition, place) else { return };
                self.give_place(partition, place);
                self.drop_held(partition, id);
                observed
            }
            // It was done before: by this leader perhaps a moment ago.
            _ => self.store.appended_position(),
        };
        let step = SpanStep::Committed { by: partition };
        let mail = SpanMail { id, partition: decision, step };
        self.wait(Until::Released(observed), Then::Span { to: from, mail });
    }

    fn commit_prepared_span(&mut self, partition: PartitionId, place: u16) -> Option<u64> {
        let record = self.record_at(partition, place);
        let Some(Record::Prepared { writes, .. }) = record else {
            panic!("nothing is prepared at place {place} of {partition:?}");
        };
        self.store.may_use_reserve(true);
        let made = self.span_entry(partition, |engine| {
            engine.delete_record(partition, place)?;
            engine.make_writes(&writes)
        });
        self.store.may_use_reserve(false);
        match made {
            Ok(((), observed)) => Some(observed),
            Err(NoEntry::Now) => None,
            Err(NoEntry::Ever(error)) => panic!("writes that were prepared do not fit: {error}"),
        }
    }

    /// It will never be decided: by the coordinator's word, or by that of who would decide.
    pub(super) fn take_abort(&mut self, id: SpanId, partition: PartitionId) {
        let Some(held) = self.spanning.held.get(&(partition, id)) else { return };
        if let HeldState::Prepared { place, .. } = held.state {
            self.store.may_use_reserve(true);
            let made = self.span_entry(partition, |engine| engine.delete_record(partition, place));
            self.store.may_use_reserve(false);
            if made.is_err() {
                // It asks again in a while.
                return;
            }
            self.give_place(partition, place);
        }
        self.drop_held(partition, id);
    }

    // ---- the end of locks

    pub(super) fn has_locked(&self, partition: PartitionId, id: SpanId) -> bool {
        let held = self.spanning.held.get(&(partition, id));
        held.is_some_and(|held| held.state == HeldState::Locked)
    }

    /// Lets keys go, or stops waiting for them.
    pub(super) fn drop_held(&mut self, partition: PartitionId, id: SpanId) {
        if let Some(held) = self.spanning.held.remove(&(partition, id)) {
            self.spanning.by_lock.remove(&held.lock);
            self.unlock(held.lock);
        }
    }

    /// The lead of a partition is lost, and with it all locks.
    pub(super) fn forget_held(&mut self, partition: PartitionId) {
        let held = self.spanning.held.iter().filter(|((other, _), _)| *other == partition);
        let held: Vec<(SpanId, u32, HeldState)> =
            held.map(|((_, id), held)| (*id, held.node, held.state)).collect();
        // First all that wait: none of them is to get the keys of another.
        for &(id, node, state) in &held {
            if state == HeldState::Waits {
                self.drop_and_refuse(node, id, partition, None);
            }
        }
        for (id, _, _) in held {
            self.drop_held(partition, id);
        }
    }

    pub(super) fn drop_and_refuse(
        &mut self,
        to: u32,
        id: SpanId,
        partition: PartitionId,
        error: Option<String>,
    ) {
        self.drop_held(partition, id);
        self.refuse_span(to, id, partition, error);
    }

    pub(super) fn refuse_span(
        &mut self,
        to: u32,
        id: SpanId,
        partition: PartitionId,
        error: Option<String>,
    ) {
        self.send_span(to, SpanMail { id, partition, step: SpanStep::Refused { error } });
    }
}

impl NoEntry {
    /// What a coordinator is told of it.
    pub(super) fn sentence(&self) -> Option<String> {
        match self {
            Self::Now => None,
            Self::Ever(error) => Some(format!("ERR {error}")),
        }
    }
}

/// Whether writes take no memory: then they may use the last of the log.
pub(super) fn only_delete(writes: &[OwnedWrite]) -> bool {
    writes.iter().all(|write| write.value.is_none())
}
