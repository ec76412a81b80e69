//! Owns the hidden records of a partition: transactions that it has prepared, and decisions that others still wait for.

use super::codec::{Reader, Writer};
use super::decision::Decided;
use super::mail::SpanId;
use crate::effect::OwnedWrite;
use crate::engine::Engine;
use crate::limits::SPAN_PLACES;
use hyperion_model::{DatabaseId, PartitionId, slot_of};
use hyperion_store::StoreError;

/// What a hidden record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Record {
    /// These writes wait for the decision.
    Prepared { id: SpanId, decision: PartitionId, writes: Vec<OwnedWrite> },
    /// It is committed, and these partitions may not know.
    Decision { id: SpanId, others: Vec<PartitionId> },
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Self::Prepared { id, decision, writes } => {
                writer.byte(1);
                writer.id(*id);
                writer.partition(*decision);
                writer.writes(writes);
            }
            Self::Decision { id, others } => {
                writer.byte(2);
                writer.id(*id);
                writer.partitions(others.iter().copied());
            }
        }
        writer.0
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let kind = reader.byte()?;
        let id = reader.id()?;
        let record = match kind {
            1 => {
                let decision = reader.partition()?;
                Self::Prepared { id, decision, writes: reader.writes()? }
            }
            2 => Self::Decision { id, others: reader.partitions()? },
            _ => return None,
        };
        reader.0.is_empty().then_some(record)
    }
}

impl Engine {
    /// The name of a place: the number in braces makes it lie in the partition.
    fn place_name(&mut self, partition: PartitionId, place: u16) -> Vec<u8> {
        let map = &self.map;
        let tag = *self.spanning.tags.entry(partition).or_insert_with(|| {
            let lies =
                |tag: &u32| map.partition_of(slot_of(tag.to_string().as_bytes())) == partition;
            (0..).find(lies).expect("every partition has slots, and every slot numbers")
        });
        format!("{{{tag}}}{place}").into_bytes()
    }

    /// A place that is free.
    pub(super) fn free_place(&self, partition: PartitionId) -> Option<u16> {
        let used = self.spanning.used.get(&partition);
        (0..SPAN_PLACES).find(|place| used.is_none_or(|used| !used.contains(place)))
    }

    pub(super) fn use_place(&mut self, partition: PartitionId, place: u16) {
        self.spanning.used.entry(partition).or_default().insert(place);
    }

    pub(super) fn give_place(&mut self, partition: PartitionId, place: u16) {
        if let Some(used) = self.spanning.used.get_mut(&partition) {
            used.remove(&place);
        }
    }

    /// Writes a record into the entry that is being made.
    pub(super) fn put_record(
        &mut self,
        partition: PartitionId,
        place: u16,
        record: &Record,
    ) -> Result<(), StoreError> {
        let name = self.place_name(partition, place);
        let key = self.store.key(DatabaseId::HIDDEN, &name);
        self.store.put(&key, &[&record.encode()], None)
    }

    /// Removes a record in the entry that is being made.
    pub(super) fn delete_record(
        &mut self,
        partition: PartitionId,
        place: u16,
    ) -> Result<(), StoreError> {
        let name = self.place_name(partition, place);
        let key = self.store.key(DatabaseId::HIDDEN, &name);
        let lookups = self.store.lookups();
        let deleted = self.store.delete(&key);
        self.store.set_lookups(lookups);
        assert!(deleted?, "the record at place {place} of {partition:?} is gone");
        Ok(())
    }

    /// The record at a place.
    pub(super) fn record_at(&mut self, partition: PartitionId, place: u16) -> Option<Record> {
        let name = self.place_name(partition, place);
        let key = self.store.key(DatabaseId::HIDDEN, &name);
        let lookups = self.store.lookups();
        let found = self.store.peek(&key);
        self.store.set_lookups(lookups);
        let (value, mut bytes) = (self.store.value(&found?), Vec::new());
        value.copy_range(0, value.len(), &mut bytes);
        Some(Record::decode(&bytes).expect("hidden records are made by this program"))
    }

    /// This core has come to lead the partition: takes over what its groups' entries have left.
    pub(super) fn load_records(&mut self, partition: PartitionId) {
        for place in 0..SPAN_PLACES {
            let Some(record) = self.record_at(partition, place) else { continue };
            self.use_place(partition, place);
            match record {
                Record::Prepared { id, decision, writes } => {
                    let keys = writes.into_iter().map(|write| (write.database, write.key));
                    self.hold_prepared(partition, id, keys.collect(), place, decision);
                }
                Record::Decision { id, others } => {
                    let decided = Decided::new(place, 0, others);
                    self.spanning.decided.insert((partition, id), decided);
                }
            }
        }
    }
}
