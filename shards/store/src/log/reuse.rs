//! Owns the end of a segment's life: when it is dead, and what must be durable before its bytes are used again.

//!
//! A segment is freed when nothing in it counts any more, and when a durable batch tells (by its durable lag) that all of the
//! segment had been durable. By that word recovery knows a segment that was freed from one that never reached the disk: both
//! leave a hole in the LSNs, but the second ends the log.

use super::{Log, Reached, SEAL_BATCH_BYTES, SEAL_BYTES};
use crate::batch::{BATCH_HEAD_BYTES, BatchKind};
use crate::limits::{CLEANER_RESERVE_SEGMENTS, READY_SEGMENTS_MAX};
use crate::segment::{Header, HeaderState, State};

/// Bytes of a batch with one empty mark.
const TELL_BYTES: usize = BATCH_HEAD_BYTES + 8;
const _: () = assert!(TELL_BYTES + SEAL_BATCH_BYTES <= SEAL_BYTES, "one word fits before the seal");

impl Log {
    /// Counts a record that something points at.
    pub(crate) fn add_live(&mut self, location: u64, size: usize) {
        let (slot, _) = self.place(location);
        self.segments[slot].live_bytes += size as u64;
        self.live_total += size as u64;
    }

    /// Counts a record that nothing points at any more.
    pub(crate) fn remove_live(&mut self, location: u64) {
        self.remove_live_bytes(location, self.record(location).size);
    }

    /// As [`Log::remove_live`], for a record whose size is known.
    pub(crate) fn remove_live_bytes(&mut self, location: u64, size: usize) {
        let size = size as u64;
        let (slot, _) = self.place(location);
        let reached = self.reached();
        let segment = &mut self.segments[slot];
        assert!(
            segment.live_bytes >= size,
            "segment {} has {} live bytes, less than {size}",
            segment.id,
            segment.live_bytes
        );
        segment.live_bytes -= size;
        self.live_total -= size;
        segment.died_at = reached;
        self.look_at_dead |= segment.live_bytes == 0;
    }

    /// Counts a record that older segments depend on.
    pub(crate) fn add_anchor(&mut self, location: u64) {
        let record = self.record(location);
        let weight = if record.moved_lsn.is_some() { record.size } else { record.size / 2 };
        let (slot, _) = self.place(location);
        let segment = &mut self.segments[slot];
        segment.anchors += 1;
        segment.anchor_bytes += weight as u64;
    }

    /// Holds the segment of `location` for a transaction.
    pub(crate) fn pin(&mut self, location: u64) {
        let (slot, _) = self.place(location);
        self.segments[slot].pins += 1;
    }

    /// Lets the segment of `location` go.
    pub(crate) fn unpin(&mut self, location: u64) {
        let (slot, _) = self.place(location);
        let reached = self.reached();
        let segment = &mut self.segments[slot];
        segment.pins = segment.pins.checked_sub(1).expect("a pin is taken off once");
        // The word that ends the transaction must be durable before what it is about goes.
        segment.died_at = reached;
        segment.settled_at = reached.log;
        self.look_at_dead |= segment.pins == 0;
    }

    /// No record of any segment is pointed at any more; records about transactions stay.
    pub(crate) fn all_died(&mut self) {
        let reached = self.reached();
        self.live_total = 0;
        self.look_at_dead = true;
        for &slot in &self.order {
            let segment = &mut self.segments[slot as usize];
            segment.live_bytes = 0;
            segment.died_at = reached;
        }
    }

    pub(crate) fn is_dead(&self, slot: u32) -> bool {
        let segment = &self.segments[slot as usize];
        segment.state == State::Sealed
            && segment.live_bytes == 0
            && segment.pins == 0
            && (segment.anchors == 0 || self.is_oldest(slot))
    }

    /// Whether no other segment holds what is older than the last record of this one.
    fn is_oldest(&self, slot: u32) -> bool {
        self.before(slot, u64::MAX).next().is_none()
    }

    /// Whether a dead segment waits for a sync. Asked every turn: all are looked at only while one waits, or behind what can let
    /// one die.
    pub(super) fn reuse_waits_for_sync(&mut self) -> bool {
        self.look_at_dead = self.look_at_dead && self.a_dead_one_waits();
        debug_assert_eq!(self.look_at_dead, self.a_dead_one_waits(), "a death was missed");
        self.look_at_dead
    }

