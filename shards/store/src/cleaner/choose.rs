//! Owns the choice: whether cleaning is due, how much of it, and which segment is next.

use super::{Cleaner, Pass, Walk};
use crate::limits::{
    CLEANER_RESERVE_SEGMENTS, CLEANING_SPARE_PART, CLEANING_SPARE_SEGMENTS_MIN, SEGMENTS_MAX,
    SLACK_SEGMENTS, SLICE_COST_MAX, SLICE_COST_MIN,
};
use crate::log::Log;
use crate::segment::{Segment, State};

/// Dead bytes in so many segments are worth the work: less would be copied from place to place for nothing.
const GAIN_SEGMENTS_MIN: usize = 2;
/// Emptying a segment pays only if at least one part in this many of it is dead.
const GAIN_PART_MIN: u64 = 32;

impl Log {
    /// Segments that can still be filled: ready ones, and those that memory is left for.
    pub(crate) fn spare_segments(&self) -> usize {
        self.segments_max.saturating_sub(self.segments_made()) + self.ready.len()
    }

    /// Spare segments below which the cleaner works.
    pub(crate) fn spare_wanted(&self) -> usize {
        (self.segments_max / CLEANING_SPARE_PART).max(CLEANING_SPARE_SEGMENTS_MIN)
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
        let free = self.ready.len().saturating_sub(self.kept_back());
        if free * self.segment_bytes > self.demand_bytes {
            self.demand_bytes = 0;
        }
        self.is_tight = self.segments_made() >= self.segments_max
            && self.ready.len() < CLEANER_RESERVE_SEGMENTS
            && self.segments_max < SEGMENTS_MAX;
    }

    fn is_short(&self) -> bool {
        let spare = if self.is_full { self.ready.len() } else { self.spare_segments() };
        spare < self.spare_wanted()
    }

    /// More than half of what is held is dead, beyond a few segments.
    fn is_wasteful(&self, held: u64, live: u64) -> bool {
        held - live > live + (SLACK_SEGMENTS * self.segment_bytes) as u64
    }

    pub(super) fn find_segment(&self, slot: u32, base_lsn: u64) -> Option<&Segment> {
        let segment = &self.segments[slot as usize];
        let is_it =
            segment.base_lsn == base_lsn && !matches!(segment.state, State::Absent | State::Ready);
        is_it.then_some(segment)
    }

    /// Whether the segment can be emptied now.
    fn is_cleanable(&self, slot: u32, is_oldest: bool) -> bool {
        let segment = &self.segments[slot as usize];
        segment.state == State::Sealed
            && segment.pins == 0
            && !segment.is_spoiled
            && !self.is_dead(slot, is_oldest)
            && segment
                .waits_for
                .is_none_or(|(other, base_lsn)| self.find_segment(other, base_lsn).is_none())
    }

    /// Cost and benefit: what is free in it, and how long it has been as it is, against reading it and writing what is live.
    fn score(&self, slot: u32) -> Option<u64> {
        let segment = &self.segments[slot as usize];
        let filled = segment.body_bytes();
        let used = (segment.live_bytes + segment.anchor_bytes).min(filled);
        let gain = filled - used;
        if gain < filled / GAIN_PART_MIN {
            return None;
        }
        // In 1024ths: 1 - u, and 1 + u.
        let (free, cost) = (gain * 1024 / filled, 1024 + used * 1024 / filled);
        let age =
            (self.appended_position() - segment.base_position) / self.segment_bytes as u64 + 1;
        Some(free.saturating_mul(1024).saturating_mul(age) / cost)
    }
}

impl Cleaner {
    /// Whether there is something to do, as far as it was looked at.
    pub(crate) fn is_due(&self, log: &Log) -> bool {
        self.pass.is_some() && !self.is_stuck || log.look_at_cleaning
    }

    /// Whether segments are to be emptied: looks at all of them.
    pub(super) fn is_wanted(&self, log: &Log) -> bool {
        let (mut held, mut used) = (0, 0);
        for &slot in &log.order {
            let segment = &log.segments[slot as usize];
            if segment.state == State::Sealed {
                let body = segment.body_bytes();
                held += body;
                used += (segment.live_bytes + segment.anchor_bytes).min(body);
            }
        }
        let gain_min = (GAIN_SEGMENTS_MIN * log.segment_bytes) as u64;
        let gain = held - used;
        // While somebody waits for room, even little is worth it: what is copied fills the room between.
        let is_worth_it = gain >= gain_min || log.demand_bytes > 0 && gain > 0;
        self.is_eager && gain > 0 || log.is_short() && is_worth_it || log.is_wasteful(held, used)
    }

    /// What the next slice may cost: by how short space is, and how much was written since the last one.
    pub(super) fn slice_cost(&mut self, log: &Log) -> u64 {
        let written = log.appended_position() - self.seen.min(log.appended_position());
        self.seen = log.appended_position();
        if written == 0 {
            return SLICE_COST_MAX;
        }
        let (spare, wanted) = (log.spare_segments() as u64, log.spare_wanted() as u64);
        let missing = wanted.saturating_sub(spare);
        // A byte written is about a nanosecond of copying; the shorter space is, the more bytes are cleaned for each.
        let factor = 1 + 24 * missing / wanted;
        (written * factor).clamp(SLICE_COST_MIN, SLICE_COST_MAX)
    }

    /// Begins with the segment that is best emptied now.
    pub(super) fn begin(&mut self, log: &Log) -> bool {
        let oldest = log.order.front().copied();
        let is_cleanable = |slot: u32| log.is_cleanable(slot, oldest == Some(slot));
        let first = self.first.take().filter(|&slot| is_cleanable(slot));
        let best = first.or_else(|| {
            let scored = log.order.iter().filter(|&&slot| is_cleanable(slot));
            let scored = scored.filter_map(|&slot| Some((log.score(slot)?, slot)));
            scored.max_by_key(|&(score, _)| score).map(|(_, slot)| slot)
        });
        self.pass = best.map(|slot| Pass {
            slot,
            base_lsn: log.segments[slot as usize].base_lsn,
            walk: Walk::start(),
        });
        self.pass.is_some()
    }
}
