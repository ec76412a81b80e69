//! Owns the choice: whether cleaning is due, how much of it, and which segment is next.

use super::{Cleaner, Pass};
use crate::limits::{
    CLEANER_RESERVE_SEGMENTS, CLEANING_IDLE_BYTES, CLEANING_LIVE_PERMILLE, CLEANING_PACE_MAX,
    CLEANING_REST_BYTES, CLEANING_SPAN_PART, CLEANING_SPARE_PART_MAX, CLEANING_SPARE_PART_MIN,
    CLEANING_SPARE_SEGMENTS_MIN, CLEANING_WAITING_PART_MAX, SEGMENTS_MAX, SLACK_SEGMENTS,
};
use crate::log::Log;
use crate::segment::{HEADER_BYTES, Segment, State};

/// Dead bytes in so many segments are worth the work: less would be copied from place to place for nothing.
const GAIN_SEGMENTS_MIN: usize = 2;
/// Emptying a segment pays only if at least one part in this many of it is dead.
const GAIN_PART_MIN: u64 = 32;

impl Log {
    /// Segments that can still be filled: ready ones, and those that memory is left for.
    pub(crate) fn spare_segments(&self) -> usize {
        self.segments_max.saturating_sub(self.segments_made()) + self.ready.len()
    }

    /// Spare segments that are kept ready rather than given back.
    pub(crate) fn spare_wanted(&self) -> usize {
        (self.segments_max / CLEANING_SPARE_PART_MAX).max(CLEANING_SPARE_SEGMENTS_MIN)
    }

    /// Bytes that are to be free: so many that what is held is live by the part that is aimed at, within bounds. Little that is
    /// live wants no more of it, and much leaves the cleaner what it cannot do without.
    fn free_wanted(&self) -> u64 {
        let all = (self.segments_max * self.segment_bytes) as u64;
        let least = (CLEANING_SPARE_SEGMENTS_MIN * self.segment_bytes) as u64;
        let aim = all.saturating_sub(self.live_total.saturating_mul(1000) / CLEANING_LIVE_PERMILLE);
        let (low, high) = (all / CLEANING_SPARE_PART_MIN, all / CLEANING_SPARE_PART_MAX as u64);
        // What waits for the disk is still held.
        let waiting = self.waiting_mean.min(all / CLEANING_WAITING_PART_MAX);
        (aim + waiting).clamp(low.max(least), high.max(least))
    }

