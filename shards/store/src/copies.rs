//! Owns the way back from copies that lie beside the log: each batch of them is replayed before the record of the log that it names.
//!
//! A segment of copies ends at its first batch that is not whole: what was copied there is still where it was. If a batch behind tells
//! that the place had been durable, the copies may be all that was left: the start is refused, or a salvage steps over the hole.

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind};
use crate::error::Damage;
use crate::recovery::{Digest, Followed, Reader, Step, is_whole};
use crate::salvage::{Hole, next_place};
use crate::segment::HEADER_BYTES;
use crate::store::Store;

/// The smallest record: a hole of so many bytes holds one at most.
const RECORD_BYTES_MIN: usize = 8;

/// Where one segment is read.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    slot: u32,
    offset: usize,
    previous_crc: u32,
    /// The LSN before which the next batch lies, at least.
    lsn: u64,
    followed: Followed,
    is_through: bool,
}

/// Copies that wait for their turn.
#[derive(Debug, Default)]
pub(crate) struct CopyReader {
    /// Segments that no batch was read of, the last one first.
    waiting: Vec<Cursor>,
    begun: Vec<Cursor>,
    /// The LSN before which the next batch of all lies, at least; none when there is none.
    lsn_first: Option<u64>,
    /// No record of the log may get a lower LSN from now on.
    pub(crate) lsn_next: u64,
    /// Damage is stepped over.
    salvages: bool,
    pub(crate) holes: Vec<Hole>,
    /// The first damage that is not.
    pub(crate) damage: Option<Damage>,
}

impl CopyReader {
    /// Whether a batch may lie before the record with this LSN.
    #[inline]
    pub(crate) fn is_due(&self, lsn: u64) -> bool {
        self.lsn_first.is_some_and(|first| first <= lsn)
    }

    fn find_first(&mut self) {
        let waiting = self.waiting.last().map(|cursor| cursor.lsn);
        self.lsn_first = self.begun.iter().map(|cursor| cursor.lsn).chain(waiting).min();
    }
}

impl Store {
    /// A reader of the segments of copies in `slots`, which are in order.
    pub(crate) fn read_copies(&self, slots: &[u32], salvages: bool) -> CopyReader {
        let cursor = |&slot: &u32| {
            let segment = &self.log.segments[slot as usize];
            let (lsn, previous_crc) = (segment.base_lsn, segment.salt);
            let followed = Followed::default();
            Cursor { slot, offset: HEADER_BYTES, previous_crc, lsn, followed, is_through: false }
        };
        let waiting = slots.iter().rev().map(cursor).collect();
        let mut reader = CopyReader { waiting, salvages, ..CopyReader::default() };
        reader.find_first();
        reader
    }

    /// Replays the copies that lie before the record of the log with this LSN.
    pub(crate) fn replay_copies(&mut self, lsn: u64, reader: &mut Reader) {
        while let Some(first) = reader.copies.lsn_first.filter(|&first| first <= lsn) {
            while let Some(cursor) = reader.copies.waiting.pop_if(|cursor| cursor.lsn == first) {
                reader.copies.begun.push(cursor);
            }
            let mut begun = std::mem::take(&mut reader.copies.begun);
            for cursor in begun.iter_mut().filter(|cursor| cursor.lsn == first) {
                self.replay_until(cursor, first, reader);
            }
            begun.retain(|cursor| !cursor.is_through);
            reader.copies.begun = begun;
            reader.copies.find_first();
        }
    }

    /// Replays the batches of one segment that lie before this record of the log.
    fn replay_until(&mut self, cursor: &mut Cursor, lsn: u64, reader: &mut Reader) {
        let digest = reader.take_digest(cursor.slot);
        let mut steps = std::mem::take(&mut reader.copied_steps);
        self.replay_batches_until(cursor, lsn, digest.as_deref(), &mut steps, reader);
        reader.copied_steps = steps;
        if !cursor.is_through {
            reader.put_back(cursor.slot, digest);
        }
    }

