//! Owns taking back what work has changed on the store itself.

use crate::command::{CommandSpec, Run};
use crate::engine::Engine;
use crate::limits::{UNDO_BYTES_MAX, UNDO_KEYS_MAX, UNDO_VALUE_BYTES_MAX};
use crate::lock::LockKey;
use hyperion_model::DatabaseId;
use hyperion_store::{OwnedContent, Room, StoreError};
use std::collections::BTreeMap;

/// Keys of most work: so many are kept in a row, which costs no memory from one work to the next.
const FEW_KEYS: usize = 8;

/// What a key held, and when that expires.
type Before = Option<(OwnedContent, Option<u64>)>;

/// What keys held before work changed them.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    few: Vec<(LockKey, Before)>,
    /// Those beyond.
    more: BTreeMap<LockKey, Before>,
    bytes: usize,
    /// Something was changed that is not noted: it is too long, or it is not among the keys of its command.
    has_gaps: bool,
}

impl Undo {
    fn has(&self, key: &LockKey) -> bool {
        self.few.iter().any(|(noted, _)| noted == key) || self.more.contains_key(key)
    }

    fn len(&self) -> usize {
        self.few.len() + self.more.len()
    }

    fn note(&mut self, key: LockKey, before: Before) {
        if self.few.len() < FEW_KEYS {
            self.few.push((key, before));
        } else {
            self.more.insert(key, before);
        }
    }
}

impl Engine {
    /// Notes what the keys of a command hold, which is about to run as a part of work on the store itself.
    pub(super) fn note_before(
        &mut self,
        spec: &CommandSpec,
        database: DatabaseId,
        words: &[&[u8]],
    ) {
        if self.undo.has_gaps {
            return;
        }
        if !matches!(spec.run, Run::Key(_) | Run::Keys { .. }) {
            self.undo.has_gaps = true;
            return;
        }
        let lookups = self.store.lookups();
        for key in super::lock_keys(spec, database, words) {
            if self.undo.has(&key) {
                continue;
            }
            let place = self.store.key(key.0, &key.1);
            let found = self.store.peek(&place);
            let bytes = found.map_or(0, |found| self.store.key_bytes(&found));
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let is_long = bytes > UNDO_VALUE_BYTES_MAX || self.undo.bytes + bytes > UNDO_BYTES_MAX;
            if is_long || self.undo.len() >= UNDO_KEYS_MAX {
                self.undo.has_gaps = true;
                break;
            }
            let held =
                found.map(|found| (self.store.content(&found), self.store.expiry_ms(&found)));
            self.undo.bytes += bytes;
            self.undo.note(key, held);
        }
        self.store.set_lookups(lookups);
    }

    /// Whether all that the work has changed is noted.
    pub(super) fn can_take_back(&self) -> bool {
        !self.undo.has_gaps
    }

    /// What the last command would have changed that could not be noted was not changed after all.
    pub(super) fn close_gaps(&mut self) {
        self.undo.has_gaps = false;
    }

    /// Forgets what was noted: the work that is about to run, or has run, is another.
    pub(super) fn forget_before(&mut self) {
        self.undo.few.clear();
        if !self.undo.more.is_empty() {
            self.undo.more.clear();
        }
        (self.undo.bytes, self.undo.has_gaps) = (0, false);
    }

    /// Takes back what the work has changed; `false`: it cannot be, and all of it stands.
    pub(super) fn take_back(&mut self) -> bool {
        let before = self.store.may_use_reserve(true);
        let is_back = self.put_back();
        self.store.may_use_reserve(before);
        is_back
    }

    fn put_back(&mut self) -> bool {
        let undo = std::mem::take(&mut self.undo);
        let slack = crate::engine::RECORD_SLACK_BYTES;
        let bytes = 2 * undo.bytes + slack * undo.len();
        if undo.has_gaps || self.store.room(bytes) == Room::Later {
            let is_nothing = undo.len() == 0 && !undo.has_gaps;
            if is_nothing {
                self.events.drop_open();
            }
            return is_nothing;
        }
        let lookups = self.store.lookups();
        let put = undo.few.into_iter().chain(undo.more).try_for_each(|((database, key), held)| {
            let key = self.store.key(database, &key);
            match held {
                Some((content, expiry_ms)) => {
                    self.store.put_content(&key, content.as_ref(), expiry_ms)
                }
                None => self.store.delete(&key).map(drop),
            }
        });
        self.store.set_lookups(lookups);
        assert!(!matches!(put, Err(StoreError::NoRoom { .. })), "room was made for {bytes} bytes");
        self.events.drop_open();
        put.is_ok()
    }
}
