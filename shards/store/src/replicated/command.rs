//! Owns what commands change in a replicated partition: each change goes into the entry that is being built.

use super::change::{Change, ChangeKind, decode_changes, join_chunks};
use super::scan::Shown;
use crate::database::Key;
use crate::error::StoreError;
use crate::object::ValueType;
use crate::store::Store;
use hyperion_model::DatabaseId;

impl Store {
    /// Whether a change of this partition goes into an entry.
    ///
    /// # Panics
    /// When the partition is replicated, and no entry of it is being built.
    pub(crate) fn goes_into_entry(&self, local: u16) -> bool {
        let is_building = self.is_building(local);
        assert!(
            is_building || !self.replicated.has_partition(local),
            "a replicated partition is changed by entries alone"
        );
        is_building
    }

    pub(crate) fn put_in_entry(
        &mut self,
        key: &Key<'_>,
        value: &[&[u8]],
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        self.build((ChangeKind::Put, key.database), Some(key), value, expiry_ms)
    }

    pub(crate) fn put_packed_in_entry(
        &mut self,
        key: &Key<'_>,
        value: &[&[u8]],
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        self.build((ChangeKind::Packed, key.database), Some(key), value, expiry_ms)
    }

    pub(crate) fn put_object_in_entry(
        &mut self,
        key: &Key<'_>,
        value_type: ValueType,
        chunks: &[Vec<&[u8]>],
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        if value_type == ValueType::STRING {
            let value: Vec<&[u8]> = chunks.iter().flatten().copied().collect();
            return self.put_in_entry(key, &value, expiry_ms);
        }
        let joined: Vec<Vec<u8>> = chunks.iter().map(|parts| parts.concat()).collect();
        let value = join_chunks(value_type.0, joined.iter().map(Vec::as_slice));
        self.build((ChangeKind::Object, key.database), Some(key), &[&value], expiry_ms)
    }

    pub(crate) fn delete_in_entry(&mut self, key: &Key<'_>) -> Result<(), StoreError> {
        self.build((ChangeKind::Delete, key.database), Some(key), &[], None)
    }

    /// A flush, if an entry is being built: of the entry's partition.
    ///
    /// # Panics
    /// When none is, and a partition is replicated.
    pub(crate) fn flush_in_entry(
        &mut self,
        database: Option<DatabaseId>,
    ) -> Option<Result<(), StoreError>> {
        if self.replicated.building.is_none() {
            assert!(
                !self.replicated.partitions.contains(&true),
                "replicated partitions are flushed by entries alone"
            );
            return None;
        }
        let kind = database.map_or(ChangeKind::FlushAll, |_| ChangeKind::Flush);
        Some(self.build((kind, database.unwrap_or_default()), None, &[], None))
    }

    /// A key's value with another expiry, as a change.
    pub(crate) fn set_expiry_in_entry(
        &mut self,
        key: &Key<'_>,
        found: &crate::Found,
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let mut payload = Vec::new();
        let change = self.push_record(&mut payload, found.location, expiry_ms, Shown::Seen);
        change.expect("a value that was found is whole");
        let changes = decode_changes(&payload).expect("it was just written");
        let [Change { kind, value, attributes, .. }] = changes[..] else {
            unreachable!("one was written")
        };
        let key = key.with_attributes(attributes);
        self.build((kind, key.database), Some(&key), &[value], expiry_ms)
    }
}
