//! Owns the store's part of transactions over several cores: prepared writes, and the words that settle them.
//!
//! A participant writes the transaction's records as one batch of kind prepare; they take effect with its commit record. The
//! coordinator's decision record is the truth: a participant that finds a prepare without commit or abort after a crash asks
//! for it. A commit record is written only when the decision is durable, and the decision is kept until every participant's
//! commit record is durable.
//!
//! Where nobody waits for the disk the words are written as soon as those before them are, and name these by where they end in
//! the logs of their cores ([`Reach`]). After a power cut a log ends before the first word that names what another log has
//! lost ([`crate::cuts`]).

use crate::content::{Content, Form};
use crate::error::StoreError;
use crate::log::Location;
use crate::object::Head;
use crate::reach::Reach;
use crate::record::{Extras, Kind};
use crate::store::Store;
use hyperion_model::collections::Map;
use hyperion_model::{CoreId, DatabaseId, TransactionId};
use std::collections::VecDeque;

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write<'a> {
    /// The database of the key.
    pub database: DatabaseId,
    /// The key.
    pub key: &'a [u8],
    /// What it becomes; `None`: it goes.
    pub value: Option<Content<'a>>,
    /// When it expires, Unix ms.
    pub expiry_ms: Option<u64>,
}

/// The writes that wait for the word.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// The record that opens the batch.
    pub(crate) opening: Location,
    /// The records in it.
    pub(crate) records: Vec<Location>,
}

#[derive(Default)]
pub(crate) struct Transactions {
    pub(crate) prepared: Map<TransactionId, Prepared>,
    /// Decisions whose participants have not all committed durably, with the record's place.
    pub(crate) decided: Map<TransactionId, Location>,
    /// What was committed by words that may be cut off yet: where each ends in the log, and what opens its prepared batch.
    committing: VecDeque<(u64, Location)>,
}

impl Transactions {
    pub(crate) fn is_idle(&self) -> bool {
        self.prepared.is_empty()
    }
}

impl Store {
    /// Writes the changes of a transaction without letting them take effect. The caller keeps the keys locked until
    /// [`Store::commit_prepared`] or [`Store::abort_prepared`].
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn prepare(&mut self, id: TransactionId, writes: &[Write<'_>]) -> Result<(), StoreError> {
        assert!(
            !self.replicated.is_used || writes.iter().all(|write| !self.is_replicated(write.key)),
            "a transaction is prepared in a replicated partition"
        );
        let records =
            writes.iter().map(|write| write.key.len() + self.record_bytes_of(write.value));
        let bytes = records.map(|bytes| bytes + 64).sum::<usize>() + 64;
        if bytes > self.log.batch_bytes_max() {
            return Err(StoreError::TooLarge { bytes, bytes_max: self.log.batch_bytes_max() });
        }
        // Long values first: their chunks lie in batches of their own.
        let mut heads: Vec<Option<Head>> = Vec::with_capacity(writes.len());
        for write in writes {
            match write.value.map_or(Ok(None), |value| self.write_chunks_of(value)) {
                Ok(head) => heads.push(head),
                Err(error) => return Err(self.drop_heads(&heads, error)),
            }
        }
        if let Err(error) = self.log.begin_prepare(bytes) {
            return Err(self.drop_heads(&heads, error));
        }
        let mut prepared = Prepared::default();
        let appended = "room was made for the whole batch";
        prepared.opening = self
            .log
            .append(Kind::Prepare, &Extras::default(), &id.0.to_le_bytes(), &[])
            .expect(appended);
        for (write, head) in writes.iter().zip(&heads) {
            let extras = Extras {
                expiry_ms: write.expiry_ms,
                namespace: u16::from(write.database.0),
                ..Extras::default()
            };
            let head = head.map(Head::bytes);
            let (kind, value) = match (write.value, &head) {
                (None, _) => (Kind::Tombstone, &[][..]),
                (Some(_), Some(head)) => (Kind::Object, &head[..]),
                (Some(Content { form: Form::Packed, bytes }), None) => (Kind::Packed, bytes),
                (Some(Content { bytes, .. }), None) => (Kind::Put, bytes),
            };
            let location = self.log.append(kind, &extras, write.key, &[value]).expect(appended);
            prepared.records.push(location);
        }
        self.log.close_batch();
        self.log.pin(prepared.opening);
        let before = self.transactions.prepared.insert(id, prepared);
        assert!(before.is_none(), "transaction {id:?} was prepared twice");
        Ok(())
    }

    /// Makes several changes that take effect together, on this core alone. `id` is fresh: it names them in the log when they are
    /// too many for the batch that is open.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn write_all(&mut self, id: TransactionId, writes: &[Write<'_>]) -> Result<(), StoreError> {
        if self.replicated.is_used && self.is_building_any() {
            return self.write_each(writes);
        }
        let is_long = |write: &Write<'_>| write.value.is_some_and(|it| self.lies_in_chunks(it));
        if writes.iter().any(is_long) {
            self.prepare(id, writes)?;
            let committed = self.commit_prepared(id);
            if committed.is_err() {
                // Without a commit record the prepared batch is void, and may be prepared once more under this id.
                self.drop_prepared(id, false);
            }
            return committed;
        }
        // Room for all of them at once: then none of them can fail, and they lie in one batch.
        let bytes = writes
            .iter()
            .map(|write| write.key.len() + write.value.map_or(0, |it| it.bytes.len()) + 64)
            .sum();
        self.log.make_room(bytes)?;
        self.write_each(writes)
    }

