//! Owns a participant's side of transactions.

use super::{Then, Until};
use crate::command::CommandError;
use crate::effect::{Mail, OwnedWrite, TransactionMail, Want, Wanted};
use crate::engine::{Engine, RECORD_SLACK_BYTES};
use crate::evict::Fit;
use crate::lock::LockRequest;
use hyperion_model::{CoreId, TransactionId};
use hyperion_store::{Room, StoreError, Write};

impl Engine {
    pub(crate) fn transaction_mail(&mut self, from: CoreId, mail: TransactionMail) {
        match mail {
            TransactionMail::Lock { id, keys, want } => {
                let request = LockRequest { id, keys, want };
                if let Some(request) = self.locks.lock(request) {
                    self.granted(&request);
                }
            }
            TransactionMail::Prepare { id, writes } => self.prepare(from, id, writes),
            TransactionMail::Commit { id } => match self.store.commit_prepared(id) {
                Ok(()) => {
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
            TransactionMail::Locked { id, found } => self.locked(id, found),
            TransactionMail::Prepared { id } => self.prepared(id, None),
            TransactionMail::Refused { id, error } => self.prepared(id, Some(error)),
            TransactionMail::Committed { id } => self.committed(id),
        }
    }

    /// The keys of a request are locked: tells the coordinator what it wants to know of them.
    fn granted(&mut self, request: &LockRequest) {
        if self.is_span_lock(request.id) {
            return self.span_granted(request);
        }
        self.store.begin_observing();
        let found = self.wanted(request);
        let to = request.id.coordinator();
        let mail = Mail::Transaction(TransactionMail::Locked { id: request.id, found });
        let until = Until::Released(self.store.observed_position());
        self.wait(until, Then::Mail { to, mail });
    }

    /// What is wanted of the keys of a request.
    pub(crate) fn wanted(&mut self, request: &LockRequest) -> Vec<Option<Wanted>> {
        let lookups = self.store.lookups();
        let mut found = Vec::with_capacity(request.keys.len());
        for (database, bytes) in &request.keys {
            if request.want == Want::Nothing {
                found.push(None);
                continue;
            }
            let key = self.store.key(*database, bytes);
            let place = match request.want {
                Want::Presence => self.store.peek(&key),
                _ => self.store.find(&key),
            };
            let wanted = place.map(|place| {
                let mut value = Vec::new();
                if request.want == Want::Value {
                    let whole = self.store.value(&place);
                    whole.copy_range(0, whole.len(), &mut value);
                }
                Wanted { value, expiry_ms: self.store.expiry_ms(&place) }
            });
            found.push(wanted);
        }
        // Counted by the coordinator, who knows whether it is a read.
        self.store.set_lookups(lookups);
        found
    }

    fn prepare(&mut self, from: CoreId, id: TransactionId, writes: Vec<OwnedWrite>) {
        let grows = writes.iter().any(|write| write.value.is_some());
        let refuse = |error| Mail::Transaction(TransactionMail::Refused { id, error });
        let borrowed: Vec<Write<'_>> = writes
            .iter()
            .map(|write| Write {
                database: write.database,
                key: &write.key,
                value: write.value.as_deref(),
                expiry_ms: write.expiry_ms,
            })
            .collect();
        // Asked for as a whole: pieces of a long value that find no room are written in vain, and would be again and again.
        let bytes: usize = writes
            .iter()
            .map(|write| {
                write.key.len() + write.value.as_ref().map_or(0, Vec::len) + RECORD_SLACK_BYTES
            })
            .sum();
        // Not parked until more was evicted: the keys are locked, and it may be they that would have to go.
        if grows && self.make_memory(bytes) == Fit::Never {
            return self.send(from, refuse(CommandError::OutOfMemory.to_string()));
        }
        let prepared = match self.store.room(bytes) {
            Room::Now => self.store.prepare(id, &borrowed),
            Room::Later => Err(StoreError::NoRoom { bytes }),
        };
        match prepared {
            Ok(()) => {
                let position = self.store.appended_position();
                self.changes.prepared(id, writes.iter().map(|write| write.key.clone()));
                let mail = Mail::Transaction(TransactionMail::Prepared { id });
                self.wait(Until::Durable(position), Then::Mail { to: from, mail });
            }
            // The keys are locked, and reads of them wait: better refused than parked on a full disk.
            Err(StoreError::NoRoom { .. }) if let Some(error) = self.room_refusal() => {
                self.send(from, refuse(error));
            }
            Err(StoreError::NoRoom { .. }) => {
                self.parked
                    .push_back((from, Mail::Transaction(TransactionMail::Prepare { id, writes })));
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
    }

    /// There is room again: steps that found none are taken once more.
    pub(crate) fn retry_parked(&mut self) {
        for (from, mail) in std::mem::take(&mut self.parked) {
            self.take_mail(from, mail);
        }
    }
}
