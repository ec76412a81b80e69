//! Owns the question whether the disk is late with segments that were emptied, so that more is held than is aimed at, and who waits for it:
//! writers first, then the cleaner too, whose copies are held beside what they were copied from.

use super::{Log, Reached};
use crate::limits::{
    CLEANING_BEHIND_PERMILLE, CLEANING_LATE_PERMILLE, CLEANING_LIVE_PERMILLE,
    CLEANING_SPARE_PART_MAX,
};

/// Who waits for the disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Late {
    pub(crate) writers_wait: bool,
    pub(crate) cleaner_waits: bool,
    /// What had been appended at the last look.
    seen: Reached,
}

impl Log {
    /// As [`Log::look_at_disk`], where somebody waits or something was appended. To be called every turn.
    #[inline]
    pub(crate) fn follow_disk(&mut self) {
        if self.late.writers_wait || self.late.seen != self.reached() {
            self.look_at_disk();
        }
    }

    /// Looks who waits for the disk: more is held than is aimed at, and the disk is late with what was emptied. What it owes comes by
    /// itself, so nobody waits for good; what others keep (a snapshot, a transaction) is not waited for.
    pub(crate) fn look_at_disk(&mut self) {
        let late = self.lateness();
        self.look_at_cleaning |= self.late.cleaner_waits && !late.cleaner_waits;
        self.late = late;
    }

    fn lateness(&self) -> Late {
        let all = (self.segments_max * self.segment_bytes) as u64;
        let live = self.live_total.saturating_mul(1000);
        let is_full = all.saturating_sub(live / CLEANING_LIVE_PERMILLE)
            <= all / CLEANING_SPARE_PART_MAX as u64;
        let seen = self.reached();
        if !is_full {
            return Late { seen, ..Late::default() };
        }
        let held = self.held_bytes();
        let writers_wait = held > live / CLEANING_BEHIND_PERMILLE && self.disk_owes_a_segment();
        let cleaner_waits = writers_wait && held > live / CLEANING_LATE_PERMILLE;
        Late { writers_wait, cleaner_waits, seen }
    }
}
