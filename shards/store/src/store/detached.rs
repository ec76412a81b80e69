//! Owns the indexes of a database that was flushed and objects that are gone, until their records are counted as dead: bounded work a turn.

use super::Store;
use crate::index::{Entry, Index};
use crate::limits::DETACHED_SEGMENTS_A_SLICE;

/// What a flush took out of a database, beside others that stay.
#[derive(Default)]
pub(super) struct Detached {
    segments: Vec<u32>,
    stash: Vec<Entry>,
}

impl Store {
    /// Takes the indexes of a database out. Their records count as live until [`Store::count_detached`] has met them.
    pub(super) fn detach(&mut self, indexes: Vec<Index>) {
        for index in indexes {
            index.take_apart(&mut self.detached.segments, &mut self.detached.stash);
        }
        self.log.look_at_cleaning = true;
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
        self.objects.count_dying(&mut self.log);
        has_some
    }
}
