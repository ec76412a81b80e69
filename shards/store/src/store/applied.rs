//! Owns the names of keys that changed because an entry of their group took effect, whoever made it: kept while somebody wants to hear of them.

use super::Store;
use crate::limits::APPLIED_KEYS_MAX;
use hyperion_model::DatabaseId;

/// The keys since they were last asked for.
#[derive(Debug, Default)]
pub(crate) struct AppliedKeys {
    is_kept: bool,
    keys: Vec<Vec<u8>>,
    /// They were too many to name, or keys went that nobody names.
    are_all: bool,
}

impl Store {
    /// Whether names of keys that entries change are kept from now on, for [`Store::take_applied`].
    pub fn keep_applied(&mut self, is_kept: bool) {
        self.applied = AppliedKeys { is_kept, ..AppliedKeys::default() };
    }

    /// Whether entries have changed keys.
    #[inline]
    #[must_use]
    pub fn has_applied(&self) -> bool {
        self.applied.are_all || !self.applied.keys.is_empty()
    }

    /// The keys that entries have changed since the last call, of whatever database, in order; `None`: any may have changed.
    pub fn take_applied(&mut self) -> Option<Vec<Vec<u8>>> {
        let keys = std::mem::take(&mut self.applied.keys);
        (!std::mem::take(&mut self.applied.are_all)).then_some(keys)
    }

    /// An entry changes a key.
    #[inline]
    pub(crate) fn note_applied(&mut self, database: DatabaseId, key: &[u8]) {
        if self.applied.is_kept {
            self.applied.note(database, key);
        }
    }

    /// Whether names are kept.
    #[inline]
    pub(crate) fn keeps_applied(&self) -> bool {
        self.applied.is_kept
    }

    /// Keys change that nobody names.
    pub(crate) fn note_applied_all(&mut self) {
        if self.applied.is_kept {
            (self.applied.keys, self.applied.are_all) = (Vec::new(), true);
        }
    }
}

impl AppliedKeys {
    #[cold]
    fn note(&mut self, database: DatabaseId, key: &[u8]) {
        if database == DatabaseId::HIDDEN || self.are_all {
            return;
        }
        if self.keys.len() == APPLIED_KEYS_MAX {
            (self.keys, self.are_all) = (Vec::new(), true);
            return;
        }
        self.keys.push(key.to_vec());
    }
}
