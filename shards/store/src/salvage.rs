//! Owns the way over damage: where the log goes on behind a place that does not read back, and what may have been lost there.
//!
//! Only whole batches are taken up again, in the order of their LSNs: a batch is one commit, and half of one is none. What lies
//! behind the cut of an earlier start has lower LSNs than what was written after it, so it is never taken for a continuation.

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, KIND_AT};
use crate::error::Damage;
use crate::limits::{HOLE_CHECKED_BYTES_MAX, HOLE_KEYS_MAX};
use crate::record::{Kind, Record};
use crate::recovery::{End, Reader, is_whole};
use crate::segment::HEADER_BYTES;
use crate::store::Store;

/// Records that had been durable and do not read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hole {
    /// The file's id.
    pub segment: u64,
    /// First byte that was not read.
    pub offset: u64,
    /// First byte that was read again; the same as `offset` when a whole segment is missing behind it.
    pub end: u64,
    /// Most records that lay there.
    pub records_max: u64,
    /// Keys of records there that are legible, with their database, without doubles: their batches are not whole.
    pub keys: Vec<(u16, Vec<u8>)>,
    /// There are more such keys than were kept.
    pub has_more_keys: bool,
}

/// The next place behind `at` where a head may begin: not among zeros, for the kind is none.
pub(crate) fn next_place(memory: &[u8], at: usize) -> usize {
    let next = at + 4;
    let behind = next + KIND_AT;
    // Most places are none of these; zeros come in long runs, at the end of a segment.
    if memory.get(next..behind + 4).is_none_or(|bytes| bytes.iter().any(|&byte| byte != 0)) {
        return next;
    }
    let zeros = memory[behind..].iter().position(|&byte| byte != 0);
    zeros.map_or(memory.len(), |zeros| next + zeros / 4 * 4)
}

/// What is known of the damage so far.
#[derive(Debug, Default)]
pub(crate) struct Salvage {
    pub(crate) holes: Vec<Hole>,
    /// All below this LSN had been durable, by the word of a batch behind the first hole.
    proof_lsn: Option<u64>,
}

impl Store {
    /// Goes on behind holes until the segment ends, or until the end of what had been durable: `slots` begins with the segment
    /// that was read last.
    pub(crate) fn step_over(
        &mut self,
        mut end: End,
        slots: &[u32],
        salvage: &mut Salvage,
        reader: &mut Reader,
    ) -> End {
        let current = slots[0];
        loop {
            let (cut_slot, offset) = match end {
                End::Sealed(_) => return end,
                End::Open(slot, offset) => (Some(slot), offset),
                End::Missing => (None, HEADER_BYTES),
            };
            let behind = if cut_slot == Some(current) { &slots[1..] } else { slots };
            let proof_lsn = *salvage.proof_lsn.get_or_insert_with(|| {
                let damage = self.look_behind(cut_slot, offset, behind, reader.lsn).err();
                damage.map_or(0, |damage| reader.lsn + damage.records)
            });
            if reader.lsn >= proof_lsn {
                if salvage.holes.is_empty() {
                    // Not damage: the next place that does not read back asks anew.
                    salvage.proof_lsn = None;
                }
                return end;
            }
            let segment = self.log.segments[current as usize].id;
            if cut_slot != Some(current) {
                // What lay between the segment before and this one is not there.
                let base_lsn = self.log.segments[current as usize].base_lsn;
                let cut = cut_slot.map_or(segment, |slot| self.log.segments[slot as usize].id);
                salvage.holes.push(Hole {
                    segment: cut,
                    offset: offset as u64,
                    end: offset as u64,
                    records_max: base_lsn - reader.lsn,
                    ..Hole::default()
                });
                reader.previous_crc = self.log.segments[current as usize].salt;
                reader.lsn = base_lsn;
                end = self.replay_segment(current, HEADER_BYTES, reader);
                continue;
            }
            let lsn_max = slots.get(1).map(|&next| self.log.segments[next as usize].base_lsn);
            let next = self.whole_behind(current, offset, reader.lsn, lsn_max);
            let hole_end =
                next.as_ref().map_or(self.log.segments[current as usize].memory.len(), |it| it.0);
            let lsn_there = next.as_ref().map(|(_, head)| head.base_lsn).or(lsn_max);
            let mut hole = Hole {
                segment,
                offset: offset as u64,
                end: hole_end as u64,
                records_max: lsn_there.unwrap_or(proof_lsn).saturating_sub(reader.lsn),
                ..Hole::default()
            };
            self.name_keys(current, offset, hole_end, &mut hole);
            salvage.holes.push(hole);
            let Some((at, head)) = next else {
                reader.lsn = reader.lsn.max(lsn_there.unwrap_or(proof_lsn));
                return End::Sealed(offset);
            };
            reader.previous_crc = head.previous_crc;
            reader.lsn = head.base_lsn;
            end = self.replay_segment(current, at, reader);
        }
    }

