//! Owns what a store tells to one that takes over its partitions: every key with its value, and how many there are.

use super::Store;
use crate::database::{Found, Value};
use crate::index::{Entry, Index, Spot};
use crate::object::ValueType;
use crate::prefetch::prefetch;
use crate::record::{self, Attributes};
use hyperion_model::limits::DATABASES_KEPT;
use hyperion_model::{DatabaseId, PartitionId};

/// Records that are asked for before they are looked at.
const AHEAD: usize = 16;
/// Fewer keys do not need indexes of their size from the start.
const RESERVED_KEYS_MIN: u64 = 100_000;

/// A key as it lies in a store.
#[derive(Clone, Copy)]
pub struct Held<'a> {
    /// Where it belongs.
    pub database: DatabaseId,
    /// The key itself.
    pub key: &'a [u8],
    /// Its value.
    pub value: Value<'a>,
    /// What the value is.
    pub value_type: ValueType,
    /// When the key expires, Unix ms.
    pub expiry_ms: Option<u64>,
    /// What else was written with the value.
    pub attributes: Option<Attributes>,
}

impl Store {
    /// Gives every key of a partition that has not expired, database after database, in no other order.
    ///
    /// # Errors
    /// The first one that `visit` gives.
    ///
    /// # Panics
    /// When another core has the partition.
    pub fn each_key<E>(
        &self,
        partition: PartitionId,
        mut visit: impl FnMut(Held<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let local = self.local_of_partition(partition).expect("the partition belongs to this core");
        for database in (0..DATABASES_KEPT).map(DatabaseId) {
            let Some(index) = self.databases[usize::from(database.0)].get(usize::from(local))
            else {
                continue;
            };
            let entries: Vec<Entry> = index.entries(&self.pool).collect();
            for (at, entry) in entries.iter().enumerate() {
                if let Some(ahead) = entries.get(at + AHEAD) {
                    prefetch(&self.log.bytes_at(ahead.location())[0]);
                }
                if let Some(held) = self.held(database, *entry) {
                    visit(held)?;
                }
            }
        }
        Ok(())
    }

    fn held(&self, database: DatabaseId, entry: Entry) -> Option<Held<'_>> {
        let (location, expires) = (entry.location(), entry.expires());
        if expires && self.has_expired(location) {
            return None;
        }
        let head = self.object_head(location);
        let found = Found { location, spot: Spot::NOWHERE, expires, access: entry.access(), head };
        Some(Held {
            database,
            key: record::key_at(self.log.bytes_at(location)),
            value: self.value(&found),
            value_type: self.value_type(&found),
            expiry_ms: self.expiry_ms(&found),
            attributes: self.attributes(&found),
        })
    }

    /// Makes the indexes of an empty store as large as they will be with all keys that `sources` hold of its partitions.
    pub fn reserve_for(&mut self, sources: &[Self]) {
        for database in 0..usize::from(DATABASES_KEPT) {
            let keys_of = |&partition: &u16| -> u64 {
                let indexes = sources.iter().filter_map(|source| {
                    let local = source.local_of_partition(PartitionId(partition))?;
                    source.databases[database].get(usize::from(local))
                });
                indexes.map(Index::count).sum()
            };
            let counts: Vec<u64> = self.owned.iter().map(keys_of).collect();
            if counts.iter().sum::<u64>() >= RESERVED_KEYS_MIN {
                self.databases[database] =
                    counts.iter().map(|&keys| Index::with_room(&mut self.pool, keys)).collect();
            }
        }
    }
}
