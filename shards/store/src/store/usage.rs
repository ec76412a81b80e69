//! Owns what one key takes of the memory.

use super::Store;
use crate::database::Found;

impl Store {
    /// Bytes that a key that was just found takes: its record, its share of the indexes, and for a value in chunks their records and
    /// what lies on the heap for them.
    #[must_use]
    pub fn key_bytes(&self, found: &Found) -> u64 {
        let record = self.log.record(found.location).size as u64;
        let keys = self.figures().keys.max(1);
        let index = self.pool.bytes().div_ceil(keys);
        // A nearly empty index is not one key's doing.
        let index = index.min(INDEX_BYTES_MAX);
        let object = found.head;
        record + index + object.map_or(0, |head| self.objects.get(head.id).memory_bytes())
    }
}

/// The most that a key's share of the indexes is told to be.
const INDEX_BYTES_MAX: u64 = 32;
