//! Owns the keys that somebody waits for: which of them were touched by a change.

use super::Store;
use crate::database::{Key, Place};
use hyperion_model::DatabaseId;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A key by its hash: two that share one are woken for each other, to no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyMark {
    database: u8,
    hash: u64,
}

/// What is waited for, and what of it was touched.
#[derive(Debug, Default)]
pub(crate) struct Awaited {
    keys: BTreeMap<KeyMark, Waits>,
    /// In the order of the changes, each once.
    touched: Vec<KeyMark>,
}

#[derive(Debug, Default)]
struct Waits {
    count: u32,
    is_touched: bool,
}

impl Key<'_> {
    /// What the key is known by to [`Store::await_key`].
    #[must_use]
    pub fn mark(&self) -> KeyMark {
        KeyMark { database: self.database.0, hash: self.hash }
    }
}

impl Awaited {
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    #[cold]
    pub(crate) fn touch(&mut self, database: DatabaseId, hash: u64) {
        let mark = KeyMark { database: database.0, hash };
        let Some(waits) = self.keys.get_mut(&mark) else { return };
        if !std::mem::replace(&mut waits.is_touched, true) {
            self.touched.push(mark);
        }
    }

    /// All keys of one database were touched, or of all.
    pub(crate) fn touch_all(&mut self, database: Option<DatabaseId>) {
        for (mark, waits) in &mut self.keys {
            let is_in = database.is_none_or(|database| database.0 == mark.database);
            if is_in && !std::mem::replace(&mut waits.is_touched, true) {
                self.touched.push(*mark);
            }
        }
    }
}

impl Store {
    /// Whether this core has the key.
    #[must_use]
    pub fn owns_key(&self, bytes: &[u8]) -> bool {
        self.owns(hyperion_model::slot_of(bytes))
    }

    /// Whether a key may be read beside another of this core: it is here too, and where partitions are replicated in the same one.
    #[must_use]
    pub fn lies_with(&self, key: &Key<'_>, bytes: &[u8]) -> bool {
        let local = self.local_of(hyperion_model::slot_of(bytes));
        local.is_some() && (!self.is_written_whole(key) || local == Some(key.local))
    }

    /// From now on changes of the key are noted, once more often than [`Store::forget_key`] says otherwise.
    pub fn await_key(&mut self, mark: KeyMark) {
        self.awaited.keys.entry(mark).or_default().count += 1;
    }

    /// One less waits for the key.
    pub fn forget_key(&mut self, mark: KeyMark) {
        if let Some(waits) = self.awaited.keys.get_mut(&mark) {
            waits.count -= 1;
            if waits.count == 0 {
                self.awaited.keys.remove(&mark);
            }
        }
    }

    /// Whether a key that is waited for may have become another since [`Store::take_touched`].
    #[inline]
    #[must_use]
    pub fn has_touched(&self) -> bool {
        !self.awaited.touched.is_empty()
    }

    /// The keys that may have become others, in the order of the changes.
    pub fn take_touched(&mut self) -> Vec<KeyMark> {
        let touched = std::mem::take(&mut self.awaited.touched);
        for mark in &touched {
            if let Some(waits) = self.awaited.keys.get_mut(mark) {
                waits.is_touched = false;
            }
        }
        touched
    }

    #[inline(always)]
    pub(crate) fn touch_place(&mut self, key: Place) {
        if !self.awaited.is_empty() {
            self.awaited.touch(key.database, key.hash);
        }
    }

    /// As [`Store::touch_place`], for the key whose record lies at `location`.
    pub(crate) fn touch_awaited_at(&mut self, location: crate::log::Location) {
        if !self.awaited.is_empty() {
            let record = self.log.record(location);
            let database = DatabaseId(u8::try_from(record.namespace).unwrap_or(u8::MAX));
            let hash = xxh3_64_with_seed(record.key, self.hash_seed());
            self.awaited.touch(database, hash);
        }
    }
}
