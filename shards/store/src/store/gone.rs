//! Owns the names of keys that went by themselves, because they expired or were evicted: kept while somebody wants to hear of them.

use super::Store;
use crate::limits::GONE_KEYS_MAX;
use hyperion_model::DatabaseId;

/// Why a key went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneWhy {
    /// Its time was over.
    Expired,
    /// Memory was short.
    Evicted,
}

/// A key that went by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Why.
    pub why: GoneWhy,
    /// Its database.
    pub database: DatabaseId,
    /// The key.
    pub key: Vec<u8>,
}

/// The keys since they were last asked for.
#[derive(Debug, Default)]
pub(crate) struct GoneKeys {
    is_kept: bool,
    keys: Vec<Gone>,
    /// Some were not kept, because nobody asked for long.
    dropped: u64,
}

impl Store {
    /// Whether names of keys that go by themselves are kept from now on, for [`Store::take_gone`].
    pub fn keep_gone(&mut self, is_kept: bool) {
        self.gone.is_kept = is_kept;
        if !is_kept {
            self.gone.keys = Vec::new();
        }
    }

    /// Whether some keys have gone by themselves.
    #[inline]
    #[must_use]
    pub fn has_gone(&self) -> bool {
        !self.gone.keys.is_empty()
    }

    /// The keys that went by themselves since the last call, in order, and how many more did that were not kept.
    pub fn take_gone(&mut self) -> (Vec<Gone>, u64) {
        (std::mem::take(&mut self.gone.keys), std::mem::take(&mut self.gone.dropped))
    }

    /// A key goes by itself.
    #[inline]
    pub(crate) fn note_gone(&mut self, why: GoneWhy, database: DatabaseId, key: &[u8]) {
        if self.gone.is_kept {
            self.gone.note(why, database, key);
        }
    }
}

impl GoneKeys {
    #[cold]
    fn note(&mut self, why: GoneWhy, database: DatabaseId, key: &[u8]) {
        if database == DatabaseId::HIDDEN {
            return;
        }
        if self.keys.len() == GONE_KEYS_MAX {
            self.dropped += 1;
            return;
        }
        self.keys.push(Gone { why, database, key: key.to_vec() });
    }
}