    /// Bytes of segments that were emptied, or died by themselves, and wait for the disk.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        let waits = |&&slot: &&u32| {
            self.segments[slot as usize].state == State::Freeing || self.is_dead(slot)
        };
        (self.order.iter().filter(waits).count() * self.segment_bytes) as u64
    }

    /// Follows the mean of what waits for the disk, slowly: each segment that is emptied would quicken the cleaner otherwise.
    fn follow_waiting(&mut self, appended: u64) {
        let over = (self.segments_max * self.segment_bytes) as u64 / CLEANING_WAITING_PART_MAX;
        let part = appended.min(over);
        let sum = self.waiting_mean * (over - part) + self.waiting_bytes() * part;
        self.waiting_mean = sum / over;
    }

    /// Bytes that can be filled now or when the disk has caught up.
    fn free_bytes(&self) -> u64 {
        let spare = if self.is_full { self.ready.len() } else { self.spare_segments() };
        (spare * self.segment_bytes + self.left_to_fill()) as u64 + self.waiting_bytes()
    }

    /// Bytes between which the pace goes from nothing to its most: what is wanted lies in the middle.
    fn free_span(&self) -> u64 {
        (self.segments_max / CLEANING_SPAN_PART).max(2) as u64 * self.segment_bytes as u64
    }

    /// Bytes that are to be freed before the cleaner rests.
    fn free_lacking(&self) -> u64 {
        (self.free_wanted() + self.free_span() / 2).saturating_sub(self.free_bytes())
    }

    /// Ready segments that only the cleaner may begin: none, while more can be made.
    pub(crate) fn kept_back(&self) -> usize {
        if self.may_use_reserve || self.segments_made() < self.segments_max {
            0
        } else {
            CLEANER_RESERVE_SEGMENTS
        }
    }

    /// Segments were made, begun or freed, or may be more or fewer than before.
    pub(crate) fn segments_changed(&mut self) {
        self.look_at_cleaning = true;
        self.changes += 1;
        self.has_other_segments();
        self.look_at_disk();
        let free = self.ready.len().saturating_sub(self.kept_back());
        if free * self.segment_bytes > self.demand_bytes {
            self.demand_bytes = 0;
        }
        self.is_tight = self.segments_made() >= self.segments_max
            && self.ready.len() + usize::from(self.can_copy()) < CLEANER_RESERVE_SEGMENTS
            && self.segments_max < SEGMENTS_MAX;
    }

    fn is_short(&self) -> bool {
        self.free_lacking() > 0
    }

    /// The pace, in 1024ths of what is appended, that keeps half of what is held live, beyond a few segments: just what is appended where it
    /// begins, and twice that where as many segments are held again. Nothing below.
    fn waste_pace(&self) -> u64 {
        let slack = (SLACK_SEGMENTS * self.segment_bytes) as u64;
        let held = (self.order.len() * self.segment_bytes) as u64;
        let over = held.saturating_sub(self.waiting_bytes() + 2 * self.live_total + slack);
        if over == 0 { 0 } else { 1024 + 1024 * over / slack }
    }

    /// More than half of what is held is dead, beyond a few segments.
    fn is_wasteful(&self, held: u64, live: u64) -> bool {
        held - live > live + (SLACK_SEGMENTS * self.segment_bytes) as u64
    }

    pub(super) fn find_segment(&self, slot: u32, use_number: u64) -> Option<&Segment> {
        let segment = &self.segments[slot as usize];
        let is_there = !matches!(segment.state, State::Absent | State::Ready);
        (is_there && segment.use_number == use_number).then_some(segment)
    }

    /// Whether the segment is in this use, or being freed from it.
    pub(crate) fn is_in_use(&self, slot: u32, use_number: u64) -> bool {
        self.find_segment(slot, use_number).is_some()
    }

    /// The segment wants more room than is left: others may want less.
    pub(crate) fn pass_over(&mut self, slot: u32) {
        let segment = &mut self.segments[slot as usize];
        segment.passed_over = Some((self.changes, segment.live_bytes));
    }

    /// Whether the segment can be emptied, when it is durable.
    fn is_cleanable(&self, slot: u32) -> bool {
        let segment = &self.segments[slot as usize];
        segment.state == State::Sealed
            && segment.pins == 0
            && !segment.is_spoiled
            && !self.held.blocks(slot, segment.use_number)
            && !self.is_dead(slot)
            && segment.passed_over != Some((self.changes, segment.live_bytes))
            && self.can_take_all_of(slot)
            && segment
                .waits_for
                .is_none_or(|(other, use_number)| self.find_segment(other, use_number).is_none())
    }

    /// Whether all that is live in a sealed segment is so by the word of what is durable: copies may be ahead of what is not.
    fn is_durable(&self, slot: u32) -> bool {
        let segment = &self.segments[slot as usize];
        let end = segment.base_position + segment.filled as u64;
        segment.role.is_copies()
            || end <= self.durable_position() && segment.settled_at <= self.durable_position()
    }

    /// Bytes that a sealed segment takes from others. One that was far from full (a start seals what it finds of copies) takes all of its
    /// memory, however much of what it was filled with is live.
    fn taken_bytes(&self, segment: &Segment) -> u64 {
        let is_full = segment.filled >= self.segment_bytes / 4 * 3;
        if is_full { segment.body_bytes() } else { (self.segment_bytes - HEADER_BYTES) as u64 }
    }

    /// Cost and benefit: what is free in it, and how long it has been as it is, against reading it and writing what is live.
    fn score(&self, slot: u32) -> Option<u64> {
        let segment = &self.segments[slot as usize];
        let filled = self.taken_bytes(segment);
        let used = (segment.live_bytes + segment.anchor_bytes).min(filled);
        let gain = filled - used;
        if gain < filled / GAIN_PART_MIN {
            return None;
        }
        // In 1024ths: 1 - u, and 1 + u.
        let (free, cost) = (gain * 1024 / filled, 1024 + used * 1024 / filled);
        let age = self.appended_position().saturating_sub(segment.base_position)
            / self.segment_bytes as u64
            + 1;
        Some(free.saturating_mul(1024).saturating_mul(age) / cost)
    }
}

