//! Owns how a value that is no plain string comes to be: packed, or as chunks, which are written before their head names them.

use super::format::{
    CHUNK_HEAD_BYTES, Head, KEY_BYTES, NO_CHUNK, SHORT_KEY_BYTES, chunk_head, chunk_key,
};
use super::table::At;
use super::{Chunk, Object, Objects, ValueType};
use crate::database::Key;
use crate::error::StoreError;
use crate::limits::{OBJECT_CHUNK_BYTES_MAX, OBJECT_CHUNKS_MAX};
use crate::log::{Location, Log};
use crate::record::{Extras, Kind, RECORD_HEAD_BYTES_MAX};
use crate::store::Store;

/// The bytes of one chunk, in parts.
pub(crate) type Parts<'a> = Vec<&'a [u8]>;

impl Log {
    /// The most bytes of one chunk here.
    pub(crate) fn chunk_bytes_max(&self) -> usize {
        OBJECT_CHUNK_BYTES_MAX.min(self.record_value_bytes_max() - CHUNK_HEAD_BYTES)
    }
}

/// Cuts a value into chunks: `first` bytes for the first one, `size` for all others but the last.
pub(crate) fn cut<'a>(value: &[&'a [u8]], first: usize, size: usize) -> Vec<Parts<'a>> {
    let (mut chunks, mut chunk, mut left) = (Vec::new(), Parts::new(), first);
    for part in value {
        let mut rest = *part;
        while !rest.is_empty() {
            if left == 0 {
                chunks.push(std::mem::take(&mut chunk));
                left = size;
            }
            let (taken, behind) = rest.split_at(rest.len().min(left));
            chunk.push(taken);
            left -= taken.len();
            rest = behind;
        }
    }
    chunks.push(chunk);
    chunks
}

impl Store {
    /// Sets a key to a value of any type but a string, packed in one record: for what is small and rewritten whole.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn put_packed(
        &mut self,
        key: &Key<'_>,
        value_type: ValueType,
        value: &[&[u8]],
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let tag = [value_type.0];
        let value: Vec<&[u8]> = std::iter::once(&tag[..]).chain(value.iter().copied()).collect();
        if self.replicated.is_used && self.goes_into_entry(key.local) {
            return self.put_packed_in_entry(key, &value, expiry_ms);
        }
        let extras = key.extras(expiry_ms);
        let location = self.log.append(Kind::Packed, &extras, key.bytes, &value)?;
        self.point(key.place(), location, self.log.last_size, expiry_ms.is_some());
        self.observe(self.log.appended_position());
        Ok(())
    }

    /// Sets a key to an object of these chunks, each in parts: at least one, none longer than [`Store::chunk_bytes_max`].
    ///
    /// # Errors
    /// When there is no room, or there are too many chunks; then nothing has changed.
    pub fn put_object(
        &mut self,
        key: &Key<'_>,
        value_type: ValueType,
        chunks: &[Vec<&[u8]>],
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        if self.replicated.is_used && self.goes_into_entry(key.local) {
            return self.put_object_in_entry(key, value_type, chunks, expiry_ms);
        }
        let location = self.append_object(key, value_type, chunks, expiry_ms)?;
        self.point(key.place(), location, self.log.last_size, expiry_ms.is_some());
        self.observe(self.log.appended_position());
        Ok(())
    }

    /// Writes an object and its head.
    pub(crate) fn append_object(
        &mut self,
        key: &Key<'_>,
        value_type: ValueType,
        chunks: &[Parts<'_>],
        expiry_ms: Option<u64>,
    ) -> Result<Location, StoreError> {
        let head = self.objects.create(&mut self.log, value_type, chunks)?;
        self.append_head(key, head, expiry_ms)
    }

    /// Writes the head of an object; without room for it the object goes too.
    pub(crate) fn append_head(
        &mut self,
        key: &Key<'_>,
        head: Head,
        expiry_ms: Option<u64>,
    ) -> Result<Location, StoreError> {
        let extras = key.extras(expiry_ms);
        let result = self.log.append(Kind::Object, &extras, key.bytes, &[&head.bytes()]);
        if result.is_err() {
            self.objects.remove(head.id);
        }
        result
    }
}

