//! Owns the words in which clients ask for what they mean, and the names of their keys.

use super::clients::TEXT;
use super::world::World;
use crate::history::{Held, KeyId, Operation, ValueId};
use hyperion_model::{PartitionId, PartitionMap, slot_of};

/// Keys of each partition: two registers, a counter, a string that grows and one without a history.
pub(super) const KEYS: usize = 5;
/// Sets of keys that lie in several partitions, and keys of each.
const SPANS: usize = 2;
pub(super) const SPAN_KEYS: u16 = 3;

impl World {
    /// As [`World::words`], for keys that are fields of the partition's hash. `None`: they are not.
    fn words_of_fields(&self, partition: usize, operation: &Operation) -> Option<Vec<Vec<u8>>> {
        let hash = self.hashes.get(partition).filter(|_| self.settings.collections)?;
        let name = |key: KeyId| self.names[partition][key].clone();
        let value = |value: ValueId| self.values.bytes(value).to_vec();
        let (verb, mut rest): (&str, Vec<Vec<u8>>) = match operation {
            Operation::Get(TEXT) => return None,
            Operation::Get(key) => ("hget", vec![name(*key)]),
            Operation::Set(key, Held { value: set, expiry_ms: Some(ttl_ms) }) => {
                let words =
                    [b"px", ttl_ms.to_string().as_bytes(), b"fields", b"1"].map(<[u8]>::to_vec);
                let words = words.into_iter().chain([name(*key), value(*set)]);
                return Some([b"hsetex".to_vec(), hash.clone()].into_iter().chain(words).collect());
            }
            Operation::Set(key, held) => ("hmset", vec![name(*key), value(held.value)]),
            Operation::Delete(keys) if keys.contains(&TEXT) => return None,
            Operation::Delete(keys) => ("hdel", keys.iter().map(|&key| name(key)).collect()),
            Operation::Increment(key) => ("hincrby", vec![name(*key), b"1".to_vec()]),
            Operation::SetAll(all) => {
                ("hmset", all.iter().flat_map(|&(key, set)| [name(key), value(set)]).collect())
            }
            Operation::GetAll(keys) => ("hmget", keys.iter().map(|&key| name(key)).collect()),
            _ => return None,
        };
        if let Operation::Set(_, held) = operation {
            // The hash becomes large, and changes in several places.
            for number in [held.value % 41, held.value % 43] {
                let length = 100 + 7 * (held.value as usize % 23);
                rest.extend([format!("pad {number}").into_bytes(), vec![b'p'; length]]);
            }
        }
        Some([verb.as_bytes().to_vec(), hash.clone()].into_iter().chain(rest).collect())
    }

    /// The command as a client writes it.
    pub(super) fn words(&self, partition: usize, operation: &Operation) -> Vec<Vec<u8>> {
        if let Some(words) = self.words_of_fields(partition, operation) {
            return words;
        }
        let name = |key: KeyId| self.names[partition][key].clone();
        let value = |value: ValueId| self.values.bytes(value).to_vec();
        let pairs = |pairs: &[(KeyId, ValueId)]| -> Vec<Vec<u8>> {
            pairs.iter().flat_map(|&(key, set)| [name(key), value(set)]).collect()
        };
        let names =
            |keys: &[KeyId]| -> Vec<Vec<u8>> { keys.iter().map(|&key| name(key)).collect() };
        let (verb, rest) = match operation {
            Operation::Get(key) => ("get", vec![name(*key)]),
            Operation::Set(key, held) => {
                let ttl_ms = held.expiry_ms.iter();
                let ttl = ttl_ms.flat_map(|it| [b"px".to_vec(), it.to_string().into_bytes()]);
                ("set", [name(*key), value(held.value)].into_iter().chain(ttl).collect())
            }
            Operation::Delete(keys) => ("del", names(keys)),
            Operation::Increment(key) => ("incr", vec![name(*key)]),
            Operation::Append(key, tail) => ("append", vec![name(*key), value(*tail)]),
            Operation::SetAll(all) => ("mset", pairs(all)),
            Operation::SetAllAbsent(all) => ("msetnx", pairs(all)),
            Operation::GetAll(keys) => ("mget", names(keys)),
            Operation::Rename(from, to) => ("rename", vec![name(*from), name(*to)]),
            other => unreachable!("clients of a cluster do not send {other:?}"),
        };
        std::iter::once(verb.as_bytes().to_vec()).chain(rest).collect()
    }
}

/// A name in a partition.
pub(super) fn hash_in(map: &PartitionMap, partition: PartitionId) -> Vec<u8> {
    let mut names = (0..).map(|number| format!("hash-{number}").into_bytes());
    let lies_there = |name: &Vec<u8>| map.partition_of(slot_of(name)) == partition;
    names.find(lies_there).expect("names lie anywhere")
}

/// Names of keys, by partition.
pub(super) fn names_by_partition(map: &PartitionMap, partitions: u16) -> Vec<Vec<Vec<u8>>> {
    let mut names = vec![Vec::new(); usize::from(partitions)];
    let mut number = 0;
    while names.iter().any(|own| own.len() < KEYS) {
        let name = format!("key-{number}").into_bytes();
        number += 1;
        let own = &mut names[usize::from(map.partition_of(slot_of(&name)).0)];
        if own.len() < KEYS {
            own.push(name);
        }
    }
    names
}

/// Names of keys that lie in several partitions and are written together, by their sets.
pub(super) fn spans(map: &PartitionMap, partitions: u16) -> Vec<Vec<Vec<u8>>> {
    let in_partition = |set: usize, partition: u16| {
        let mut names = (0..).map(|number| format!("span-{set}-{number}").into_bytes());
        let lies = |name: &Vec<u8>| map.partition_of(slot_of(name)).0 == partition;
        names.find(lies).expect("names lie anywhere")
    };
    let set = |set: usize| {
        let first = u16::try_from(set).expect("few");
        (0..SPAN_KEYS).map(|key| in_partition(set, (first + key) % partitions)).collect()
    };
    (0..SPANS).map(set).collect()
}