impl Cleaner {
    /// Whether there is something to do, as far as it was looked at.
    pub(crate) fn is_due(&self, log: &Log) -> bool {
        self.pass.is_some() && !self.is_stuck || log.look_at_cleaning
    }

    /// Whether it has begun with a segment.
    #[cfg(test)]
    pub(crate) fn holds_on(&self) -> bool {
        self.pass.is_some()
    }

    /// Whether segments are to be emptied: looks at all of them.
    pub(super) fn is_wanted(&self, log: &Log) -> bool {
        let (mut held, mut used) = (0, 0);
        for &slot in &log.order {
            let segment = &log.segments[slot as usize];
            if segment.state == State::Sealed {
                let body = log.taken_bytes(segment);
                held += body;
                used += (segment.live_bytes + segment.anchor_bytes).min(body);
            }
        }
        let gain_min = (GAIN_SEGMENTS_MIN * log.segment_bytes) as u64;
        let gain = held - used;
        // While somebody waits for room, even little is worth it: what is copied fills the room between.
        let is_worth_it = gain >= gain_min || log.demand_bytes > 0 && gain > 0;
        self.is_eager && gain > 0
            || log.is_short() && is_worth_it
            || log.is_wasteful(held, used)
            || log.is_loose(held, used)
    }

    /// Works out how many bytes of segments are to be looked through: as many as were appended, where what is free is just what is
    /// wanted; fewer or more where it is not; a little when nothing is written, and all that a slice can do while somebody waits for room.
    pub(super) fn set_pace(&mut self, log: &mut Log) {
        // What was copied too: it takes room as well.
        let reached = log.reached();
        let end = reached.log + reached.copies;
        let appended = end - self.seen.min(end);
        self.seen = end;
        if log.demand_bytes > 0 || self.is_eager {
            self.owed = u64::MAX;
            return;
        }
        let carried = if self.owed > log.segment_bytes as u64 { 0 } else { self.owed };
        if log.is_resting() {
            self.owed = carried.max(CLEANING_REST_BYTES);
            return;
        }
        if appended == 0 {
            self.owed = carried.max(CLEANING_IDLE_BYTES);
            return;
        }
        log.follow_waiting(appended);
        let lacking = log.free_lacking();
        // At a lack of half the span what is freed is what is written.
        let pace = (2048 * lacking / log.free_span()).max(log.waste_pace());
        let pace = pace.min(1024 * CLEANING_PACE_MAX);
        self.owed = (carried + appended * pace / 1024).min(log.segment_bytes as u64);
    }

    /// Begins with the segment that is best emptied now.
    pub(super) fn begin(&mut self, log: &mut Log) -> bool {
        let mut waits = false;
        let mut may_begin = |slot: u32| {
            let is_cleanable = log.is_cleanable(slot);
            let is_durable = is_cleanable && log.is_durable(slot);
            waits |= is_cleanable && !is_durable;
            is_durable
        };
        let first = self.first.take().filter(|&slot| may_begin(slot));
        let best = first.or_else(|| {
            let scored = log.order.iter().filter(|&&slot| may_begin(slot));
            let scored = scored.filter_map(|&slot| Some((log.score(slot)?, slot)));
            scored.max_by_key(|&(score, _)| score).map(|(_, slot)| slot)
        });
        log.sources_wait = best.is_none() && waits;
        self.pass = best.map(|slot| Pass {
            slot,
            use_number: log.segments[slot as usize].use_number,
            walk: log.held.resume(slot, log.segments[slot as usize].use_number),
        });
        self.pass.is_some()
    }
}
