//! Owns the indexes of a database that was flushed and objects that are gone, until their records are counted as dead: bounded work a turn.

use super::Store;
use crate::index::{Entry, Index};
use crate::limits::DETACHED_SEGMENTS_A_SLICE;

/// What a flush took out of a database, beside others that stay.
#[derive(Default)]
pub(super) struct Detached {
    segments: Vec<u32>,
    stash: Vec<Entry>,
    /// What a flush took out of one partition, with its database, whose keys that expire are still counted.
    parts: Vec<(usize, u32)>,
    parts_stash: Vec<(usize, Entry)>,
}

impl Store {
    /// Takes the indexes of a database out. Their records count as live until [`Store::count_detached`] has met them.
    pub(super) fn detach(&mut self, indexes: Vec<Index>) {
        for index in indexes {
            index.take_apart(&mut self.detached.segments, &mut self.detached.stash);
        }
        self.log.look_at_cleaning = true;
    }

    /// As [`Store::detach`], for one partition of a database.
    pub(crate) fn detach_part(&mut self, database: usize, index: Index) {
        let (mut segments, mut stash) = (Vec::new(), Vec::new());
        index.take_apart(&mut segments, &mut stash);
        self.detached.parts.extend(segments.into_iter().map(|id| (database, id)));
        self.detached.parts_stash.extend(stash.into_iter().map(|entry| (database, entry)));
        self.log.look_at_cleaning = true;
    }

    /// These databases are flushed, and nothing of them is counted any more.
    pub(super) fn rejoin_detached(&mut self, databases: std::ops::Range<usize>) {
        let parts = self.detached.parts.extract_if(.., |part| databases.contains(&part.0));
        self.detached.segments.extend(parts.map(|(_, id)| id));
        let parts = self.detached.parts_stash.extract_if(.., |part| databases.contains(&part.0));
        self.detached.stash.extend(parts.map(|(_, entry)| entry));
    }

    /// All records are dead: there is nothing to count.
    pub(super) fn forget_detached(&mut self) {
        for id in std::mem::take(&mut self.detached.segments) {
            self.pool.release(id);
        }
        self.detached.stash.clear();
    }

    /// Whether records wait to be counted as dead. Until then nothing may be emptied.
    pub(crate) fn has_detached(&self) -> bool {
        !self.detached.segments.is_empty()
            || !self.detached.stash.is_empty()
            || !self.detached.parts.is_empty()
            || !self.detached.parts_stash.is_empty()
            || self.objects.has_dying()
    }

    /// Counts a slice of them. `false`: there was nothing to do.
    pub(crate) fn count_detached(&mut self) -> bool {
        let has_some = self.has_detached();
        let mut entries = std::mem::take(&mut self.detached.stash);
        let from = self.detached.segments.len().saturating_sub(DETACHED_SEGMENTS_A_SLICE);
        for id in self.detached.segments.split_off(from) {
            self.pool.entries_of(id, &mut entries);
            self.pool.release(id);
        }
        entries.into_iter().for_each(|entry| self.count_dead(entry, None));
        let mut parts = std::mem::take(&mut self.detached.parts_stash);
        let from = self.detached.parts.len().saturating_sub(DETACHED_SEGMENTS_A_SLICE);
        for (database, id) in self.detached.parts.split_off(from) {
            let mut entries = Vec::new();
            self.pool.entries_of(id, &mut entries);
            parts.extend(entries.into_iter().map(|entry| (database, entry)));
            self.pool.release(id);
        }
        parts.into_iter().for_each(|(database, entry)| self.retire(database, entry, None));
        self.objects.count_dying(&mut self.log);
        has_some
    }
}