    fn a_dead_one_waits(&self) -> bool {
        self.order.iter().enumerate().any(|(age, &slot)| {
            self.is_dead(slot) && !(self.death_is_durable(slot) && self.durability_is_told(age))
        })
    }

    /// Whether a dead segment waits for a sync, or for its header to be durable.
    pub(crate) fn disk_owes_a_segment(&self) -> bool {
        let is_freeing = |slot: u32| self.segments[slot as usize].state == State::Freeing;
        self.order.iter().any(|&slot| is_freeing(slot)) || self.a_dead_one_waits()
    }

    /// Whether what took the place of the segment's records is durable.
    fn death_is_durable(&self, slot: u32) -> bool {
        let Reached { log, copies } = self.segments[slot as usize].died_at;
        log <= self.durable_position() && copies <= self.copies.durable
    }

    /// Whether a durable batch tells that the segment had been durable. Copies leave no hole in the LSNs.
    fn durability_is_told(&self, age: usize) -> bool {
        let is_copies = self.segments[self.order[age] as usize].role.is_copies();
        !self.keeps_files || is_copies || self.lsn_end(age) <= self.claimed_lsn
    }

    /// The LSN after the last record of a segment of the log.
    fn lsn_end(&self, age: usize) -> u64 {
        let behind = self.order.iter().skip(age + 1).map(|&slot| &self.segments[slot as usize]);
        let next = behind.into_iter().find(|segment| !segment.role.is_copies());
        next.map_or(self.lsn_next, |next| next.base_lsn)
    }

    /// Writes a batch that only tells how far the log is durable, when nothing else is being written that does.
    pub(crate) fn tell_durable(&mut self) {
        let Some(slot) = self.active else { return };
        let segment = &self.segments[slot as usize];
        // The seal's reserve takes one such batch: the one that tells of every sealed segment.
        let is_last_word = self.durable_lsn >= segment.base_lsn;
        let kept_back = if is_last_word { SEAL_BATCH_BYTES } else { SEAL_BYTES };
        let fits = segment.filled + TELL_BYTES + kept_back <= self.segment_bytes;
        let lag_fits = self.lsn_next - self.durable_lsn < u64::from(u32::MAX);
        if fits && lag_fits && self.open.is_none() && self.claim.is_none() {
            self.mark(slot, BatchKind::Data, &[]);
        }
    }

    /// Frees dead segments. With files, their headers must be overwritten and synced first: their slots go to `headers`, and
    /// [`Log::freed`] ends it. An older segment that may hold a key's earlier value is gone for good before a younger one
    /// that holds the key's tombstone may go.
    pub(crate) fn free_dead(&mut self, headers: &mut Vec<u32>) {
        self.look_at_cleaning = true;
        let mut age = 0;
        while let Some(&slot) = self.order.get(age) {
            let may_go = self.is_dead(slot) && self.death_is_durable(slot);
            if !may_go || !self.durability_is_told(age) {
                age += 1;
                continue;
            }
            self.free_one(slot);
            self.emptied = self.emptied.saturating_sub(1);
            if self.keeps_files {
                headers.push(slot);
                age += 1;
            } else {
                self.freed(slot);
            }
        }
        self.tell_of_dead();
    }

    /// Tells in the log that dead segments had been durable, where they wait for that word alone: it comes with a write else, and writers may be
    /// waiting for the segments.
    pub(crate) fn tell_of_dead(&mut self) {
        let waits_for_word = |(age, &slot): (usize, &u32)| {
            self.is_dead(slot)
                && self.death_is_durable(slot)
                && !self.durability_is_told(age)
                && self.lsn_end(age) <= self.durable_lsn
        };
        if self.order.iter().enumerate().any(waits_for_word) {
            self.tell_durable();
        }
    }

    /// Writes a free header into the segment's memory.
    pub(crate) fn free_one(&mut self, slot: u32) {
        #[expect(clippy::cast_possible_truncation, reason = "a salt is 32 bits of it")]
        let salt = self.random() as u32;
        let (core, instance, generation) = (self.core, self.instance, self.generation);
        let segment = &mut self.segments[slot as usize];
        let (id, base_lsn, epoch_ms) = (segment.id, segment.base_lsn, segment.epoch_ms);
        Header {
            state: HeaderState::Free,
            core,
            role: segment.role,
            id,
            base_lsn,
            epoch_ms,
            instance,
            salt,
            generation,
        }
        .write(segment.memory);
        segment.state = State::Freeing;
    }

