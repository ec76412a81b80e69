//! Owns the first size of the indexes at a start: counted on a sample of the keys, so that they need not grow key by key.

use crate::batch::{BATCH_HEAD_BYTES, BatchHead, BatchKind};
use crate::index::Index;
use crate::limits::{PRESIZE_BYTES_MIN, PRESIZE_SAMPLE};
use crate::record::{Kind, Record};
use crate::segment::{HEADER_BYTES, Segment};
use crate::store::{FLUSH_ALL_KEY, Store};
use hyperion_model::collections::Map;
use hyperion_model::limits::DATABASES_KEPT;
use hyperion_model::slot_of;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bits of the hash that choose the sample: those that choose neither bucket, tag nor directory entry.
const SAMPLE_SHIFT: u32 = 6;
const _: () = assert!(PRESIZE_SAMPLE.is_power_of_two() && PRESIZE_SAMPLE <= 1 << 10);

/// Per sampled key's hash and database, the partition's index among the owned ones.
type Sample = Map<(u64, u8), u16>;

impl Store {
    /// Makes the indexes about as large as the segments in `slots` will want them. Nothing of what is read is trusted: damage makes the
    /// sample smaller, and the indexes grow as ever.
    /// Gives whether it met records of replicated groups.
    pub(crate) fn make_indexes(&mut self, slots: &[u32]) -> bool {
        let mut sample = Sample::default();
        let (mut read, mut has_groups) = (0, false);
        for &slot in slots {
            let segment = &self.log.segments[slot as usize];
            read += self.sample_segment(segment, &mut sample, &mut has_groups);
        }
        if read < PRESIZE_BYTES_MIN {
            return has_groups;
        }
        let mut counts: Vec<Vec<u64>> = vec![Vec::new(); usize::from(DATABASES_KEPT)];
        for (&(_, database), &local) in &sample {
            let counts = &mut counts[usize::from(database)];
            counts.resize(self.owned_count(), 0);
            counts[usize::from(local)] += PRESIZE_SAMPLE;
        }
        for (database, counts) in counts.iter().enumerate() {
            self.databases[database] =
                counts.iter().map(|&keys| Index::with_room(&mut self.pool, keys)).collect();
        }
        has_groups
    }

    /// Samples the keys of one segment, as far as its batches follow on each other. Gives the bytes that it looked at.
    fn sample_segment(
        &self,
        segment: &Segment,
        sample: &mut Sample,
        has_groups: &mut bool,
    ) -> usize {
        let mut at = HEADER_BYTES;
        while let Some(head) =
            segment.memory.get(at..).and_then(|rest| BatchHead::read(rest, segment.salt))
        {
            let end = at + BATCH_HEAD_BYTES + head.body_bytes as usize;
            let mut place = at + BATCH_HEAD_BYTES;
            while place < end
                && let Some(record) = Record::read(&segment.memory[place..end], 0)
            {
                *has_groups |= record.kind.is_of_groups();
                self.sample_record(&record, sample);
                place += record.size;
            }
            at = end;
            if head.kind == BatchKind::Seal {
                break;
            }
        }
        at
    }

    #[inline(always)]
    fn sample_record(&self, record: &Record<'_>, sample: &mut Sample) {
        let is_put = record.kind.sets_key();
        if !is_put && !matches!(record.kind, Kind::Tombstone | Kind::Flush) {
            return;
        }
        if record.kind == Kind::Flush {
            let all = record.key == FLUSH_ALL_KEY;
            sample.retain(|(_, database), _| !all && u16::from(*database) != record.namespace);
            return;
        }
        let hash = xxh3_64_with_seed(record.key, self.hash_seed());
        if hash >> SAMPLE_SHIFT & (PRESIZE_SAMPLE - 1) != 0 {
            return;
        }
        let Some(database) =
            u8::try_from(record.namespace).ok().filter(|&database| database < DATABASES_KEPT)
        else {
            return;
        };
        if !is_put {
            sample.remove(&(hash, database));
        } else if let Some(local) = self.local_of(slot_of(record.key)) {
            sample.insert((hash, database), local);
        }
    }
}