    /// The damage at which a start stops, with the records of that place alone, as a salvage counts them: what is whole behind it is not
    /// concerned. `slots` begins with the segment that was read last.
    pub(crate) fn of_first_hole(
        &self,
        damage: &Damage,
        cut_slot: Option<u32>,
        slots: &[u32],
        lsn: u64,
    ) -> Damage {
        let base_lsn = |slot: u32| self.log.segments[slot as usize].base_lsn;
        let current = slots[0];
        let lsn_there = if cut_slot == Some(current) {
            let lsn_max = slots.get(1).map(|&next| base_lsn(next));
            let offset = usize::try_from(damage.offset).unwrap_or(usize::MAX);
            let next = self.whole_behind(current, offset, lsn, lsn_max);
            next.map(|(_, head)| head.base_lsn).or(lsn_max)
        } else {
            Some(base_lsn(current))
        };
        let proof_lsn = lsn + damage.records;
        Damage { records: lsn_there.unwrap_or(proof_lsn).saturating_sub(lsn), ..damage.clone() }
    }

    /// The first whole batch behind `offset` whose LSNs lie between those of its neighbours.
    fn whole_behind(
        &self,
        slot: u32,
        offset: usize,
        lsn: u64,
        lsn_max: Option<u64>,
    ) -> Option<(usize, BatchHead)> {
        let segment = &self.log.segments[slot as usize];
        let memory = &*segment.memory;
        let mut at = next_place(memory, offset);
        while at + BATCH_HEAD_BYTES < memory.len() {
            if let Some(head) = BatchHead::read(&memory[at..], segment.salt)
                && head.base_lsn >= lsn
                && lsn_max.is_none_or(|lsn_max| head.lsn_end() <= lsn_max)
                && is_whole(memory, at, &head, segment.salt, segment.epoch_ms)
            {
                return Some((at, head));
            }
            at = next_place(memory, at);
        }
        None
    }

    /// Collects the keys of intact records between two offsets.
    pub(crate) fn name_keys(&self, slot: u32, start: usize, end: usize, hole: &mut Hole) {
        let segment = &self.log.segments[slot as usize];
        let (mut at, mut checked) = (start, 0);
        let mut seen = std::collections::BTreeSet::new();
        while at < end && checked < HOLE_CHECKED_BYTES_MAX {
            let bytes = &segment.memory[at..end];
            let record = Record::read(bytes, segment.epoch_ms);
            let intact = record.filter(|record| {
                checked += record.size;
                record.is_intact(bytes, segment.salt)
            });
            let Some(record) = intact else {
                at += 4;
                continue;
            };
            at += record.size;
            if (record.kind.sets_key() || record.kind == Kind::Tombstone)
                && seen.insert((record.namespace, record.key.to_vec()))
                && seen.len() >= HOLE_KEYS_MAX
            {
                hole.has_more_keys = at < end;
                break;
            }
        }
        hole.keys = seen.into_iter().collect();
    }
}
