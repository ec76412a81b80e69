//! Owns keys that are watched: what tells each from a later one, until nobody watches it.

use super::Store;
use crate::database::{Found, Key, Place};
use crate::error::StoreError;
use crate::limits::{WATCH_KEPT_MS, WATCHED_KEYS_MAX};
use hyperion_model::collections::Map;

/// A key by its hash: one that is as alike is taken to be touched with it.
#[derive(Debug)]
struct Watched {
    version: u64,
    watchers: u32,
    local: u16,
    since_ms: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    keys: Map<(u64, u8), Watched>,
    /// The newest version; none is ever given twice, not in another start either.
    counted: u64,
    /// What takes effect was noted when it came.
    pub(crate) is_applying: bool,
}

impl Watches {
    /// `entropy` differs from start to start.
    pub(super) fn new(entropy: u64) -> Self {
        Self { counted: entropy >> 1 | 1, ..Self::default() }
    }
}

impl Store {
    /// Watches a key, once more if it is watched: gives what changes with the key. `None`: too many are watched.
    pub fn watch(&mut self, key: &Key<'_>) -> Option<u64> {
        let at = (key.hash, key.database.0);
        if self.watches.keys.len() >= WATCHED_KEYS_MAX && !self.watches.keys.contains_key(&at) {
            return None;
        }
        let since_ms = self.log.now_ms;
        let counted = &mut self.watches.counted;
        let watched = self.watches.keys.entry(at).or_insert_with(|| {
            *counted += 1;
            Watched { version: *counted, watchers: 0, local: key.local, since_ms }
        });
        watched.watchers = watched.watchers.saturating_add(1);
        watched.since_ms = since_ms;
        Some(watched.version)
    }

    /// Somebody does not watch a key any more.
    pub fn unwatch(&mut self, key: &Key<'_>) {
        let at = (key.hash, key.database.0);
        if let Some(watched) = self.watches.keys.get_mut(&at) {
            watched.watchers -= 1;
            if watched.watchers == 0 {
                self.watches.keys.remove(&at);
            }
        }
    }

    /// What [`Store::watch`] gave, if the key is watched and has not changed; else another number.
    #[must_use]
    pub fn watched_version(&self, key: &Key<'_>) -> u64 {
        let watched = self.watches.keys.get(&(key.hash, key.database.0));
        watched.map_or(0, |watched| watched.version)
    }

    /// Whether a key is watched.
    #[must_use]
    pub fn has_watches(&self) -> bool {
        !self.watches.keys.is_empty()
    }

    /// Forgets keys whose watchers have not been heard of for very long: they have gone without a word.
    pub fn drop_old_watches(&mut self) {
        let now_ms = self.log.now_ms;
        self.watches.keys.retain(|_, watched| now_ms < watched.since_ms + WATCH_KEPT_MS);
    }

    /// A key changes.
    #[inline(always)]
    pub(crate) fn touch(&mut self, place: Place) {
        if !self.watches.keys.is_empty() {
            self.touch_watched(place.hash, place.database.0);
        }
    }

    #[cold]
    fn touch_watched(&mut self, hash: u64, database: u8) {
        let watches = &mut self.watches;
        if let Some(watched) = watches.keys.get_mut(&(hash, database))
            && !watches.is_applying
        {
            watches.counted += 1;
            watched.version = watches.counted;
        }
    }

    /// All keys of a database go, or of all, in one partition or in all: those that are there are touched.
    pub(crate) fn touch_flushed(&mut self, database: Option<u8>, local: Option<u16>) {
        if self.watches.keys.is_empty() {
            return;
        }
        let keys: Vec<(u64, u8, u16)> =
            self.watches.keys.iter().map(|(at, it)| (at.0, at.1, it.local)).collect();
        for (hash, number, of) in keys {
            let is_meant =
                database.is_none_or(|it| it == number) && local.is_none_or(|it| it == of);
            if is_meant && self.may_hold(hash, number, of) {
                self.touch_watched(hash, number);
            }
        }
    }

    fn may_hold(&self, hash: u64, database: u8, local: u16) -> bool {
        let index = self.databases[usize::from(database)].get(usize::from(local));
        let is_indexed = index.is_some_and(|it| it.find(&self.pool, hash, |_| true).is_some());
        let database = hyperion_model::DatabaseId(database);
        is_indexed || self.replicated.is_used && self.is_held(Place { database, local, hash })
    }

    // ---- versions of one key in a store that nobody cleans

    /// The log's position behind the last change of a key that was just found, where the cleaner has not moved it.
    #[must_use]
    pub fn changed_at(&self, found: &Found) -> u64 {
        let written = self.log.position(found.location) + 1;
        let object = found.head.map(|head| self.objects.get(head.id));
        written.max(object.map_or(0, crate::object::Object::changed_at))
    }

    /// Makes sure that the next `bytes` of records lie in one batch.
    ///
    /// # Errors
    /// When there is no room for that, or no batch holds so much.
    pub fn make_batch(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.log.make_room(bytes)
    }
}
