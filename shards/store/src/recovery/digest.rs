//! Owns what the bytes of one segment alone tell: which batches are whole, and what each record does to which key.
//!
//! No other segment and no index is looked at, so segments are digested on any thread, in any order. Whether a batch counts is said later, by
//! the walk along the log, which then has to look at neither checksums nor keys.

use super::batches::walk_whole;
use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind};
use crate::limits::{DIGEST_STEPS_MAX, PRESIZE_SAMPLE};
use crate::record::{Kind, Record};
use crate::segment::{HEADER_BYTES, Header};
use crate::store::Store;
use hyperion_model::limits::DATABASES_KEPT;
use hyperion_model::{PartitionMap, slot_of};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bits of the hash that choose the sample: those that choose neither bucket, tag nor directory entry.
const SAMPLE_SHIFT: u32 = 6;
const _: () = assert!(PRESIZE_SAMPLE.is_power_of_two() && PRESIZE_SAMPLE <= 1 << 10);
/// Bytes of a segment for which room for one step is made ahead.
const BYTES_A_STEP: usize = 32;

/// What one record does.
///
/// Shape of `what`: 24 bits offset in words of 4 bytes, 16 bits index of the partition among the owned ones, 5 bits database, 1 bit whether
/// it expires, 2 bits what it does (both: no word about one key that this core owns; its record tells), 16 bits its size in words of
/// 4 bytes; 0 when that is more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(super) hash: u64,
    pub(super) what: u64,
}

const LOCAL_SHIFT: u32 = 24;
pub(super) const DATABASE_SHIFT: u32 = 40;
pub(super) const DATABASE_MASK: u64 = 0x1f;
pub(super) const EXPIRES: u64 = 1 << 45;
pub(super) const OBJECT: u64 = 1 << 46;
pub(super) const TOMBSTONE: u64 = 1 << 47;
const WORD: u64 = OBJECT | TOMBSTONE;
pub(super) const SIZE_SHIFT: u32 = 48;
const _: () =
    assert!(DATABASES_KEPT as u64 <= DATABASE_MASK + 1, "every database has a number here");

impl Step {
    #[inline(always)]
    pub(crate) fn is_word(self) -> bool {
        self.what & WORD == WORD
    }

    /// Offset of the record in its segment.
    #[inline(always)]
    pub(crate) fn offset(self) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "24 bits")]
        let words = self.what as usize & ((1 << LOCAL_SHIFT) - 1);
        words << 2
    }

    #[inline(always)]
    pub(crate) fn local(self) -> u16 {
        (self.what >> LOCAL_SHIFT & 0xffff) as u16
    }

    #[inline(always)]
    pub(crate) fn database(self) -> u8 {
        (self.what >> DATABASE_SHIFT & DATABASE_MASK) as u8
    }

    #[inline(always)]
    pub(crate) fn hash(self) -> u64 {
        self.hash
    }

    /// Whether it takes its key away.
    pub(crate) fn is_tombstone(self) -> bool {
        self.what & WORD == TOMBSTONE
    }
}

/// Makes digests for one store.
#[derive(Clone, Debug)]
pub struct Digester {
    /// Partition to index among the owned ones.
    locals: Vec<Option<u16>>,
    map: PartitionMap,
    hash_seed: u64,
    /// Steps that may still be kept.
    left: usize,
}

/// What one segment's bytes tell.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    /// A step for each record of the whole batches, in their order; none when too many were kept already.
    steps: Vec<Step>,
    /// End of the batches that `steps` are of.
    end: usize,
    /// Of the steps those of a sample of the keys, and words.
    pub(crate) sample: Vec<Step>,
    /// Bytes that were looked at.
    pub(crate) bytes: usize,
    pub(crate) has_groups: bool,
}

/// Room for the steps of one segment, empty.
#[derive(Debug, Default)]
pub struct StepRoom(Vec<Step>);

impl StepRoom {
    /// For a segment of `bytes`: as much as small records want. Nothing of it is touched.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Vec::with_capacity(bytes / BYTES_A_STEP))
    }

    /// Address and bytes of its memory, for the caller to ask for larger pages.
    #[must_use]
    pub fn span(&self) -> (usize, usize) {
        (self.0.as_ptr().addr(), self.0.capacity() * size_of::<Step>())
    }
}

/// How far a digest was followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Followed {
    offset: usize,
    steps: usize,
}

impl Default for Followed {
    fn default() -> Self {
        Self { offset: HEADER_BYTES, steps: 0 }
    }
}

