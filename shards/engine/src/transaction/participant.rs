//! Owns a participant's side of transactions.

use super::{Then, Until};
use crate::effect::{Mail, OwnedWrite, TransactionMail, Want, Wanted};
use crate::engine::{Engine, RECORD_SLACK_BYTES};
use crate::evict::Fit;
use crate::limits::COLLECT_BYTES_MAX;
use crate::lock::LockRequest;
use crate::work::too_many_bytes;
use hyperion_model::{CoreId, TransactionId};
use hyperion_store::{OwnedContent, Room, StoreError, Write};

/// By key what was found, and what tells it from a later one.
pub(crate) type Looked = (Vec<Option<Wanted>>, Vec<u64>);

/// What a client is told whose keys cannot be watched.
const TOO_MANY_WATCHED: &str = "ERR too many keys are watched on this core; try again";

impl Engine {
    pub(crate) fn transaction_mail(&mut self, from: CoreId, mail: TransactionMail) {
        match mail {
            TransactionMail::Lock { id, keys, want } => {
                let request = LockRequest { id, keys, want };
                if let Some(request) = self.locks.lock(request) {
                    self.granted(&request);
                }
            }
            TransactionMail::Prepare { id, writes, is_early } => {
                self.prepare(from, id, writes, is_early);
            }
            TransactionMail::Commit { id, upon } => match self.store.commit_upon(id, upon) {
                Ok(()) => {
                    if upon.is_some() {
                        self.owe_epoch();
                    }
                    let position = self.store.appended_position();
                    self.changes.ended(id, Some(position));
                    self.unlock(id);
                    let mail = Mail::Transaction(TransactionMail::Committed { id });
                    self.wait(Until::DurableSometime(position), Then::Mail { to: from, mail });
                }
                Err(_) => self.parked.push_back((from, Mail::Transaction(mail))),
            },
            TransactionMail::Release { id } => match self.store.abort_prepared(id) {
                Ok(()) => {
                    self.changes.ended(id, None);
                    self.unlock(id);
                }
                Err(_) => self.parked.push_back((from, Mail::Transaction(mail))),
            },
            TransactionMail::Locked { id, found, versions } => self.locked(id, found, versions),
            TransactionMail::Prepared { id, reach } => self.prepared(id, reach, None),
            TransactionMail::Refused { id, error } => self.refused(id, error),
            TransactionMail::Committed { id } => self.committed(id),
        }
    }

    /// The keys of a request are locked: tells the coordinator what it wants to know of them.
    fn granted(&mut self, request: &LockRequest) {
        if self.is_span_lock(request.id) {
            return self.span_granted(request);
        }
        self.store.begin_observing();
        let (to, id) = (request.id.coordinator(), request.id);
        let (found, versions) = match self.wanted(request) {
            Ok(wanted) => wanted,
            Err(error) => {
                self.locks.release(id);
                return self.send(to, Mail::Transaction(TransactionMail::Refused { id, error }));
            }
        };
        let mail = Mail::Transaction(TransactionMail::Locked { id, found, versions });
        let until = Until::Released(self.store.observed_position());
        self.wait(until, Then::Mail { to, mail });
    }

    /// What is wanted of the keys of a request, and of each what tells it from a later one; none where no key is watched.
    ///
    /// # Errors
    /// The coordinator's answer, where it is too much.
    pub(crate) fn wanted(&mut self, request: &LockRequest) -> Result<Looked, String> {
        let lookups = self.store.lookups();
        let (mut found, mut versions) = (Vec::with_capacity(request.keys.len()), Vec::new());
        let (mut bytes, mut refused) = (0, None);
        for (database, bytes_of_key) in &request.keys {
            if request.want == Want::Nothing {
                found.push(None);
                continue;
            }
            let key = self.store.key(*database, bytes_of_key);
            let place = match request.want {
                Want::Presence | Want::Watch => self.store.peek(&key),
                _ => self.store.find(&key),
            };
            if request.want == Want::Watch {
                match self.store.watch(&key) {
                    Some(version) => versions.push(version),
                    None => refused = Some(TOO_MANY_WATCHED.to_owned()),
                }
            } else if request.want == Want::Whole && self.store.has_watches() {
                versions.push(self.store.watched_version(&key));
            }
            if request.want == Want::Whole {
                bytes += place.map_or(0, |place| self.store.value(&place).len());
                if bytes > COLLECT_BYTES_MAX {
                    refused = Some(too_many_bytes());
                    break;
                }
            }
            let wanted = place.map(|place| {
                let is_wanted = matches!(request.want, Want::Value | Want::Whole);
                let value =
                    if is_wanted { self.store.content(&place) } else { OwnedContent::default() };
                Wanted { value, expiry_ms: self.store.expiry_ms(&place) }
            });
            found.push(wanted);
        }
        // Counted by the coordinator, who knows whether it is a read.
        self.store.set_lookups(lookups);
        refused.map_or(Ok((found, versions)), Err)
    }