    /// The header of a freed segment is durable: it may be used again.
    pub(crate) fn freed(&mut self, slot: u32) {
        let segment = &mut self.segments[slot as usize];
        assert_eq!(segment.state, State::Freeing, "segment {} was not being freed", segment.id);
        segment.state = State::Ready;
        segment.filled = 0;
        segment.anchors = 0;
        segment.anchor_bytes = 0;
        segment.records = 0;
        self.filter_bytes -= segment.filter.take().map_or(0, |filter| filter.bytes());
        segment.waits_for = None;
        segment.passed_over = None;
        segment.is_spoiled = false;
        segment.dirty = false;
        self.forget_copies(slot);
        self.order.retain(|&other| other != slot);
        self.look_at_dead = true;
        self.ready.push_back(slot);
        self.segments_changed();
    }

    /// The cleaner has copied all that is needed of the segment: it goes when the copies are durable.
    pub(crate) fn emptied(&mut self, slot: u32) {
        let reached = self.reached();
        let segment = &mut self.segments[slot as usize];
        assert_eq!(
            segment.live_bytes, 0,
            "segment {} was emptied and holds live records",
            segment.id
        );
        segment.anchors = 0;
        segment.anchor_bytes = 0;
        segment.died_at = reached;
        self.look_at_dead = true;
        self.emptied += 1;
    }

    /// Segments in use with records from before the end of this one whose first record is not younger than `lsn`, those being freed
    /// too: until their headers are durable a crash brings them back. Copies lie anywhere in the order.
    pub(crate) fn before(&self, slot: u32, lsn: u64) -> impl Iterator<Item = u32> + '_ {
        let age = self.order.iter().position(|&other| other == slot).unwrap_or(self.order.len());
        let lsn_last = self.lsn_end(age).saturating_sub(1);
        self.order.iter().enumerate().filter_map(move |(other_age, &other)| {
            let segment = &self.segments[other as usize];
            let is_before = if segment.role.is_copies() {
                other != slot && segment.base_lsn <= lsn_last
            } else {
                other_age < age
            };
            (is_before && segment.base_lsn <= lsn).then_some(other)
        })
    }

    /// As [`Log::before`], of the log alone.
    pub(crate) fn before_in_log(&self, slot: u32, lsn: u64) -> impl Iterator<Item = u32> + '_ {
        self.before(slot, lsn).filter(|&other| !self.segments[other as usize].role.is_copies())
    }

    /// Whether the segment may hold the member; `true` when nobody knows.
    pub(crate) fn may_hold(&self, slot: u32, member: u64) -> bool {
        self.segments[slot as usize].filter.as_ref().is_none_or(|filter| filter.may_hold(member))
    }

    /// Tells the filter of an open segment, if there is one, what was copied there.
    pub(crate) fn note_copy(&mut self, location: u64, member: impl FnOnce() -> u64) {
        let (slot, _) = self.place(location);
        if let Some(filter) = &mut self.segments[slot].filter {
            filter.add(member());
        }
    }

    /// Gives back the memory of a ready segment that is more than is needed, with its slot and id.
    pub(crate) fn take_surplus(&mut self) -> Option<(u32, u64, &'static mut [u8])> {
        let kept = if self.segments_made() > self.segments_max {
            CLEANER_RESERVE_SEGMENTS
        } else {
            READY_SEGMENTS_MAX.max(self.spare_wanted())
        };
        if self.ready.len() <= kept || self.demand_bytes > 0 {
            return None;
        }
        let slot = self.ready.pop_back()?;
        let segment = &mut self.segments[slot as usize];
        segment.state = State::Absent;
        Some((slot, segment.id, std::mem::take(&mut segment.memory)))
    }

    /// Bytes of all records in use, dead or alive.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.order.iter().map(|&slot| self.segments[slot as usize].filled as u64).sum()
    }

    /// Bytes of all records that something points at.
    pub(crate) fn live_bytes(&self) -> u64 {
        let each = self.order.iter().map(|&slot| self.segments[slot as usize].live_bytes);
        debug_assert_eq!(each.sum::<u64>(), self.live_total, "the sum of the live bytes");
        self.live_total
    }
}
