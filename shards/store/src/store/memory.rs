//! Owns how much memory the data takes, and how much it may take of what there is.

use super::Store;
use crate::limits::{
    LIVE_PERCENT_MAX, LIVE_RESERVE_SEGMENTS, LIVE_SEALED_PERCENT_MAX, SEGMENTS_MIN,
    TOMBSTONES_PART_MAX,
};

/// The most bytes of live records in so many segments.
fn live_bytes_max(segments: u64, segment_bytes: u64, tombstone_bytes: u64) -> u64 {
    let all = segments.max(SEGMENTS_MIN as u64) * segment_bytes;
    let sealed = all - LIVE_RESERVE_SEGMENTS * segment_bytes;
    let most = (all / 100 * LIVE_PERCENT_MAX).min(sealed / 100 * LIVE_SEALED_PERCENT_MAX);
    most - tombstone_bytes.min(most / TOMBSTONES_PART_MAX)
}

/// The fewest segments in which these records are within the limit.
fn segments_needed(live_bytes: u64, segment_bytes: u64, tombstone_bytes: u64) -> u64 {
    let fits = |segments| live_bytes <= live_bytes_max(segments, segment_bytes, tombstone_bytes);
    let least = SEGMENTS_MIN as u64;
    // With tombstones at their most they are enough, whatever is rounded.
    let kept = LIVE_PERCENT_MAX * (TOMBSTONES_PART_MAX - 1);
    let enough = live_bytes / segment_bytes * 100 * TOMBSTONES_PART_MAX / kept + least;
    debug_assert!(fits(enough), "{live_bytes} bytes are not within the limit of {enough} segments");
    let (mut low, mut high) = (least, enough);
    while low < high {
        let middle = low.midpoint(high);
        if fits(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

impl Store {
    /// Bytes of live records, and of those in entries that did not take effect.
    #[inline]
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        self.log.live_total - self.objects.dying_bytes() + self.replicated.pending_bytes()
    }

    /// The most bytes of live records with `memory_bytes` for indexes and segments.
    #[inline]
    #[must_use]
    pub fn live_bytes_max(&self, memory_bytes: u64) -> u64 {
        let segment_bytes = self.log.segment_bytes as u64;
        let segments = memory_bytes.saturating_sub(self.bytes_beside()) / segment_bytes;
        live_bytes_max(segments, segment_bytes, self.tombstone_bytes)
    }

    /// What the data takes of the memory limit: what lies beside the segments, and live records with the slack that the cleaner needs beside them.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.bytes_beside() + self.live_bytes() * 100 / LIVE_PERCENT_MAX
    }

    /// What lies beside the segments: indexes, what objects keep on the heap, and the cleaner's filters of what segments hold.
    #[must_use]
    pub fn bytes_beside(&self) -> u64 {
        self.pool.bytes()
            + self.objects.heap_bytes()
            + self.log.filter_bytes
            + self.replicated.heap_bytes()
    }

    /// The least memory with which all that is live is within the limit: [`Store::live_bytes_max`] the other way round, exactly. A core
    /// that has evicted down to its limit must not seem to need more than it has.
    #[must_use]
    pub fn memory_bytes_needed(&self) -> u64 {
        self.memory_bytes_for(self.live_bytes())
    }

    /// The same for as many bytes of live records.
    #[must_use]
    pub fn memory_bytes_for(&self, live_bytes: u64) -> u64 {
        let segment_bytes = self.log.segment_bytes as u64;
        let segments = segments_needed(live_bytes, segment_bytes, self.tombstone_bytes);
        self.bytes_beside() + segments * segment_bytes
    }

    /// Counts the tombstones anew, which take memory until the cleaner may drop them. To be called from time to time.
    pub fn count_tombstones(&mut self) {
        let segments = self.log.order.iter().map(|&slot| &self.log.segments[slot as usize]);
        self.tombstone_bytes = segments.map(|segment| segment.anchor_bytes).sum();
    }
}