    fn prepare(
        &mut self,
        from: CoreId,
        id: TransactionId,
        writes: Vec<OwnedWrite>,
        is_early: bool,
    ) {
        let grows = writes.iter().any(|write| write.value.is_some());
        let refuse = |error| Mail::Transaction(TransactionMail::Refused { id, error });
        let borrowed: Vec<Write<'_>> = writes.iter().map(OwnedWrite::borrowed).collect();
        // Asked for as a whole: pieces of a long value that find no room are written in vain, and would be again and again.
        let bytes: usize = writes.iter().map(|write| write.bytes() + RECORD_SLACK_BYTES).sum();
        // Not parked until more was evicted: the keys are locked, and it may be they that would have to go. Nor until other cores
        // have seen that what they leave is wanted: it is taken, as far as they left it at the last tick.
        if grows && self.make_prepared_memory(bytes) == Fit::Never {
            return self.send(from, refuse(self.why_no_memory(bytes).to_string()));
        }
        // Deletions may use the last of it.
        let before = self.store.may_use_reserve(!grows);
        let prepared = match self.store.room(bytes) {
            Room::Now => self.store.prepare(id, &borrowed),
            Room::Later => Err(StoreError::NoRoom { bytes }),
        };
        self.store.may_use_reserve(before);
        match prepared {
            Ok(()) => {
                let position = self.store.appended_position();
                self.changes.prepared(id, writes.iter().map(|write| write.key.clone()));
                let is_early = is_early && self.is_early();
                let reach = is_early.then(|| self.store.reach());
                let mail = Mail::Transaction(TransactionMail::Prepared { id, reach });
                self.wait(Until::safe(position, is_early), Then::Mail { to: from, mail });
            }
            // The keys are locked, and reads of them wait: better refused than parked on a full disk.
            Err(StoreError::NoRoom { .. }) if let Some(error) = self.room_refusal() => {
                self.send(from, refuse(error));
            }
            Err(StoreError::NoRoom { .. }) => {
                let mail = TransactionMail::Prepare { id, writes, is_early };
                self.parked.push_back((from, Mail::Transaction(mail)));
            }
            Err(
                error @ (StoreError::TooLarge { .. }
                | StoreError::TooManyChunks { .. }
                | StoreError::BadEntry { .. }),
            ) => {
                self.send(from, refuse(format!("ERR {error}")));
            }
        }
    }

    pub(crate) fn unlock(&mut self, id: TransactionId) {
        self.locks.release(id);
        self.grant_waiting();
    }

    /// Keys were let go: flushes and requests that waited for them go on.
    pub(crate) fn grant_waiting(&mut self) {
        if self.locks.is_empty() && self.sliced.is_empty() {
            self.locks.let_on();
            for (from, mail) in std::mem::take(&mut self.flushes) {
                self.take_mail(from, mail);
            }
        }
        while let Some(request) = self.locks.next_granted() {
            self.granted(&request);
        }
        if !self.units.is_idle() {
            self.retry_units();
        }
    }

    /// There is room again: steps that found none are taken once more.
    pub(crate) fn retry_parked(&mut self) {
        for (from, mail) in std::mem::take(&mut self.parked) {
            self.take_mail(from, mail);
        }
    }
}
