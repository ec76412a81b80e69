//! Owns what concerns many keys: counts, walks, a random key, and the flush.

use super::Store;
use crate::error::StoreError;
use crate::index::{Cursor, Entry, Index};
use crate::record::{self, Extras, Kind};
use hyperion_model::limits::DATABASES;
use hyperion_model::{DatabaseId, PartitionId};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Key of a flush record that concerns all databases.
pub(crate) const FLUSH_ALL_KEY: &[u8] = b"*";

/// Where SCAN stands, over all partitions of all cores.
///
/// Shape as a number: 16 bits partition, 8 bits bucket, 32 bits prefix; 0 is the start, and the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanCursor(pub u64);

impl ScanCursor {
    /// The start of a partition.
    #[must_use]
    pub fn at_partition(partition: PartitionId) -> Self {
        Self(u64::from(partition.0) << 48)
    }

    /// The partition that comes next.
    #[must_use]
    pub fn partition(self) -> PartitionId {
        PartitionId((self.0 >> 48) as u16)
    }

    fn within(self) -> Cursor {
        #[expect(clippy::cast_possible_truncation, reason = "32 bits and 8 bits")]
        Cursor { prefix: self.0 as u32, bucket: (self.0 >> 32) as u8 }
    }

    fn join(partition: PartitionId, cursor: Cursor) -> Self {
        Self(
            u64::from(partition.0) << 48
                | u64::from(cursor.bucket) << 32
                | u64::from(cursor.prefix),
        )
    }
}

/// Buckets that one step of a scan looks at for every key that it was asked for, at least.
const SCAN_BUCKETS_MIN: u64 = 8192;

impl Store {
    /// Whether counts and walks tell the keys of a partition; they do until they are told otherwise. A copy that another node serves
    /// is told there.
    ///
    /// # Panics
    /// When another core has the partition.
    pub fn set_told(&mut self, partition: PartitionId, is_told: bool) {
        let local = usize::from(self.locals[usize::from(partition.0)]);
        assert!(local < self.owned.len(), "{partition:?} belongs to another core");
        self.untold.resize(self.owned.len(), false);
        self.untold[local] = !is_told;
    }

    fn tells(&self, local: usize) -> bool {
        !self.untold.get(local).copied().unwrap_or(false)
    }

    /// Number of keys in a partition, in all databases that clients can choose, whoever tells them.
    ///
    /// # Panics
    /// When another core has the partition.
    #[must_use]
    pub fn partition_keys(&self, partition: PartitionId) -> u64 {
        let local = usize::from(self.locals[usize::from(partition.0)]);
        assert!(local < self.owned.len(), "{partition:?} belongs to another core");
        let databases = self.databases.iter().take(usize::from(DATABASES));
        databases.filter_map(|indexes| indexes.get(local)).map(Index::count).sum()
    }

    /// Number of keys of a database on this core.
    #[must_use]
    pub fn count(&self, database: DatabaseId) -> u64 {
        let indexes = self.databases[usize::from(database.0)].iter().enumerate();
        indexes.filter(|&(local, _)| self.tells(local)).map(|(_, index)| index.count()).sum()
    }

    /// One step of a scan from `cursor`, which lies in a partition of this core: gives about `count` keys to `visit` and the cursor of
    /// the next step. The scan ends with 0; a partition of another core may follow before, or one that is not told here: a step that
    /// begins there passes it over.
    pub fn scan(
        &self,
        database: DatabaseId,
        cursor: ScanCursor,
        count: u64,
        mut visit: impl FnMut(&[u8]),
    ) -> ScanCursor {
        let hash_at = |location| {
            xxh3_64_with_seed(record::key_at(self.log.bytes_at(location)), self.hash_seed)
        };
        let (mut partition, mut within) = (cursor.partition(), cursor.within());
        if partition.0 >= self.map.partitions() {
            return ScanCursor(0);
        }
        let (mut met, mut buckets) = (0, 0);
        loop {
            let local =
                self.locals.get(usize::from(partition.0)).copied().unwrap_or(super::NOT_OWNED);
            let index = self.databases[usize::from(database.0)]
                .get(usize::from(local))
                .filter(|index| index.count() > 0 && self.tells(usize::from(local)));
            let next = index.and_then(|index| {
                index.walk(&self.pool, within, hash_at, |_, entry| {
                    met += 1;
                    if !(entry.expires() && self.has_expired(entry.location())) {
                        visit(record::key_at(self.log.bytes_at(entry.location())));
                    }
                })
            });
            buckets += 1;
            if let Some(next) = next {
                within = next;
            } else {
                let owner = self.map.owner(partition);
                partition = PartitionId(partition.0.saturating_add(1));
                within = Cursor::default();
                if partition.0 >= self.map.partitions() {
                    return ScanCursor(0);
                }
                let local = self.locals[usize::from(partition.0)];
                if self.map.owner(partition) != owner || !self.tells(usize::from(local)) {
                    return ScanCursor::at_partition(partition);
                }
            }
            if met >= count || buckets >= SCAN_BUCKETS_MIN.max(count) {
                return ScanCursor::join(partition, within);
            }
        }
    }

