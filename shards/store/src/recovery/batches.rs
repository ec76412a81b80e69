//! Owns the look at batches: whether one is whole, whether it follows, and what those behind a place tell.

use super::Reader;
use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind, fold};
use crate::error::Damage;
use crate::record::Record;
use crate::salvage::next_place;
use crate::segment::HEADER_BYTES;
use crate::store::Store;

impl Store {
    /// The head at `offset`, if its batch would follow on what was read. Whether it is whole is not looked at.
    #[inline]
    pub(super) fn head_that_follows(
        &self,
        slot: u32,
        offset: usize,
        reader: &Reader,
    ) -> Option<BatchHead> {
        let segment = &self.log.segments[slot as usize];
        let head = BatchHead::read(segment.memory.get(offset..)?, segment.salt)?;
        let follows = match head.kind {
            BatchKind::Resume => head.base_lsn >= reader.lsn,
            _ => head.base_lsn == reader.lsn,
        };
        (head.previous_crc == reader.previous_crc && follows).then_some(head)
    }

    /// Whether a whole batch in these segments tells that everything below `lsn` had been durable.
    pub(super) fn had_been_durable(&self, slots: &[u32], lsn: u64) -> bool {
        slots.iter().any(|&slot| {
            let segment = &self.log.segments[slot as usize];
            let mut offset = HEADER_BYTES;
            let mut whole = std::iter::from_fn(|| {
                let head = BatchHead::read(segment.memory.get(offset..)?, segment.salt)?;
                let at = offset;
                offset += BATCH_HEAD_BYTES + head.body_bytes as usize;
                let (salt, epoch_ms) = (segment.salt, segment.epoch_ms);
                is_whole(segment.memory, at, &head, salt, epoch_ms).then_some(head)
            });
            whole.any(|head| head.durable_lsn() >= lsn)
        })
    }

    /// Looks for batches behind a place where none is whole. Gives the highest LSN that they reach.
    pub(crate) fn look_behind(
        &self,
        slot: Option<u32>,
        offset: usize,
        behind: &[u32],
        lsn: u64,
    ) -> Result<Option<u64>, Damage> {
        let mut highest = None;
        let mut proof: Option<u64> = None;
        let places = slot
            .map(|slot| (slot, offset + 4))
            .into_iter()
            .chain(behind.iter().map(|&slot| (slot, HEADER_BYTES)));
        for (slot, start) in places {
            let segment = &self.log.segments[slot as usize];
            let mut at = start;
            while at + BATCH_HEAD_BYTES < segment.memory.len() {
                let head = BatchHead::read(&segment.memory[at..], segment.salt)
                    .filter(|head| head.base_lsn >= lsn);
                match head {
                    Some(head)
                        if is_whole(segment.memory, at, &head, segment.salt, segment.epoch_ms) =>
                    {
                        highest = highest.max(Some(head.lsn_end()));
                        if head.durable_lsn() > lsn {
                            proof = proof.max(Some(head.durable_lsn()));
                        }
                        at += BATCH_HEAD_BYTES + head.body_bytes as usize;
                    }
                    _ => at = next_place(segment.memory, at),
                }
            }
        }
        let Some(durable_lsn) = proof else { return Ok(highest) };
        let slot = slot.or(behind.first().copied()).expect("the proof lies somewhere");
        Err(Damage {
            segment: self.log.segments[slot as usize].id,
            offset: offset as u64,
            records: durable_lsn - lsn,
            what: "a batch that had been durable is not whole",
        })
    }
}

/// Whether the batch at `at` is whole: every record intact, the lengths and counts right.
pub(crate) fn is_whole(
    memory: &[u8],
    at: usize,
    head: &BatchHead,
    salt: u32,
    epoch_ms: u64,
) -> bool {
    walk_whole(memory, at, head, salt, epoch_ms, |_, _| ())
}

/// As [`is_whole`], and gives each record with its place, as far as they are intact.
#[inline(always)]
pub(super) fn walk_whole(
    memory: &[u8],
    at: usize,
    head: &BatchHead,
    salt: u32,
    epoch_ms: u64,
    mut each: impl FnMut(usize, &Record<'_>),
) -> bool {
    let end = at + BATCH_HEAD_BYTES + head.body_bytes as usize;
    let mut place = at + BATCH_HEAD_BYTES;
    let (mut folded, mut records) = (0, 0);
    while place < end {
        let bytes = &memory[place..end];
        let Some(record) = Record::read(bytes, epoch_ms) else { return false };
        if records == head.records || !record.is_intact(bytes, salt) {
            return false;
        }
        folded = fold(folded, record.crc);
        records += 1;
        each(place, &record);
        place += record.size;
    }
    records == head.records && head.is_intact(&memory[at..], folded, salt)
}