    fn write_each(&mut self, writes: &[Write<'_>]) -> Result<(), StoreError> {
        for write in writes {
            let key = self.key(write.database, write.key);
            match write.value {
                Some(value) => self.put_content(&key, value, write.expiry_ms)?,
                None => drop(self.delete(&key)?),
            }
        }
        Ok(())
    }

    pub(crate) fn drop_heads(&mut self, heads: &[Option<Head>], error: StoreError) -> StoreError {
        heads.iter().flatten().for_each(|head| self.objects.remove(head.id));
        error
    }

    /// Lets the prepared changes take effect. Does nothing when there are none under this id.
    ///
    /// # Errors
    /// When there is no room for the record of it; then nothing has changed.
    pub fn commit_prepared(&mut self, id: TransactionId) -> Result<(), StoreError> {
        self.commit_upon(id, None)
    }

    /// As [`Store::commit_prepared`], before the decision is durable: `decision` is where its record ends. The prepared records are
    /// not copied elsewhere before the commit record is durable.
    ///
    /// # Errors
    /// As [`Store::commit_prepared`].
    pub fn commit_upon(
        &mut self,
        id: TransactionId,
        decision: Option<Reach>,
    ) -> Result<(), StoreError> {
        let Some(prepared) = self.transactions.prepared.get(&id) else { return Ok(()) };
        let opening = prepared.opening;
        let overtaken: Vec<(u16, Vec<u8>)> =
            prepared.records.iter().filter_map(|&record| self.overtaken(record)).collect();
        let bytes = overtaken.iter().map(|(_, key)| key.len() + 64).sum::<usize>() + 96;
        self.log.make_room_for_words(bytes)?;
        let there = "room was made for the word and what follows";
        let (key, upon) = (id.0.to_le_bytes(), Reach::write_all(decision.as_slice()));
        let location =
            self.log.append_word(Kind::Commit, &Extras::default(), &key, &upon).expect(there);
        self.log.add_anchor(location);
        for (namespace, key) in overtaken {
            let extras = Extras { namespace, ..Extras::default() };
            let location = self.log.append_word(Kind::Tombstone, &extras, &key, &[]).expect(there);
            self.log.add_anchor(location);
        }
        if decision.is_some() {
            // Its records may be durable before the word is, and must not be copied where no cut takes them.
            self.log.pin(opening);
            self.transactions.committing.push_back((self.log.appended_position(), opening));
        }
        self.apply_prepared(id, false);
        self.observe(self.log.appended_position());
        Ok(())
    }

    /// Decides that the changes which were prepared under all these ids take effect, in this order and together: their words lie in one batch.
    /// [`Store::apply_next`] must follow for each; until then nobody may look at the keys, and nothing about them may be copied or
    /// written, since before the first was prepared.
    ///
    /// # Errors
    /// When there is no room for the words, or they are too many for a batch; then nothing has changed.
    pub fn commit_all(&mut self, ids: &[TransactionId]) -> Result<(), StoreError> {
        self.log.make_room_for_words(ids.len() * 64)?;
        for id in ids {
            let location = self
                .log
                .append_word(Kind::Commit, &Extras::default(), &id.0.to_le_bytes(), &[])
                .expect("room was made for all words");
            self.log.add_anchor(location);
        }
        self.observe(self.log.appended_position());
        Ok(())
    }

    /// Lets what was prepared under one of the ids of [`Store::commit_all`] take effect. Gives the number of keys that went.
    pub fn apply_next(&mut self, id: TransactionId) -> u64 {
        self.index_prepared(id, false)
    }

    /// Drops what was prepared under an id. Without a word about it, it is void at a start too.
    pub fn forget_prepared(&mut self, id: TransactionId) {
        self.drop_prepared(id, false);
        self.objects.count_dying(&mut self.log);
    }

    /// The key of a prepared deletion, if the cleaner has copied its record behind the preparation: the log must say the deletion once
    /// more, for it must last longer than the copy, and the preparation does not.
    fn overtaken(&self, location: Location) -> Option<(u16, Vec<u8>)> {
        let record = self.log.record(location);
        let key = self.replayed_key(&record).filter(|_| record.kind == Kind::Tombstone)?;
        let (_, entry) = self.locate(&key)?;
        // Where copies lie in the order is not asked: a word too many is harmless.
        let is_behind = self.log.is_copy(entry.location())
            || self.log.position(entry.location()) > self.log.position(location);
        is_behind.then(|| (record.namespace, record.key.to_vec()))
    }

    /// Keeps the word of a decision until the transaction is settled.
    pub(crate) fn keep_decision(&mut self, id: TransactionId, location: Location) {
        self.log.pin(location);
        if let Some(before) = self.transactions.decided.insert(id, location) {
            self.log.unpin(before);
        }
    }

    /// Indexes the records of a prepared transaction.
    pub(crate) fn apply_prepared(&mut self, id: TransactionId, from_log: bool) {
        let _ = self.index_prepared(id, from_log);
    }

    /// As [`Store::apply_prepared`]; gives the number of keys that went.
    fn index_prepared(&mut self, id: TransactionId, from_log: bool) -> u64 {
        let Some(prepared) = self.transactions.prepared.remove(&id) else { return 0 };
        let mut gone = 0;
        for location in prepared.records {
            let record = self.log.record(location);
            let (kind, size, expires) = (record.kind, record.size, record.expiry_ms.is_some());
            #[expect(
                clippy::cast_possible_truncation,
                reason = "namespaces below DATABASES_KEPT are written"
            )]
            let database = DatabaseId(record.namespace as u8);
            let bytes = record.key.to_vec();
            let head = self.object_head(location);
            let key = self.key(database, &bytes);
            if kind == Kind::Tombstone {
                self.log.add_anchor(location);
                if let Some((spot, entry)) = self.locate(&key) {
                    self.unpoint(&key, spot, entry);
                    gone += 1;
                }
            } else {
                // From the log, chunks may still come: they are counted in the end.
                if let (Some(head), false) = (head, from_log) {
                    if !self.objects.link(head.id) {
                        continue;
                    }
                    self.objects.count_live(&mut self.log, head.id);
                }
                self.point(key.place(), location, size, expires);
            }
        }
        self.log.unpin(prepared.opening);
        gone
    }

    /// Drops the prepared changes.
    ///
    /// # Errors
    /// When there is no room for the record of it; then nothing has changed.
    pub fn abort_prepared(&mut self, id: TransactionId) -> Result<(), StoreError> {
        if !self.transactions.prepared.contains_key(&id) {
            return Ok(());
        }
        let location =
            self.log.append_word(Kind::Abort, &Extras::default(), &id.0.to_le_bytes(), &[])?;
        self.log.add_anchor(location);
        self.drop_prepared(id, false);
        Ok(())
    }

    pub(crate) fn drop_prepared(&mut self, id: TransactionId, from_log: bool) {
        let Some(prepared) = self.transactions.prepared.remove(&id) else { return };
        for location in prepared.records {
            if let (Some(head), false) = (self.object_head(location), from_log) {
                self.objects.remove(head.id);
            }
        }
        self.log.unpin(prepared.opening);
    }

    /// Writes the coordinator's word that a transaction is committed, and keeps it until [`Store::settled`].
    ///
    /// # Errors
    /// When there is no room for it; then nothing has changed.
    pub fn decide(&mut self, id: TransactionId) -> Result<(), StoreError> {
        self.decide_upon(id, &[])
    }

    /// As [`Store::decide`], before what the other cores have prepared is durable: `prepared` is where that ends.
    ///
    /// # Errors
    /// As [`Store::decide`].
    pub fn decide_upon(&mut self, id: TransactionId, prepared: &[Reach]) -> Result<(), StoreError> {
        let (key, upon) = (id.0.to_le_bytes(), Reach::write_all(prepared));
        let location = self.log.append_word(Kind::Decision, &Extras::default(), &key, &upon)?;
        self.log.add_anchor(location);
        self.keep_decision(id, location);
        Ok(())
    }

    /// Every participant's commit record is durable: the decision is not needed any more.
    pub fn settled(&mut self, id: TransactionId) {
        if let Some(location) = self.transactions.decided.remove(&id) {
            self.log.unpin(location);
        }
    }
}

impl Store {
    /// How far the log reaches now, for words of other cores.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach { core: CoreId(self.log.core), lsn: self.log.lsn_next }
    }

    /// More is durable: what was committed by words that are may be copied.
    pub(crate) fn unpin_durable(&mut self) {
        let durable = self.log.durable_position();
        while let Some((_, opening)) =
            self.transactions.committing.pop_front_if(|(position, _)| *position <= durable)
        {
            self.log.unpin(opening);
        }
    }
}

/// Reads the id out of a record's key.
pub(crate) fn read_id(key: &[u8]) -> Option<TransactionId> {
    Some(TransactionId(u64::from_le_bytes(key.try_into().ok()?)))
}
