//! Owns the log of one core: the table of segments, the open batch, and how far it is written and durable.

mod copies;
mod effects;
mod late;
mod progress;
mod rest;
mod reuse;
mod room;
mod rotate;

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind, fold};
use crate::cleaner::Held;
use crate::error::StoreError;
use crate::limits::SEGMENTS_MAX;
use crate::record::{Extras, Kind, Plan, Record, sum, write_short};
use crate::segment::Segment;
use copies::Copies;
pub use effects::{Append, Room, SyncTicket};
use std::collections::VecDeque;

/// Bytes kept back in every segment for the batch that seals it.
pub(crate) const SEAL_BYTES: usize = 128;
/// Bytes of that batch.
pub(crate) const SEAL_BATCH_BYTES: usize = BATCH_HEAD_BYTES + 8 + 32;

/// How far something got: in the log, and in what lies beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reached {
    /// A position in the log.
    pub(crate) log: u64,
    /// Bytes of copies.
    pub(crate) copies: u64,
}

struct OpenBatch {
    start: usize,
    records: u32,
    folded: u32,
    /// Begin and end of the last record, where its crc is not there yet: of a short one that was just written it would wait for the stores.
    unsummed: Option<(usize, usize)>,
    kind: BatchKind,
    base_lsn: u64,
}

impl OpenBatch {
    /// Counts a record with this crc.
    fn add(&mut self, crc: u32) {
        self.records += 1;
        self.folded = fold(self.folded, crc);
    }

    /// Puts the crc of the last record into the memory of the batch's segment, if it is missing.
    #[inline(always)]
    fn sum_last(&mut self, memory: &mut [u8], salt: u32) {
        if let Some((begin, end)) = self.unsummed.take() {
            self.add(sum(&mut memory[begin..end], salt));
        }
    }
}

/// Where a record lies: slot and offset in 4-byte units. 40 bits.
pub(crate) type Location = u64;

/// The log of one core.
pub(crate) struct Log {
    pub(crate) segments: Vec<Segment>,
    /// Slots in use, oldest first; the last one of the log itself is the active one.
    pub(crate) order: VecDeque<u32>,
    pub(crate) ready: VecDeque<u32>,
    active: Option<u32>,
    open: Option<OpenBatch>,
    /// Batches of changes that were closed.
    pub(crate) batches: u64,
    appends: Vec<Append>,
    copies: Copies,
    /// Uses of segments so far.
    uses: u64,
    previous_crc: u32,
    pub(crate) segment_bytes: usize,
    offset_bits: u32,
    keeps_files: bool,
    pub(crate) core: u16,
    instance: [u8; 16],
    generation: u32,
    entropy: u64,
    /// Position of byte 0 of the next segment.
    next_base_position: u64,
    pub(crate) lsn_next: u64,
    appended: u64,
    written: u64,
    written_lsn: u64,
    durable: u64,
    durable_lsn: u64,
    sync_under_way: bool,
    /// A durable batch tells that all below this LSN had been durable: see `reuse`.
    claimed_lsn: u64,
    /// A batch that will tell more when it is durable: its end, and the LSN it tells of.
    claim: Option<(u64, u64)>,
    /// LSN to go on from with the first batch of the next segment.
    resume_lsn: Option<u64>,
    pub(crate) now_ms: u64,
    /// What expires by then has expired: the same time, but where nothing is to expire.
    pub(crate) passed_ms: u64,
    /// Segments that the memory budget allows.
    pub(crate) segments_max: usize,
    /// Something changed that may have let a segment die, or a dead one waits for a sync.
    look_at_dead: bool,
    /// What the cleaner would copy next, or what lets it, is not durable yet.
    pub(crate) sources_wait: bool,
    /// Where the log ended when entries were made void last.
    cut_at: u64,
    /// Something changed that may make cleaning due.
    pub(crate) look_at_cleaning: bool,
    /// How often [`Log::segments_changed`].
    pub(crate) changes: u64,
    /// The cleaner has emptied segments that were not freed yet.
    pub(crate) emptied: u32,
    /// Bytes of segments that wait for the disk before they can be used again, on average.
    pub(crate) waiting_mean: u64,
    /// What is ready is the cleaner's alone, and what it has begun too: all others wait.
    pub(crate) is_tight: bool,
    /// Who waits for a disk that is late with segments that were emptied.
    pub(crate) late: late::Late,
    /// No more segments can be made.
    pub(crate) is_full: bool,
    /// The cleaner is at work, or something that lets records die: it may use what is kept back.
    pub(crate) may_use_reserve: bool,
    /// It is the cleaner: it leaves a part to deletions.
    pub(crate) is_cleaning: bool,
    /// Bytes asked for in vain since the last segment came.
    pub(crate) demand_bytes: usize,
    /// Bytes of the record that was appended last.
    pub(crate) last_size: usize,
    /// Sum of the segments' live bytes.
    pub(crate) live_total: u64,
    /// Segments that the cleaner left because something in them waits for an entry.
    pub(crate) held: Held,
    /// Sum of the bytes of the segments' filters, and of the one that is being filled.
    pub(crate) filter_bytes: u64,
    /// Whether writers rest.
    rest: rest::Rest,
}

