//! Owns the question of room: what still fits, how many segments should be made ready, and what is kept back.

use super::{Log, Room, SEAL_BYTES};
use crate::batch::BATCH_HEAD_BYTES;
use crate::error::StoreError;
use crate::limits::{
    CLEANER_RESERVE_SEGMENTS, FULL_RESERVE_PART, OVER_LIMIT_PART, RECORD_PART_OF_SEGMENT,
    SEGMENTS_MAX,
};
use crate::segment::{HEADER_BYTES, Segment, State};
use hyperion_model::limits::RECORD_VALUE_BYTES_MAX;

impl Log {
    /// The longest value that lies in one record here.
    pub(crate) fn record_value_bytes_max(&self) -> usize {
        RECORD_VALUE_BYTES_MAX.min(self.segment_bytes / RECORD_PART_OF_SEGMENT)
    }

    /// The most bytes that one batch can hold.
    pub(crate) fn batch_bytes_max(&self) -> usize {
        self.segment_bytes - HEADER_BYTES - 2 * BATCH_HEAD_BYTES - SEAL_BYTES
    }

    /// Bytes of records that the segment in use still takes, what is kept back too.
    pub(super) fn left_in_active(&self) -> usize {
        let Some(slot) = self.active else { return 0 };
        let head = if self.open.is_none() { BATCH_HEAD_BYTES } else { 0 };
        let used = self.segments[slot as usize].filled + head;
        (self.segment_bytes - SEAL_BYTES).saturating_sub(used)
    }

    /// Bytes of the segment in use that are left for deletions while it is not known that another can follow.
    fn kept_back_in_active(&self) -> usize {
        // That none can be made is told only after it was tried: whoever writes in the meantime must leave them too.
        if self.ready.is_empty() { self.kept_for_deletions() } else { 0 }
    }

    /// Bytes of the last segment that whoever asks now may not use.
    fn kept_for_deletions(&self) -> usize {
        if self.is_cleaning {
            self.kept_from_cleaner()
        } else if self.may_use_reserve {
            0
        } else {
            self.segment_bytes / FULL_RESERVE_PART
        }
    }

    /// What the cleaner leaves of it: half, where another segment may never come.
    fn kept_from_cleaner(&self) -> usize {
        if self.another_may_fail() { self.segment_bytes / FULL_RESERVE_PART / 2 } else { 0 }
    }

    /// Whether the next segment is to be made, which a full disk would not allow; at the limit of memory only what was freed is used.
    fn another_may_fail(&self) -> bool {
        self.is_full || self.segments_made() < self.segments_max
    }

    /// Whether the cleaner may begin a segment of copies: not the last one while deletions would find no room in the one in use.
    pub(super) fn may_begin_copies(&self) -> bool {
        let has_room = self.left_in_active() >= self.segment_bytes / FULL_RESERVE_PART;
        self.ready.len() > self.kept_back()
            && (self.ready.len() > 1 || has_room || !self.another_may_fail())
    }

    /// Whether a batch with so many bytes finds room in the next segment, of those that may be begun.
    pub(super) fn fits_next(&self, bytes: usize) -> bool {
        let ready = self.ready.len().saturating_sub(self.kept_back());
        let kept = if self.ready.len() == 1 { self.kept_for_deletions() } else { 0 };
        ready > 0 && bytes + kept <= self.batch_bytes_max()
    }

    /// Bytes of the segment in use that were not written, what its end takes too.
    pub(crate) fn left_to_fill(&self) -> usize {
        self.active.map_or(0, |slot| self.segment_bytes - self.segments[slot as usize].filled)
    }

    pub(super) fn fits_active(&self, bytes: usize) -> bool {
        self.active.is_some()
            && bytes <= self.left_in_active().saturating_sub(self.kept_back_in_active())
    }

    /// Whether the cleaner can empty the segment: where none is ready, all that is live in it must fit beside what deletions want. Half of it
    /// copied would have taken their room for nothing.
    pub(crate) fn can_take_all_of(&self, slot: u32) -> bool {
        if !self.ready.is_empty() {
            return true;
        }
        let segment = &self.segments[slot as usize];
        let left =
            self.left_beside() + self.left_in_active().saturating_sub(self.kept_from_cleaner());
        segment.live_bytes + segment.anchor_bytes <= left as u64
    }

