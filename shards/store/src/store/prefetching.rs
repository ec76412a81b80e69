//! Owns what is asked for before it is looked at: buckets of the indexes, then records.

use super::Store;
use crate::database::{Key, Place};
use crate::index::Index;
use crate::log::Location;
use crate::prefetch::prefetch;

impl Store {
    /// Asks for the key's bucket.
    #[inline]
    pub fn prefetch_bucket(&self, key: &Key<'_>) {
        self.prefetch_place(key.place());
    }

    #[inline]
    pub(crate) fn prefetch_place(&self, key: Place) {
        if let Some(index) = self.index_of(key) {
            index.prefetch(&self.pool, key.hash);
        }
    }

    /// Asks for the buckets behind the one that [`Store::prefetch_place`] asked for, where they will be looked through for the entry of the
    /// record at `location`.
    #[inline]
    pub(crate) fn prefetch_rest(&self, key: Place, location: Location) {
        if let Some(index) = self.index_of(key) {
            index.prefetch_rest(&self.pool, key.hash, location);
        }
    }

    #[inline(always)]
    pub(crate) fn index_of(&self, key: Place) -> Option<&Index> {
        self.databases[usize::from(key.database.0)].get(usize::from(key.local))
    }

    /// Asks for the key's record; its bucket should be there by now.
    #[inline]
    pub fn prefetch_record(&self, key: &Key<'_>) {
        if let Some(index) = self.databases[usize::from(key.database.0)].get(usize::from(key.local))
            && let Some(location) = index.guess(&self.pool, key.hash)
        {
            prefetch(&self.log.bytes_at(location)[0]);
        }
    }

    /// Asks for the record at `location` and the one that it most likely takes the place of, if there is one; the bucket should be there
    /// by now.
    #[inline(always)]
    pub(crate) fn prefetch_alike(&self, key: Place, location: Location) {
        if let Some(other) = self.index_of(key).and_then(|index| index.guess(&self.pool, key.hash))
        {
            prefetch(&self.log.bytes_at(other)[0]);
            prefetch(&self.log.bytes_at(location)[0]);
        }
    }
}