    fn replay_batches_until(
        &mut self,
        cursor: &mut Cursor,
        lsn: u64,
        digest: Option<&Digest>,
        own_steps: &mut Vec<Step>,
        reader: &mut Reader,
    ) {
        loop {
            let segment = &mut self.log.segments[cursor.slot as usize];
            let head = segment
                .memory
                .get(cursor.offset..)
                .and_then(|rest| BatchHead::read(rest, segment.salt))
                .filter(|head| head.previous_crc == cursor.previous_crc)
                .filter(|head| head.base_lsn >= cursor.lsn);
            if let Some(head) = head.filter(|head| head.base_lsn > lsn) {
                cursor.lsn = head.base_lsn;
                return;
            }
            let known = digest.map(|digest| (digest, &mut cursor.followed));
            let whole = match head {
                Some(head) => {
                    let steps = reader.steps_of(segment, cursor.offset, &head, known, own_steps);
                    steps.map(|steps| (head, steps))
                }
                None => None,
            };
            let Some((head, steps)) = whole else {
                if self.step_over_copies(cursor, reader) {
                    continue;
                }
                cursor.is_through = true;
                return;
            };
            cursor.offset += BATCH_HEAD_BYTES + head.body_bytes as usize;
            (cursor.previous_crc, cursor.lsn) = (head.crc, head.base_lsn);
            segment.filled = cursor.offset;
            segment.written_end = cursor.offset;
            segment.durable_end = cursor.offset;
            segment.records += u64::from(head.records);
            reader.batches += 1;
            reader.records += u64::from(head.records);
            reader.copies.lsn_next = reader.copies.lsn_next.max(head.base_lsn);
            if head.kind == BatchKind::Seal {
                cursor.is_through = true;
                return;
            }
            self.replay_data(cursor.slot, steps, reader);
        }
    }

    /// Looks at what follows a batch that is not whole. `true`: there was damage, and a salvage goes on behind it.
    fn step_over_copies(&self, cursor: &mut Cursor, reader: &mut Reader) -> bool {
        let Some((next, head)) = self.durable_behind(cursor) else {
            return false;
        };
        let id = self.log.segments[cursor.slot as usize].id;
        let records_max = ((next - cursor.offset) / RECORD_BYTES_MIN) as u64;
        if !reader.copies.salvages {
            reader.copies.damage.get_or_insert(Damage {
                segment: id,
                offset: cursor.offset as u64,
                records: records_max,
                what: "a batch of copies that had been durable is not whole",
            });
            return false;
        }
        let (offset, end) = (cursor.offset as u64, next as u64);
        let mut hole = Hole { segment: id, offset, end, records_max, ..Hole::default() };
        self.name_keys(cursor.slot, cursor.offset, next, &mut hole);
        reader.copies.holes.push(hole);
        (cursor.offset, cursor.previous_crc) = (next, head.previous_crc);
        true
    }

    /// The next whole batch behind the cursor, if it or one behind it tells that what lies at the cursor had been durable.
    fn durable_behind(&self, cursor: &Cursor) -> Option<(usize, BatchHead)> {
        let segment = &self.log.segments[cursor.slot as usize];
        let memory = &*segment.memory;
        let (mut first, mut at) = (None, next_place(memory, cursor.offset));
        while at + BATCH_HEAD_BYTES < memory.len() {
            let head = BatchHead::read(&memory[at..], segment.salt).filter(|head| {
                head.base_lsn >= cursor.lsn
                    && is_whole(memory, at, head, segment.salt, segment.epoch_ms)
            });
            let Some(head) = head else {
                at = next_place(memory, at);
                continue;
            };
            let first = *first.get_or_insert((at, head));
            if at.saturating_sub(head.durable_lag as usize) > cursor.offset {
                return Some(first);
            }
            at += BATCH_HEAD_BYTES + head.body_bytes as usize;
        }
        None
    }
}