impl Objects {
    /// Writes the chunks of a new object, at least one, and gives the head that must follow. Nothing is kept when it
    /// fails.
    pub(crate) fn create(
        &mut self,
        log: &mut Log,
        value_type: ValueType,
        chunks: &[Parts<'_>],
    ) -> Result<Head, StoreError> {
        let id = log.lsn_next;
        let mut object = Object::default();
        let numbers = object.write_new(log, id, chunks, NO_CHUNK)?;
        object.order = object.places_of(&numbers);
        object.is_counted = true;
        object.changed_at = log.appended_position();
        self.heap_bytes += object.heap_bytes;
        self.objects.insert(id, object);
        Ok(Head { value_type, id })
    }
}

/// Bytes of the record of a new chunk, at most.
pub(super) fn base_bytes(parts: &[&[u8]]) -> usize {
    // What `Log::append` asks for beside the record, and its padding.
    RECORD_HEAD_BYTES_MAX
        + KEY_BYTES
        + CHUNK_HEAD_BYTES
        + 24
        + parts.iter().map(|part| part.len()).sum::<usize>()
}

impl Object {
    /// Writes new chunks that lead to the chunk `behind`; the caller takes them into the order. Nothing is kept when it fails.
    pub(super) fn write_new(
        &mut self,
        log: &mut Log,
        id: u64,
        chunks: &[Parts<'_>],
        behind: u32,
    ) -> Result<Vec<u32>, StoreError> {
        let count = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
        if self.order.len() + chunks.len() > OBJECT_CHUNKS_MAX {
            return Err(StoreError::TooManyChunks { chunks_max: OBJECT_CHUNKS_MAX });
        }
        log.has_room(chunks.iter().map(|parts| base_bytes(parts)).sum())?;
        let first = self.number_next;
        let numbers: Vec<u32> = (first..first + count).collect();
        let generation = self.generation_next;
        for (at, parts) in chunks.iter().enumerate() {
            let number = numbers[at];
            let next = numbers.get(at + 1).copied().unwrap_or(behind);
            if let Err(error) = self.write_base(log, id, number, (generation, next), parts) {
                self.forget_new(log, &numbers[..at]);
                return Err(error);
            }
        }
        self.number_next += count;
        self.generation_next = generation.wrapping_add(1);
        Ok(numbers)
    }

    /// Appends a base and takes the chunk up under its number; what it was before is the caller's.
    pub(super) fn write_base(
        &mut self,
        log: &mut Log,
        id: u64,
        number: u32,
        (generation, next): (u32, u32),
        parts: &[&[u8]],
    ) -> Result<(), StoreError> {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let bytes_max = log.chunk_bytes_max();
        assert!(bytes <= bytes_max, "a chunk of {bytes} bytes; at most {bytes_max} are allowed");
        let (key, head) = (chunk_key(id, number), chunk_head(generation, next));
        let location = match *parts {
            [part] if CHUNK_HEAD_BYTES + part.len() <= usize::from(u16::MAX) => {
                log.make_room(base_bytes(parts))?;
                let mut begin = [0; KEY_BYTES + CHUNK_HEAD_BYTES];
                begin[..KEY_BYTES].copy_from_slice(&key);
                begin[KEY_BYTES..].copy_from_slice(&head);
                log.append_short((Kind::Chunk, SHORT_KEY_BYTES), &begin, part)
            }
            _ => {
                let value: Vec<&[u8]> =
                    std::iter::once(&head[..]).chain(parts.iter().copied()).collect();
                log.append(Kind::Chunk, &Extras::default(), &key, &value)?
            }
        };
        self.count(log, location, log.last_size);
        let chunk = Chunk::cold(number, location, bytes, generation, next);
        self.bytes += bytes;
        self.heap_bytes += chunk.heap_bytes();
        self.chunks.insert(chunk);
        Ok(())
    }

    /// Where the chunks of these numbers are, which are there.
    pub(super) fn places_of(&self, numbers: &[u32]) -> Vec<At> {
        let place = |&number| self.chunks.find(number).expect("they were written");
        numbers.iter().map(place).collect()
    }

    /// Drops chunks that were written and are part of nothing.
    pub(super) fn forget_new(&mut self, log: &mut Log, numbers: &[u32]) {
        for number in numbers {
            self.drop_chunk(log, *number);
        }
    }

    /// Counts a chunk as dead and forgets it.
    pub(super) fn drop_chunk(&mut self, log: &mut Log, number: u32) {
        let Some(chunk) = self.chunks.remove(number) else { return };
        self.bytes -= chunk.len();
        self.heap_bytes -= chunk.heap_bytes();
        chunk.records().for_each(|location| self.discount(log, location));
    }
}
