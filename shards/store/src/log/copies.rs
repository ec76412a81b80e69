//! Owns what the cleaner copies: records in segments of their own, beside the log, so that what lives long does not lie among what was
//! just written, nor what expires among what does not.
//!
//! A copy takes no LSN. Its batch names the LSN of the log's next record instead: a start replays it before that one. Only a record
//! that is durable is copied, and its segment goes only when the copy is durable, so any part of the copies may be missing after a crash:
//! what they were copied from is there. And any part may be ahead of a log that was torn: nothing changed the key between the two.
//!
//! Durable copies may be all that is left. So each batch tells how far its segment was durable, and a segment is sealed only when
//! all of it is: a batch that is not whole below that is damage, any other ends the segment.

use super::{BATCH_HEAD_BYTES, Location, Log, OpenBatch, Reached, SEAL_BYTES};
use crate::batch::{BatchHead, BatchKind};
use crate::limits::{COPIES_APART_SEGMENTS_MIN, COPIES_SEGMENTS_MIN};
use crate::log::Append;
use crate::record::{Extras, Kind, Plan, read_u32, sum};
use crate::segment::{HEADER_BYTES, Role, State};

/// The open segment of one role.
struct CopyHead {
    role: Role,
    slot: u32,
    open: Option<OpenBatch>,
    previous_crc: u32,
}

/// The segments of copies that something is still to be done about.
#[derive(Default)]
pub(super) struct Copies {
    heads: Vec<CopyHead>,
    /// Full ones that are sealed when they are durable.
    closing: Vec<CopyHead>,
    /// Sealed ones whose seals are not durable yet.
    sealed: Vec<u32>,
    scratch: Vec<u8>,
    /// Bytes of batches so far, and how many of them are in closed batches, written, durable.
    appended: u64,
    pub(super) queued: u64,
    pub(super) written: u64,
    pub(super) durable: u64,
}

impl Copies {
    pub(super) fn is_open(&self) -> bool {
        self.heads.iter().any(|head| head.open.is_some())
    }

    /// Whether full segments wait for a sync.
    pub(super) fn wait_for_sync(&self) -> bool {
        !self.closing.is_empty()
    }

    /// Slots that a sync may have to cover.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = u32> + '_ {
        let unsealed = self.heads.iter().chain(&self.closing).map(|head| head.slot);
        unsealed.chain(self.sealed.iter().copied())
    }
}

impl Log {
    /// End of all that was appended, to the log and beside it.
    pub(crate) fn reached(&self) -> Reached {
        Reached { log: self.appended, copies: self.copies.appended }
    }

    /// Entries were made void: what they would have changed may be copied when that is durable.
    pub(crate) fn note_cut(&mut self) {
        self.cut_at = self.appended;
    }

    /// Whether nothing may be copied now. A copy that a crash finds without the cut would stand behind entries that wait again.
    pub(crate) fn copies_wait_for_cut(&mut self) -> bool {
        let waits = self.keeps_files && self.cut_at > self.durable_position();
        self.sources_wait |= waits;
        waits
    }

    /// The LSN of the log's next record, as far as its order to what was changed already goes: that of the open batch.
    fn copy_lsn(&self) -> u64 {
        let open = self.open.as_ref().map(|open| open.base_lsn);
        open.or(self.resume_lsn).unwrap_or(self.lsn_next)
    }

    /// Copies a record of `size` bytes that sets a key, and whose crc was just checked: beside the log, where there are segments enough.
    /// `None`: it is for the log itself.
    pub(crate) fn copy_beside(
        &mut self,
        location: Location,
        size: usize,
        expires: bool,
    ) -> Option<Location> {
        let apart = expires && self.segments_max >= COPIES_APART_SEGMENTS_MIN;
        let role = if apart { Role::ExpiringCopies } else { Role::Copies };
        let at = self.copy_head(role, size)?;
        if self.copies.heads[at].open.is_none() {
            self.change_head(at, |log, head| log.begin_copies(head, BatchKind::Copies));
        }
        if !expires {
            return Some(self.put_same(at, location, size));
        }
        // Its time counts from another epoch there.
        let mut bytes = std::mem::take(&mut self.copies.scratch);
        bytes.clear();
        let record = self.record(location);
        let (kind, extras, key_bytes) = (record.kind, record.extras(), record.key.len());
        bytes.extend_from_slice(record.key);
        bytes.extend_from_slice(record.value);
        let (key, value) = bytes.split_at(key_bytes);
        let copy = self.change_head(at, |log, head| log.put_copy(head, kind, &extras, key, value));
        self.copies.scratch = bytes;
        Some(copy)
    }

