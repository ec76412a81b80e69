//! Owns the names of keys that change, for those who keep copies of their values: told once the log has released the change.

use crate::limits::{CHANGE_BYTES_MAX, CHANGES_MAX};
use hyperion_model::TransactionId;
use std::collections::{BTreeMap, VecDeque};

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key: it was written, has expired, was evicted or deleted.
    Key {
        /// The key, of whatever database.
        key: Vec<u8>,
        /// Whose command it was, where one client's was it.
        by: Option<(u16, u64)>,
        /// Where in the core's log it is; 0: nobody knows any more.
        position: u64,
    },
    /// Anything: keys were flushed, or too many have changed to name them.
    All,
    /// This core's keys were flushed by that command, which flushes those of all cores.
    Flushed(TransactionId),
    /// That command is done: so many cores, all that have keys of which copies are kept, tell that theirs were flushed.
    AllFlushed(TransactionId, usize),
}

/// Changes that wait for the log, in order.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    is_on: bool,
    /// Partitions are groups: what their entries change is told, and not what commands do.
    by_entries: bool,
    waiting: VecDeque<(u64, Change)>,
    bytes: usize,
    /// Keys that commands of the unit under way write.
    open: Vec<Vec<u8>>,
    /// Whose unit it is.
    pub(crate) open_by: Option<(u16, u64)>,
    /// They were too many to name.
    is_open_all: bool,
    /// Keys whose changes a transaction over several cores has prepared here.
    prepared: BTreeMap<TransactionId, Vec<Vec<u8>>>,
}

impl Changes {
    /// Whether they are told.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Whether what commands do is to be noted.
    #[inline]
    pub(crate) fn notes_commands(&self) -> bool {
        self.is_on && !self.by_entries
    }

    /// From now on they are told, or not. `false`: they were so before.
    pub(crate) fn turn(&mut self, is_on: bool, by_entries: bool) -> bool {
        if (self.is_on, self.by_entries) == (is_on, by_entries) {
            return false;
        }
        let was_on = self.is_on;
        self.note_all(0);
        self.waiting.pop_back();
        let waiting = std::mem::take(&mut self.waiting);
        *self = Self { is_on, by_entries, waiting, ..Self::default() };
        if was_on && is_on {
            // What was noted the other way is not told any more.
            self.note_all(0);
        }
        true
    }

    /// A key changes with what is at `position`. Where too many wait, all may have changed.
    pub(crate) fn note(&mut self, position: u64, key: Vec<u8>, by: Option<(u16, u64)>) {
        if self.waiting.len() >= CHANGES_MAX || self.bytes >= CHANGE_BYTES_MAX {
            return self.note_all(position);
        }
        self.bytes += key.len();
        self.waiting.push_back((position, Change::Key { key, by, position }));
    }

    /// A command of the unit under way writes a key.
    pub(crate) fn note_open(&mut self, key: &[u8]) {
        if self.open.len() >= CHANGES_MAX {
            (self.open, self.is_open_all) = (Vec::new(), true);
        }
        if !self.is_open_all {
            self.open.push(key.to_vec());
        }
    }

    /// The unit of a client, if it is one client's, has ended: what it wrote lies before `position`.
    pub(crate) fn seal_open(&mut self, position: u64, by: Option<(u16, u64)>) {
        if std::mem::take(&mut self.is_open_all) {
            self.note_all(position);
        }
        for key in std::mem::take(&mut self.open) {
            self.note(position, key, by.or(self.open_by));
        }
    }

    /// The unit has changed nothing.
    pub(crate) fn drop_open(&mut self) {
        (self.open, self.is_open_all) = (Vec::new(), false);
    }

    pub(crate) fn note_all(&mut self, position: u64) {
        self.bytes = 0;
        // Who hears of flushes counts their words.
        let is_word =
            |change: &Change| matches!(change, Change::Flushed(_) | Change::AllFlushed(..));
        self.waiting.retain(|(_, change)| is_word(change));
        self.waiting.push_back((position, Change::All));
    }

    /// Notes a word about a flush of all cores.
    pub(crate) fn note_flush(&mut self, position: u64, word: Change) {
        self.waiting.push_back((position, word));
    }

    pub(crate) fn prepared(&mut self, id: TransactionId, keys: impl Iterator<Item = Vec<u8>>) {
        if self.notes_commands() {
            self.prepared.insert(id, keys.collect());
        }
    }

    /// A transaction has ended here; `position`: its changes took effect with what is there.
    pub(crate) fn ended(&mut self, id: TransactionId, position: Option<u64>) {
        let Some(keys) = self.prepared.remove(&id) else { return };
        if let Some(position) = position {
            keys.into_iter().for_each(|key| self.note(position, key, None));
        }
    }

    #[inline]
    pub(crate) fn has_some(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn next(&mut self, released: u64) -> Option<Change> {
        let (_, change) = self.waiting.pop_front_if(|(position, _)| *position <= released)?;
        if let Change::Key { key, .. } = &change {
            self.bytes -= key.len();
        }
        Some(change)
    }
}
