//! Owns the bytes of an object's records: heads, chunks, and the changes of chunks.
//!
//! A head's value: type u8, object id u64. The key of a chunk and of a delta: object id u64, chunk number u32. A chunk's value:
//! generation u32, number of the next chunk u32, the chunk's bytes. A delta's value: generation u32 of the chunk that it changes,
//! how many deltas came before it u32, number of the next chunk u32, then splices: at u16, removed bytes u16, length u16, bytes.

use super::ValueType;
use crate::error::StoreError;
use crate::limits::{HOT_BYTES_STEP, HOT_GROWS_BYTES, HOT_GROWS_PART};
use crate::log::{Location, Log};
use crate::record::{Extras, Kind, read_u32, read_u64_short};

/// Stands for the chunk behind the last one.
pub(super) const NO_CHUNK: u32 = u32::MAX;
/// Bytes of a head's value.
pub(crate) const HEAD_BYTES: usize = 9;
/// Bytes of a chunk's value before the chunk's own.
pub(super) const CHUNK_HEAD_BYTES: usize = 8;
/// Bytes of a delta's value before its splices, and of each splice before what it puts in.
pub(super) const DELTA_HEAD_BYTES: usize = 12;
pub(super) const SPLICE_HEAD_BYTES: usize = 6;
/// Bytes of the key of a chunk or a delta.
pub(super) const KEY_BYTES: usize = 12;
pub(super) const SHORT_KEY_BYTES: u8 = 12;

/// What the record of an object's key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) value_type: ValueType,
    pub(crate) id: u64,
}

impl Head {
    pub(crate) fn bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = self.value_type.0;
        bytes[1..].copy_from_slice(&self.id.to_le_bytes());
        bytes
    }

    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let &[value_type, ref id @ ..] = <&[u8; HEAD_BYTES]>::try_from(value).ok()?;
        Some(Self { value_type: ValueType(value_type), id: u64::from_le_bytes(*id) })
    }
}

/// The key of the records of a chunk.
pub(super) fn chunk_key(id: u64, number: u32) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&id.to_le_bytes());
    key[8..].copy_from_slice(&number.to_le_bytes());
    key
}

/// Object and number of the chunk that a record belongs to.
pub(crate) fn read_chunk_key(key: &[u8]) -> Option<(u64, u32)> {
    let (id, number) = key.split_at_checked(8)?;
    Some((read_u64_short(id), u32::from_le_bytes(number.try_into().ok()?)))
}

/// The first bytes of a chunk's value.
pub(super) fn chunk_head(generation: u32, next: u32) -> [u8; CHUNK_HEAD_BYTES] {
    let mut head = [0; CHUNK_HEAD_BYTES];
    head[..4].copy_from_slice(&generation.to_le_bytes());
    head[4..].copy_from_slice(&next.to_le_bytes());
    head
}

/// Generation, next chunk and bytes of a chunk.
pub(super) fn read_chunk(value: &[u8]) -> Option<(u32, u32, &[u8])> {
    let (head, bytes) = value.split_at_checked(CHUNK_HEAD_BYTES)?;
    Some((read_u32(head, 0), read_u32(head, 4), bytes))
}

/// A change of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delta<'a> {
    pub(super) generation: u32,
    pub(super) sequence: u32,
    pub(super) next: u32,
    pub(super) splices: &'a [u8],
}

impl<'a> Delta<'a> {
    pub(super) fn head(&self) -> [u8; DELTA_HEAD_BYTES] {
        let mut head = [0; DELTA_HEAD_BYTES];
        head[..4].copy_from_slice(&self.generation.to_le_bytes());
        head[4..8].copy_from_slice(&self.sequence.to_le_bytes());
        head[8..].copy_from_slice(&self.next.to_le_bytes());
        head
    }

    /// Appends its record, for which the caller made room.
    pub(super) fn append(
        &self,
        log: &mut Log,
        id: u64,
        number: u32,
    ) -> Result<Location, StoreError> {
        if DELTA_HEAD_BYTES + self.splices.len() > usize::from(u16::MAX) {
            let value = [&self.head()[..], self.splices];
            return log.append(Kind::Delta, &Extras::default(), &chunk_key(id, number), &value);
        }
        let mut begin = [0; KEY_BYTES + DELTA_HEAD_BYTES];
        begin[..KEY_BYTES].copy_from_slice(&chunk_key(id, number));
        begin[KEY_BYTES..].copy_from_slice(&self.head());
        Ok(log.append_short((Kind::Delta, SHORT_KEY_BYTES), &begin, self.splices))
    }

    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let (head, splices) = value.split_at_checked(DELTA_HEAD_BYTES)?;
        Some(Self {
            generation: read_u32(head, 0),
            sequence: read_u32(head, 4),
            next: read_u32(head, 8),
            splices,
        })
    }
}

/// Adds a splice to those of a delta. All three fit 16 bits: chunks are shorter.
pub(super) fn push_splice(splices: &mut Vec<u8>, at: usize, removed: usize, inserted: &[u8]) {
    for length in [at, removed, inserted.len()] {
        let length = u16::try_from(length).expect("chunks are below 64 KiB");
        splices.extend_from_slice(&length.to_le_bytes());
    }
    splices.extend_from_slice(inserted);
}

/// Carries the splices of a delta out on a chunk's bytes. `false`: they do not fit it, and the bytes mean nothing now.
pub(super) fn apply(mut splices: &[u8], bytes: &mut Vec<u8>) -> bool {
    while !splices.is_empty() {
        let Some((head, rest)) = splices.split_at_checked(SPLICE_HEAD_BYTES) else { return false };
        let word = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
        let (at, removed, length) = (word(0), word(2), word(4));
        let Some((inserted, rest)) = rest.split_at_checked(length) else { return false };
        if at + removed > bytes.len() {
            return false;
        }
        splice(bytes, at, removed, inserted);
        splices = rest;
    }
    true
}

/// Replaces `removed` bytes at `at`.
pub(super) fn splice(bytes: &mut Vec<u8>, at: usize, removed: usize, inserted: &[u8]) {
    let (before, tail) = (bytes.len(), at + removed);
    if removed != inserted.len() {
        let after = before - removed + inserted.len();
        if after > bytes.capacity() {
            // Not twice as much: there are many chunks, and each grows little.
            let wanted = after + HOT_GROWS_BYTES + after / HOT_GROWS_PART;
            bytes.reserve_exact(wanted.next_multiple_of(HOT_BYTES_STEP) - before);
        }
        bytes.resize(before.max(after), 0);
        bytes.copy_within(tail..before, at + inserted.len());
        bytes.truncate(after);
    }
    bytes[at..at + inserted.len()].copy_from_slice(inserted);
}