    /// Does something with a head that needs the log too.
    fn change_head<T>(
        &mut self,
        at: usize,
        change: impl FnOnce(&mut Self, &mut CopyHead) -> T,
    ) -> T {
        let mut head = self.copies.heads.swap_remove(at);
        let done = change(self, &mut head);
        self.copies.heads.push(head);
        let last = self.copies.heads.len() - 1;
        self.copies.heads.swap(at, last);
        done
    }

    /// The head that takes a record: that of its role, a new one, or any other with room. `None`: the log itself.
    fn copy_head(&mut self, role: Role, size: usize) -> Option<usize> {
        if self.segments_max < COPIES_SEGMENTS_MIN {
            return None;
        }
        // Eight bytes more: an expiry may want the wide form there.
        let bytes = BATCH_HEAD_BYTES + size + 16 + SEAL_BYTES;
        let fits =
            |log: &Self, slot: u32| log.segments[slot as usize].filled + bytes <= log.segment_bytes;
        let own = self.copies.heads.iter().position(|head| head.role == role);
        if own.is_some_and(|at| fits(self, self.copies.heads[at].slot)) {
            return own;
        }
        if HEADER_BYTES + bytes <= self.segment_bytes && self.may_begin_copies() {
            if let Some(at) = own {
                self.close_copy_head(at);
            }
            self.begin_copy_segment(role);
            return Some(self.copies.heads.len() - 1);
        }
        self.copies.heads.iter().position(|head| fits(self, head.slot))
    }

    fn begin_copy_segment(&mut self, role: Role) {
        let (slot, salt) = self.begin_segment(role, self.copy_lsn(), self.appended);
        self.copies.heads.push(CopyHead { role, slot, open: None, previous_crc: salt });
        self.segments_changed();
        self.push_copies(slot, 0);
    }

    fn begin_copies(&mut self, head: &mut CopyHead, kind: BatchKind) {
        let base_lsn = self.copy_lsn();
        let segment = &mut self.segments[head.slot as usize];
        let start = segment.filled;
        segment.filled += BATCH_HEAD_BYTES;
        self.copies.appended += BATCH_HEAD_BYTES as u64;
        head.open =
            Some(OpenBatch { start, records: 0, folded: 0, unsummed: None, kind, base_lsn });
    }

    fn put_copy(
        &mut self,
        head: &mut CopyHead,
        kind: Kind,
        extras: &Extras,
        key: &[u8],
        value: &[u8],
    ) -> Location {
        let segment = &mut self.segments[head.slot as usize];
        let plan = Plan::new(key.len(), value.len(), extras, segment.epoch_ms);
        let offset = segment.filled;
        let memory = &mut segment.memory[offset..];
        plan.write(memory, kind, extras, key, &[value]);
        let crc = sum(&mut memory[..plan.size], segment.salt);
        self.count_copy(head, offset, plan.size, crc)
    }

    /// Copies the bytes of a record that mean the same in every segment: only the salt in its crc is another. The head stays where it
    /// is: moved, it would be read back before the stores of the copy are through.
    fn put_same(&mut self, at: usize, location: Location, size: usize) -> Location {
        let (from, start) = self.place(location);
        let slot = self.copies.heads[at].slot;
        let [source, segment] = self
            .segments
            .get_disjoint_mut([from, slot as usize])
            .expect("an open segment is not emptied");
        let offset = segment.filled;
        let bytes = &source.memory[start..start + size];
        let copy = &mut segment.memory[offset..offset + size];
        let crc = read_u32(bytes, 0) ^ source.salt ^ segment.salt;
        copy.copy_from_slice(bytes);
        copy[..4].copy_from_slice(&crc.to_le_bytes());
        segment.filled = offset + size;
        let open = self.copies.heads[at].open.as_mut();
        open.expect("a record is put into an open batch").add(crc);
        self.copies.appended += size as u64;
        self.last_size = size;
        self.location(slot, offset)
    }

    fn count_copy(
        &mut self,
        head: &mut CopyHead,
        offset: usize,
        size: usize,
        crc: u32,
    ) -> Location {
        self.segments[head.slot as usize].filled += size;
        self.last_size = size;
        self.copies.appended += size as u64;
        head.open.as_mut().expect("a record is put into an open batch").add(crc);
        self.location(head.slot, offset)
    }

    /// Ends the open batches of copies, so that they can be written.
    pub(crate) fn close_copies(&mut self) {
        if !self.copies.is_open() {
            return;
        }
        let mut heads = std::mem::take(&mut self.copies.heads);
        heads.iter_mut().for_each(|head| self.close_copy_batch(head));
        self.copies.heads = heads;
        self.copies_are_queued();
    }

