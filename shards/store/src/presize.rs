//! Owns the first size of the indexes at a start: counted on a sample of the keys, so that they need not grow key by key.

use crate::index::Index;
use crate::limits::{PRESIZE_BYTES_MIN, PRESIZE_SAMPLE};
use crate::recovery::{Digest, Step};
use crate::store::{FLUSH_ALL_KEY, Store};
use hyperion_model::collections::Map;
use hyperion_model::limits::DATABASES_KEPT;

/// Per sampled key's hash and database, the partition's index among the owned ones.
type Sample = Map<(u64, u8), u16>;

impl Store {
    /// Makes the indexes about as large as the segments in `slots` will want them, by the samples of their digests. Damage makes the
    /// samples smaller, and the indexes grow as ever.
    pub(crate) fn make_indexes<'a>(&mut self, digests: impl Iterator<Item = (u32, &'a Digest)>) {
        let mut sample = Sample::default();
        let mut read = 0;
        for (slot, digest) in digests {
            read += digest.bytes;
            digest.sample.iter().for_each(|&step| self.sample_step(slot, step, &mut sample));
        }
        if read < PRESIZE_BYTES_MIN {
            return;
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
    }

    fn sample_step(&self, slot: u32, step: Step, sample: &mut Sample) {
        if step.is_word() {
            let record = self.log.record(self.log.location(slot, step.offset()));
            let all = record.key == FLUSH_ALL_KEY;
            sample.retain(|(_, database), _| !all && u16::from(*database) != record.namespace);
            return;
        }
        let key = (step.hash(), step.database());
        if step.is_tombstone() {
            sample.remove(&key);
        } else {
            sample.insert(key, step.local());
        }
    }
}