    /// Whether `bytes` of records, spread over as many batches as it takes, can be written now.
    pub(crate) fn room(&mut self, bytes: usize) -> Room {
        let is_tight = self.is_tight && !self.may_use_reserve;
        let is_behind = self.late.writers_wait && !self.may_use_reserve;
        if self.fits_active(bytes) && !is_tight && !is_behind {
            return Room::Now;
        }
        if is_behind {
            return Room::Later;
        }
        let part =
            self.batch_bytes_max() - self.segment_bytes / RECORD_PART_OF_SEGMENT - BATCH_HEAD_BYTES;
        let kept_back = self.kept_back();
        // The last of those that are ready would be one that may have none behind it.
        let in_last = if kept_back == 0 { self.kept_for_deletions() } else { 0 };
        let segments_needed = (bytes + in_last).div_ceil(part);
        if !is_tight && segments_needed + kept_back <= self.ready.len() {
            Room::Now
        } else {
            self.look_at_cleaning |= self.demand_bytes == 0;
            self.demand_bytes = self.demand_bytes.max(bytes);
            Room::Later
        }
    }

    /// Whether so much can be written now, before some of it is: who writes a part again with each try uses up what was made ready for the whole.
    ///
    /// # Errors
    /// When there is no room; as much is wanted then.
    pub(crate) fn has_room(&mut self, bytes: usize) -> Result<(), StoreError> {
        match self.room(bytes) {
            Room::Now => Ok(()),
            Room::Later => Err(StoreError::NoRoom { bytes }),
        }
    }

    /// Segments that the caller should make ready.
    pub(crate) fn segments_wanted(&self) -> usize {
        let part =
            self.batch_bytes_max() - self.segment_bytes / RECORD_PART_OF_SEGMENT - BATCH_HEAD_BYTES;
        // One for the log, and one for what is copied beside it.
        let target = 1 + self.copy_heads() + self.demand_bytes.div_ceil(part);
        let segments_max = (self.segments_max + self.extra_segments()).min(SEGMENTS_MAX);
        let left = segments_max.saturating_sub(self.segments_made());
        target.saturating_sub(self.ready.len()).min(left)
    }

    /// Segments beyond those that may be. Where all that is ready was used up, a few: what lets records die must go on. Where more than those are
    /// held, since what lies beside the log has grown meanwhile, one at a time, as long as none is about to come back.
    fn extra_segments(&self) -> usize {
        if !self.is_tight {
            return 0;
        }
        let over = (self.segments_made() + 1).saturating_sub(self.segments_max);
        if over <= CLEANER_RESERVE_SEGMENTS || !self.ready.is_empty() || self.waiting_bytes() > 0 {
            return CLEANER_RESERVE_SEGMENTS;
        }
        over.min(CLEANER_RESERVE_SEGMENTS + self.segments_max / OVER_LIMIT_PART)
    }

    /// Segments that have memory.
    pub(crate) fn segments_made(&self) -> usize {
        self.segments.iter().filter(|segment| segment.state != State::Absent).count()
    }

    /// Takes a segment, zeroed or left over, whose file (if any) is `segment_bytes` long.
    pub(crate) fn add_ready(&mut self, id: u64, memory: &'static mut [u8]) -> u32 {
        let slot = self.add_slot(id, memory);
        self.ready.push_back(slot);
        self.segments_changed();
        slot
    }

    pub(crate) fn add_slot(&mut self, id: u64, memory: &'static mut [u8]) -> u32 {
        assert_eq!(
            memory.len(),
            self.segment_bytes,
            "segment {id} has another size than the log's"
        );
        let segment = Segment::new(id, memory);
        let absent = self.segments.iter().position(|segment| segment.state == State::Absent);
        let slot = absent.unwrap_or(self.segments.len());
        assert!(slot < SEGMENTS_MAX, "more than {SEGMENTS_MAX} segments");
        if absent.is_some() {
            self.segments[slot] = segment;
        } else {
            self.segments.push(segment);
        }
        u32::try_from(slot).expect("below SEGMENTS_MAX")
    }
}