    /// Every batch of copies is closed: the last append that is queued stands for them all.
    fn copies_are_queued(&mut self) {
        self.copies.queued = self.copies.appended;
        if let Some(last) = self.appends.last_mut() {
            last.copies = self.copies.queued;
        }
        if !self.keeps_files {
            (self.copies.written, self.copies.durable) = (self.copies.queued, self.copies.queued);
        }
    }

    fn close_copy_batch(&mut self, head: &mut CopyHead) {
        let Some(open) = head.open.take() else { return };
        let segment = &mut self.segments[head.slot as usize];
        segment.records += u64::from(open.records);
        let body_bytes = segment.filled - open.start - BATCH_HEAD_BYTES;
        let lag = open.start - segment.durable_end.min(open.start);
        let batch = BatchHead {
            kind: open.kind,
            body_bytes: u32::try_from(body_bytes).expect("a batch is smaller than a segment"),
            records: open.records,
            base_lsn: open.base_lsn,
            previous_crc: head.previous_crc,
            durable_lag: u32::try_from(lag).expect("a segment is smaller than 4 GiB"),
            crc: 0,
        };
        head.previous_crc =
            batch.write(&mut segment.memory[open.start..], open.folded, segment.salt);
        self.push_copies(head.slot, open.start);
    }

    /// Queues what was filled in a segment of copies.
    fn push_copies(&mut self, slot: u32, start: usize) {
        let segment = &mut self.segments[slot as usize];
        let end = segment.filled;
        if self.keeps_files {
            segment.dirty = true;
            let copies = self.copies.queued;
            self.queue(Append { slot, start, end, position: 0, lsn: 0, copies });
        } else {
            (segment.written_end, segment.durable_end) = (end, end);
        }
    }

    /// Nothing more goes into this segment: it is sealed when it is durable.
    fn close_copy_head(&mut self, at: usize) {
        self.close_copies();
        let head = self.copies.heads.swap_remove(at);
        self.copies.closing.push(head);
        self.seal_copies();
    }

    /// The segment must be emptied before another one can be: it takes no more copies.
    pub(crate) fn close_copies_in(&mut self, slot: u32) {
        if let Some(at) = self.copies.heads.iter().position(|head| head.slot == slot) {
            self.close_copy_head(at);
        }
    }

    /// Nothing more is copied before the next start.
    pub(crate) fn close_all_copies(&mut self) {
        while !self.copies.heads.is_empty() {
            self.close_copy_head(0);
        }
    }

    /// Seals what is full and durable.
    fn seal_copies(&mut self) {
        let is_durable = |log: &Self, head: &CopyHead| {
            let segment = &log.segments[head.slot as usize];
            segment.durable_end == segment.filled
        };
        while let Some(at) = self.copies.closing.iter().position(|head| is_durable(self, head)) {
            self.close_copies();
            let mut head = self.copies.closing.swap_remove(at);
            let counts = self.seal_counts(head.slot);
            self.begin_copies(&mut head, BatchKind::Seal);
            self.put_copy(&mut head, Kind::Mark, &Extras::default(), b"", &counts);
            self.close_copy_batch(&mut head);
            self.copies_are_queued();
            self.segments[head.slot as usize].state = State::Sealed;
            self.copies.sealed.push(head.slot);
            self.look_at_dead = true;
            self.look_at_cleaning = true;
        }
    }

    /// A sync that covers the copies has ended.
    pub(super) fn copies_are_durable(&mut self, slots: &[u32], copies: u64) {
        self.copies.durable = self.copies.durable.max(copies);
        for &slot in slots {
            let segment = &mut self.segments[slot as usize];
            if segment.role.is_copies() {
                segment.durable_end = segment.syncing_end;
                segment.dirty = segment.durable_end < segment.filled;
            }
        }
        self.seal_copies();
        let segments = &self.segments;
        self.copies.sealed.retain(|&slot| segments[slot as usize].dirty);
    }

    /// The segment goes: no sync is about it any more.
    pub(super) fn forget_copies(&mut self, slot: u32) {
        self.copies.sealed.retain(|&other| other != slot);
    }

    /// Whether an open segment of copies has much room: it is as good as one that is ready, for the cleaner.
    pub(crate) fn can_copy(&self) -> bool {
        let filled = |head: &CopyHead| self.segments[head.slot as usize].filled;
        self.copies.heads.iter().any(|head| filled(head) <= self.segment_bytes / 2)
    }

    /// Bytes that the open segments of copies still take.
    pub(super) fn left_beside(&self) -> usize {
        let used = |head: &CopyHead| {
            self.segments[head.slot as usize].filled + BATCH_HEAD_BYTES + SEAL_BYTES
        };
        self.copies.heads.iter().map(|head| self.segment_bytes.saturating_sub(used(head))).sum()
    }

    /// Open segments of copies.
    pub(crate) fn copy_heads(&self) -> usize {
        self.copies.heads.len()
    }
}