impl Log {
    pub(crate) fn new(
        core: u16,
        instance: [u8; 16],
        generation: u32,
        segment_bytes: usize,
        keeps_files: bool,
        entropy: u64,
    ) -> Self {
        Self {
            segments: Vec::new(),
            order: VecDeque::new(),
            ready: VecDeque::new(),
            active: None,
            open: None,
            batches: 0,
            appends: Vec::new(),
            copies: Copies::default(),
            uses: 0,
            previous_crc: 0,
            segment_bytes,
            offset_bits: segment_bytes.trailing_zeros() - 2,
            keeps_files,
            core,
            instance,
            generation,
            entropy,
            next_base_position: 0,
            lsn_next: 1,
            appended: 0,
            written: 0,
            written_lsn: 1,
            durable: 0,
            durable_lsn: 1,
            sync_under_way: false,
            claimed_lsn: 0,
            claim: None,
            resume_lsn: None,
            now_ms: 0,
            passed_ms: 0,
            segments_max: SEGMENTS_MAX,
            look_at_dead: true,
            sources_wait: false,
            cut_at: 0,
            look_at_cleaning: true,
            changes: 0,
            emptied: 0,
            waiting_mean: 0,
            is_tight: false,
            late: late::Late::default(),
            is_full: false,
            may_use_reserve: false,
            is_cleaning: false,
            demand_bytes: 0,
            last_size: 0,
            live_total: 0,
            held: Held::default(),
            filter_bytes: 0,
            rest: rest::Rest::default(),
        }
    }

    // ---- places

    #[inline(always)]
    pub(crate) fn place(&self, location: Location) -> (usize, usize) {
        #[expect(clippy::cast_possible_truncation, reason = "a location has 40 bits")]
        let location = location as usize;
        (location >> self.offset_bits, (location & ((1 << self.offset_bits) - 1)) << 2)
    }

    pub(crate) fn location(&self, slot: u32, offset: usize) -> Location {
        debug_assert!(offset.is_multiple_of(4) && offset < self.segment_bytes);
        u64::from(slot) << self.offset_bits | (offset as u64 >> 2)
    }

    /// The bytes from `location` to the end of its segment.
    #[inline(always)]
    pub(crate) fn bytes_at(&self, location: Location) -> &[u8] {
        let (slot, offset) = self.place(location);
        &self.segments[slot].memory[offset..]
    }

