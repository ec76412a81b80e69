//! Owns the walk over a partition's live records, as changes: what a replica gets that has none of the entries.

use super::change::{ChangeKind, join_chunks, push_change};
use super::format::read_flush_key;
use crate::index::Cursor;
use crate::log::Location;
use crate::object::{Chunks, Head, ValueType};
use crate::record::{self, Attributes, Kind};
use crate::store::Store;
use hyperion_model::limits::DATABASES_KEPT;
use hyperion_model::{DatabaseId, GroupId, PartitionId};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Where the walk over a partition stands.
///
/// Shape as a number: 8 bits database, 8 bits bucket, 32 bits prefix; 0 is the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionCursor(pub u64);

/// What is shown of a value in chunks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shown {
    /// It as it is applied.
    Applied,
    /// It as it is applied, and that it has all amendments of the entries up to this one.
    Through(u64),
    /// It as commands see it.
    Seen,
}

impl Store {
    /// Appends the next changes that make up a partition to `out`, about `bytes_max` bytes of them and one bucket at least, and gives where
    /// they go on; `None`: that was all. Each key that is there all the while is met with a value that it had meanwhile; later entries,
    /// which are absolute, bring what it becomes. Only what is applied is met.
    ///
    /// # Panics
    /// When another core has the partition.
    pub fn partition_scan(
        &self,
        partition: PartitionId,
        cursor: PartitionCursor,
        bytes_max: usize,
        out: &mut Vec<u8>,
    ) -> Option<PartitionCursor> {
        let local = self.local_of_partition(partition).expect("the partition is this core's");
        let shown = if self.replicated.has_amended {
            Shown::Through(self.applied(GroupId::of(partition)).0)
        } else {
            Shown::Applied
        };
        let hash_at = |at: Location| {
            xxh3_64_with_seed(record::key_at(self.log.bytes_at(at)), self.hash_seed())
        };
        #[expect(clippy::cast_possible_truncation, reason = "8 bits, 8 bits and 32 bits")]
        let (mut database, mut within) = (
            (cursor.0 >> 40) as u8,
            Cursor { prefix: cursor.0 as u32, bucket: (cursor.0 >> 32) as u8 },
        );
        let end = out.len() + bytes_max;
        while database < DATABASES_KEPT {
            let index = self.databases[usize::from(database)].get(usize::from(local));
            let next = index.and_then(|index| {
                let mut met = Vec::new();
                let next = index.walk(&self.pool, within, hash_at, |_, entry| met.push(entry));
                for entry in met {
                    let expiry_ms = self.log.record(entry.location()).expiry_ms;
                    let _ = self.push_record(out, entry.location(), expiry_ms, shown);
                }
                next
            });
            match next {
                Some(next) => within = next,
                None => (database, within) = (database + 1, Cursor::default()),
            }
            if out.len() >= end && database < DATABASES_KEPT {
                return Some(PartitionCursor(
                    u64::from(database) << 40
                        | u64::from(within.bucket) << 32
                        | u64::from(within.prefix),
                ));
            }
        }
        None
    }

    /// Appends what a record says as a change, with this expiry. `None`: its chunks are gone.
    pub(super) fn push_record(
        &self,
        out: &mut Vec<u8>,
        location: Location,
        expiry_ms: Option<u64>,
        shown: Shown,
    ) -> Option<()> {
        let record = self.log.record(location);
        let database = DatabaseId(u8::try_from(record.namespace).ok()?);
        let mut push = |kind: ChangeKind, key: &[u8], value: &[&[u8]]| {
            let attributes = match (kind, shown) {
                (ChangeKind::Object, Shown::Through(cas)) => Some(Attributes { flags: 0, cas }),
                (ChangeKind::Object, _) => None,
                _ => record.attributes.filter(|_| kind.sets_key()),
            };
            push_change(out, (kind, database), key, value, (expiry_ms, attributes));
        };
        match record.kind {
            Kind::Put => push(ChangeKind::Put, record.key, &[record.value]),
            Kind::Packed => push(ChangeKind::Packed, record.key, &[record.value]),
            Kind::Tombstone => push(ChangeKind::Delete, record.key, &[]),
            Kind::Flush => {
                let (_, is_all) = read_flush_key(record.key)?;
                push(if is_all { ChangeKind::FlushAll } else { ChangeKind::Flush }, &[], &[]);
            }
            Kind::Object => {
                let head = Head::read(record.value)?;
                let object = self.objects.find(head.id)?;
                let chunks = match shown {
                    Shown::Seen => self.chunks_of(head.id),
                    _ => Chunks { log: &self.log, object, foreseen: None },
                };
                if head.value_type == ValueType::STRING {
                    let pieces: Vec<&[u8]> = chunks.iter(0).collect();
                    push(ChangeKind::Put, record.key, &pieces);
                } else {
                    let value = join_chunks(head.value_type.0, chunks.iter(0));
                    push(ChangeKind::Object, record.key, &[&value]);
                }
            }
            _ => return None,
        }
        Some(())
    }
}