    /// A key that has not expired, from a place that `random` chooses.
    #[must_use]
    pub fn random_key(&self, database: DatabaseId, random: u64) -> Option<Vec<u8>> {
        let indexes = &self.databases[usize::from(database.0)];
        if indexes.is_empty() {
            return None;
        }
        let hash_at = |location| {
            xxh3_64_with_seed(record::key_at(self.log.bytes_at(location)), self.hash_seed)
        };
        #[expect(clippy::cast_possible_truncation, reason = "parts of a random number")]
        let (start, prefix, bucket) =
            (random as usize % indexes.len(), (random >> 16) as u32, (random >> 48) as u8 % 64);
        let whole = (0..indexes.len()).map(|step| (start + step) % indexes.len());
        // From the chosen place to the end of its partition, then all partitions from their starts.
        let places = std::iter::once((start, Cursor { prefix, bucket }))
            .chain(whole.map(|at| (at, Cursor::default())));
        for (at, cursor) in places {
            if indexes[at].count() == 0 || !self.tells(at) {
                continue;
            }
            let (mut next, mut met) = (Some(cursor), Vec::new());
            while let Some(cursor) = next {
                next = indexes[at].walk(&self.pool, cursor, hash_at, |_, entry| met.push(entry));
                met.retain(|entry: &Entry| {
                    !(entry.expires() && self.has_expired(entry.location()))
                });
                if !met.is_empty() {
                    let chosen = met[(random >> 8) as usize % met.len()];
                    return Some(record::key_at(self.log.bytes_at(chosen.location())).to_vec());
                }
            }
        }
        None
    }

    /// Removes all keys of one database, or of all.
    ///
    /// # Errors
    /// When there is no room for the record of it; then nothing has changed.
    pub fn flush(&mut self, database: Option<DatabaseId>) -> Result<(), StoreError> {
        if self.replicated.is_used
            && let Some(result) = self.flush_in_entry(database)
        {
            return result;
        }
        let namespace = database.map_or(0, |database| u16::from(database.0));
        let key = if database.is_some() { b"" } else { FLUSH_ALL_KEY };
        let extras = Extras { namespace, ..Extras::default() };
        let location = self.log.append_word(Kind::Flush, &extras, key, &[])?;
        self.log.add_anchor(location);
        self.drop_keys(database, false);
        self.awaited.touch_all(database);
        self.evictor.forget();
        self.observe(self.log.appended_position());
        Ok(())
    }

    /// Empties the indexes of one database, or of all.
    pub(crate) fn drop_keys(&mut self, database: Option<DatabaseId>, from_log: bool) {
        let chosen = database.map_or(0..self.databases.len(), |database| {
            usize::from(database.0)..usize::from(database.0) + 1
        });
        self.touch_flushed(database.map(|database| database.0), None);
        let others_are_empty = self
            .databases
            .iter()
            .enumerate()
            .all(|(at, indexes)| chosen.contains(&at) || indexes.is_empty());
        self.rejoin_detached(chosen.clone());
        if others_are_empty && self.transactions.is_idle() && !self.replicated.is_used {
            self.log.all_died();
            // In the log, the head of a value of another database may come behind the flush: the cleaner has moved it.
            if !from_log {
                self.staged.clear();
                self.copying = None;
            }
            self.objects.all_died(&mut self.log, !from_log);
            self.forget_detached();
            for at in chosen.clone() {
                for index in std::mem::take(&mut self.databases[at]) {
                    index.dissolve(&mut self.pool);
                }
            }
        } else {
            for at in chosen.clone() {
                let indexes = std::mem::take(&mut self.databases[at]);
                self.detach(indexes);
            }
        }
        self.expiring[chosen].fill(0);
        let appended = self.log.appended_position();
        self.deleted_at.fill(appended);
    }
}