    /// The record at `location`, which an index or an object points at.
    #[inline(always)]
    pub(crate) fn record(&self, location: Location) -> Record<'_> {
        let (slot, offset) = self.place(location);
        let segment = &self.segments[slot];
        Record::read(&segment.memory[offset..], segment.epoch_ms)
            .expect("a location names a whole record")
    }

    /// Whether what lies there was copied beside the log.
    pub(crate) fn is_copy(&self, location: Location) -> bool {
        self.segments[self.place(location).0].role.is_copies()
    }

    /// Position in the log of the record at `location`; 0 for a copy: what it was copied from is durable, and there until the copy is.
    #[inline]
    pub(crate) fn position(&self, location: Location) -> u64 {
        let (slot, offset) = self.place(location);
        let segment = &self.segments[slot];
        if segment.role.is_copies() { 0 } else { segment.base_position + offset as u64 }
    }

    /// What tells this use of a place from all others, also of other starts: the salt of the segment's present use, and the place.
    pub(crate) fn place_mark(&self, location: Location) -> [u64; 2] {
        let (slot, _) = self.place(location);
        [u64::from(self.segments[slot].salt), location]
    }

    // ---- appending

    fn random(&mut self) -> u64 {
        // splitmix64: the entropy came in from outside, this only stretches it.
        self.entropy = self.entropy.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.entropy;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn begin(&mut self, slot: u32, kind: BatchKind) {
        let segment = &mut self.segments[slot as usize];
        let start = segment.filled;
        segment.filled += BATCH_HEAD_BYTES;
        let base_lsn = self.lsn_next;
        self.open =
            Some(OpenBatch { start, records: 0, folded: 0, unsummed: None, kind, base_lsn });
    }

    fn put_record(
        &mut self,
        slot: u32,
        kind: Kind,
        extras: &Extras,
        key: &[u8],
        value: &[&[u8]],
    ) -> Location {
        let value_bytes = value.iter().map(|part| part.len()).sum();
        let segment = &mut self.segments[slot as usize];
        let plan = Plan::new(key.len(), value_bytes, extras, segment.epoch_ms);
        let offset = segment.filled;
        let out = &mut segment.memory[offset..offset + plan.size];
        plan.write(out, kind, extras, key, value);
        let crc = sum(out, segment.salt);
        self.was_put(slot, plan.size, Some(crc))
    }

    /// A record was written behind all others; without a crc, it gets one before the next. Gives where it lies.
    #[inline(always)]
    fn was_put(&mut self, slot: u32, size: usize, crc: Option<u32>) -> Location {
        let segment = &mut self.segments[slot as usize];
        let offset = segment.filled;
        segment.filled += size;
        self.last_size = size;
        self.appended = segment.base_position + segment.filled as u64;
        let open = self.open.as_mut().expect("a record is put into an open batch");
        open.sum_last(segment.memory, segment.salt);
        match crc {
            Some(crc) => open.add(crc),
            None => open.unsummed = Some((offset, segment.filled)),
        }
        self.lsn_next += 1;
        self.location(slot, offset)
    }

    /// As [`Log::append`], for a record without extras that is smaller than 64 KiB and for which room was made: its key, of `key_bytes` bytes, and
    /// the first bytes of its value are `begin`, the others `rest`.
    pub(crate) fn append_short<const BEGIN: usize>(
        &mut self,
        kind: (Kind, u8),
        begin: &[u8; BEGIN],
        rest: &[u8],
    ) -> Location {
        let slot = self.active.expect("room was made");
        if self.open.is_none() {
            self.begin(slot, BatchKind::Data);
        }
        let segment = &mut self.segments[slot as usize];
        let offset = segment.filled;
        let out = &mut segment.memory[offset..];
        let size = write_short(out, kind, begin, rest);
        self.was_put(slot, size, None)
    }

    /// Appends one record to the open batch, in the next segment when the active one is full.
    pub(crate) fn append(
        &mut self,
        kind: Kind,
        extras: &Extras,
        key: &[u8],
        value: &[&[u8]],
    ) -> Result<Location, StoreError> {
        let value_bytes = value.iter().map(|part| part.len()).sum();
        let epoch_ms =
            self.active.map_or(self.now_ms, |slot| self.segments[slot as usize].epoch_ms);
        // Eight bytes more: in a new segment, with another epoch, an expiry may want the wide form.
        let bytes = Plan::new(key.len(), value_bytes, extras, epoch_ms).size + 16;
        self.make_room(bytes)?;
        let slot = self.active.expect("room was made");
        if self.open.is_none() {
            self.begin(slot, BatchKind::Data);
        }
        Ok(self.put_record(slot, kind, extras, key, value))
    }

    /// As [`Log::append`], for what lets records die or locks go: it may use what is kept back.
    pub(crate) fn append_word(
        &mut self,
        kind: Kind,
        extras: &Extras,
        key: &[u8],
        value: &[u8],
    ) -> Result<Location, StoreError> {
        let before = std::mem::replace(&mut self.may_use_reserve, true);
        let result = self.append(kind, extras, key, &[value]);
        self.may_use_reserve = before;
        result
    }

    /// As [`Log::make_room`], for what [`Log::append_word`] writes.
    pub(crate) fn make_room_for_words(&mut self, bytes: usize) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut self.may_use_reserve, true);
        let result = self.make_room(bytes);
        self.may_use_reserve = before;
        result
    }

    /// Makes sure that the next `bytes` of records fall into one batch.
    pub(crate) fn make_room(&mut self, bytes: usize) -> Result<(), StoreError> {
        if self.is_tight && !self.may_use_reserve {
            return Err(StoreError::NoRoom { bytes });
        }
        if self.fits_active(bytes) {
            return Ok(());
        }
        if bytes > self.batch_bytes_max() {
            return Err(StoreError::TooLarge { bytes, bytes_max: self.batch_bytes_max() });
        }
        self.rotate(bytes)
    }

    /// Whether the next `bytes` of records fall into the batch that is open, or into the next one of this segment.
    pub(crate) fn fits_batch(&self, bytes: usize) -> bool {
        (self.may_use_reserve || !self.is_tight) && self.fits_active(bytes)
    }

    /// Closes what is open and begins a batch of another kind.
    pub(crate) fn begin_prepare(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.close_batch();
        self.make_room(bytes)?;
        self.begin(self.active.expect("room was made"), BatchKind::Prepare);
        Ok(())
    }

    /// Ends the open batch, if there is one, so that it can be written.
    pub(crate) fn close_batch(&mut self) {
        let Some(mut open) = self.open.take() else { return };
        self.batches += u64::from(open.kind == BatchKind::Data);
        let slot = self.active.expect("an open batch lies in the active segment");
        let lag = open.base_lsn.saturating_sub(self.durable_lsn);
        let segment = &mut self.segments[slot as usize];
        open.sum_last(segment.memory, segment.salt);
        assert!(open.records > 0, "a batch was opened and nothing put into it");
        segment.records += u64::from(open.records);
        let body_bytes = segment.filled - open.start - BATCH_HEAD_BYTES;
        let head = BatchHead {
            kind: open.kind,
            body_bytes: u32::try_from(body_bytes).expect("a batch is smaller than a segment"),
            records: open.records,
            base_lsn: open.base_lsn,
            previous_crc: self.previous_crc,
            durable_lag: u32::try_from(lag).unwrap_or(u32::MAX),
            crc: 0,
        };
        self.previous_crc =
            head.write(&mut segment.memory[open.start..], open.folded, segment.salt);
        let told = head.durable_lsn();
        if self.claim.is_none() && told > self.claimed_lsn {
            self.claim = Some((segment.base_position + segment.filled as u64, told));
        }
        self.push_append(slot, open.start);
    }

    /// Queues what was filled from `start` on.
    fn push_append(&mut self, slot: u32, start: usize) {
        let segment = &mut self.segments[slot as usize];
        let position = segment.base_position + segment.filled as u64;
        if !self.keeps_files {
            (self.written, self.durable) = (position, position);
            (self.written_lsn, self.durable_lsn) = (self.lsn_next, self.lsn_next);
            return;
        }
        segment.dirty = true;
        let (end, lsn) = (segment.filled, self.lsn_next);
        self.queue(Append { slot, start, end, position, lsn, copies: self.copies.queued });
    }

    /// Queues an append for writing; what follows on directly is joined.
    fn queue(&mut self, append: Append) {
        let Append { slot, start, .. } = append;
        match self.appends.last_mut() {
            Some(last) if last.slot == slot && last.end == start => {
                *last = Append { start: last.start, ..append };
            }
            _ => self.appends.push(append),
        }
    }

    pub(crate) fn has_open_batch(&self) -> bool {
        self.open.is_some() || self.copies.is_open() || !self.appends.is_empty()
    }

    /// Moves what is to be written into `appends`, in order.
    pub(crate) fn take_appends(&mut self, appends: &mut Vec<Append>) {
        appends.append(&mut self.appends);
    }
}