impl Digest {
    /// The steps of the batch at `offset`, if it is known to be whole; batches are asked for in their order.
    #[inline]
    pub(crate) fn batch(
        &self,
        followed: &mut Followed,
        offset: usize,
        head: &BatchHead,
    ) -> Option<&[Step]> {
        if followed.offset != offset || offset >= self.end {
            return None;
        }
        let first = followed.steps;
        followed.steps += head.records as usize;
        followed.offset += BATCH_HEAD_BYTES + head.body_bytes as usize;
        self.steps.get(first..followed.steps)
    }
}

impl Digester {
    /// Looks at one segment, as it was read from its file.
    #[must_use]
    pub fn digest(&mut self, header: &Header, memory: &[u8], room: StepRoom) -> Digest {
        let mut digest = Digest { steps: room.0, end: HEADER_BYTES, ..Digest::default() };
        let keeps = self.left > 0;
        let mut at = HEADER_BYTES;
        while let Some(head) = memory.get(at..).and_then(|rest| BatchHead::read(rest, header.salt))
        {
            let first = digest.steps.len();
            if !self.steps_of(memory, at, &head, (header.salt, header.epoch_ms), &mut digest.steps)
            {
                digest.steps.truncate(first);
                break;
            }
            digest.note(memory, first);
            at += BATCH_HEAD_BYTES + head.body_bytes as usize;
            if !keeps {
                digest.steps.clear();
            }
            if head.kind == BatchKind::Seal {
                break;
            }
        }
        digest.bytes = at;
        if keeps {
            digest.end = at;
        }
        self.left = self.left.saturating_sub(digest.steps.len());
        digest
    }

    /// Adds a step for each record of a batch. `false`: the batch is not whole, and the steps tell nothing.
    #[inline]
    pub(super) fn steps_of(
        &self,
        memory: &[u8],
        at: usize,
        head: &BatchHead,
        (salt, epoch_ms): (u32, u64),
        steps: &mut Vec<Step>,
    ) -> bool {
        walk_whole(memory, at, head, salt, epoch_ms, |place, record| {
            steps.push(self.step(place, record));
        })
    }

    #[inline(always)]
    fn step(&self, place: usize, record: &Record<'_>) -> Step {
        let offset = place as u64 >> 2;
        let does = match record.kind {
            Kind::Put | Kind::Packed => 0,
            Kind::Tombstone => TOMBSTONE,
            Kind::Object => OBJECT,
            _ => return Step { hash: 0, what: offset | WORD },
        };
        let local = self.locals[usize::from(self.map.partition_of(slot_of(record.key)).0)];
        let (Some(local), true) = (local, record.namespace < u16::from(DATABASES_KEPT)) else {
            return Step { hash: 0, what: offset | WORD };
        };
        let words = record.size as u64 / 4;
        let size = if words < 1 << (64 - SIZE_SHIFT) { words << SIZE_SHIFT } else { 0 };
        let what = offset
            | u64::from(local) << LOCAL_SHIFT
            | u64::from(record.namespace) << DATABASE_SHIFT
            | if record.expiry_ms.is_some() { EXPIRES } else { 0 }
            | does
            | size;
        Step { hash: xxh3_64_with_seed(record.key, self.hash_seed), what }
    }
}

impl Digest {
    /// Takes what is of note of the steps from `first` on.
    #[inline]
    fn note(&mut self, memory: &[u8], first: usize) {
        for &step in &self.steps[first..] {
            if step.is_word() {
                let kind = Record::read(&memory[step.offset()..], 0).map(|record| record.kind);
                self.has_groups |= kind.is_some_and(Kind::is_of_groups);
                if kind == Some(Kind::Flush) {
                    self.sample.push(step);
                }
            } else if step.hash >> SAMPLE_SHIFT & (PRESIZE_SAMPLE - 1) == 0 {
                self.sample.push(step);
            }
        }
    }
}

impl Store {
    /// Makes digests of this store's segments, `parts` of them side by side.
    #[must_use]
    pub fn digester(&self, parts: usize) -> Digester {
        let partitions = (0..self.map().partitions()).map(hyperion_model::PartitionId);
        Digester {
            locals: partitions.map(|partition| self.local_of_partition(partition)).collect(),
            map: self.map().clone(),
            hash_seed: self.hash_seed(),
            left: DIGEST_STEPS_MAX / parts.max(1),
        }
    }
}
