//! Owns chunks that are written ahead of the change of a string that brings them in, a part a turn. They lie among the string's chunks and
//! in no order; the change itself writes the chunks at the two edges alone, in one batch. What was written and never came in is dropped
//! at a start like any chunk that no head reaches.

use super::change::Touch;
use super::cool::WarmChunks;
use super::create::Parts;
use super::format::{CHUNK_HEAD_BYTES, KEY_BYTES, NO_CHUNK, push_splice};
use super::{Chunk, Chunks, Object, Objects};
use crate::error::StoreError;
use crate::limits::OBJECT_CHUNKS_MAX;
use crate::log::Log;
use crate::record::{Extras, Plan};
use std::borrow::Cow;

/// How a text falls on the chunks of a string: a first part into one that is there, then whole chunks, then a last part into another that
/// is there, unless the string ends before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    /// Where the text begins in the string.
    pub(super) offset: usize,
    pub(super) text_bytes: usize,
    /// Index of the chunk with the first part, where it begins there, and its bytes.
    first: usize,
    first_at: usize,
    pub(super) first_bytes: usize,
    /// Bytes of the chunks that are written ahead, and of each but the last.
    pub(super) ahead_bytes: usize,
    pub(super) each: usize,
    /// Index of the chunk behind those that they take the place of, and its number.
    last: usize,
    pub(super) behind: u32,
    /// Bytes of the text that go to the front of that chunk.
    pub(super) last_bytes: usize,
}

impl Chunks<'_> {
    /// Lays a text of `text_bytes` over the string from `offset` on, which lies within it or at its end.
    pub(super) fn fit(&self, offset: usize, text_bytes: usize, chunk_bytes_max: usize) -> Fit {
        let count = self.object.chunk_count();
        let each = if count > 1 { self.object.chunk_bytes(0) } else { chunk_bytes_max };
        let (first, starts_at) = self.seek(offset);
        let first_bytes = (starts_at + each - offset).min(text_bytes);
        let rest = text_bytes - first_bytes;
        let reaches_end = offset + text_bytes >= self.bytes();
        let (last, last_bytes) =
            if reaches_end { (count, 0) } else { (first + 1 + rest / each, rest % each) };
        let behind = if last < count { self.object.order[last].number } else { NO_CHUNK };
        Fit {
            offset,
            text_bytes,
            first,
            first_at: offset - starts_at,
            first_bytes,
            ahead_bytes: rest - last_bytes,
            each,
            last,
            behind,
            last_bytes,
        }
    }
}

impl Objects {
    /// Chunks will be written ahead; those of an earlier command that did not come are dropped by its owner.
    pub(super) fn begin_ahead(&mut self, id: u64) {
        let object = self.get_mut(id);
        assert!(object.ahead.is_empty(), "chunks of another change are ahead");
        object.generation_next = object.generation_next.wrapping_add(1);
    }

    /// Writes the next chunk ahead. `behind`: it is the last, and this one follows it.
    pub(super) fn push_ahead(
        &mut self,
        log: &mut Log,
        id: u64,
        parts: &Parts<'_>,
        behind: Option<u32>,
    ) -> Result<(), StoreError> {
        // Its key may have gone meanwhile: then what is written is of no use, and nobody asks for it.
        let Some(object) = self.objects.get_mut(&id).filter(|object| !object.is_gone) else {
            return Ok(());
        };
        if object.order.len() + object.ahead.len() >= OBJECT_CHUNKS_MAX {
            return Err(StoreError::TooManyChunks { chunks_max: OBJECT_CHUNKS_MAX });
        }
        let (number, generation) = (object.number_next, object.generation_next.wrapping_sub(1));
        let (bytes, heap_bytes) = (object.bytes, object.heap_bytes);
        object.write_base(log, id, number, (generation, behind.unwrap_or(number + 1)), parts)?;
        // It is no part of the value yet.
        object.bytes = bytes;
        object.ahead.push(number);
        object.number_next += 1;
        self.heap_bytes = self.heap_bytes - heap_bytes + object.heap_bytes;
        Ok(())
    }

    /// Drops what was written ahead for a string, if it is still there: its records are counted slice by slice.
    pub(super) fn drop_ahead(&mut self, log: &Log, id: u64) {
        let Some(object) = self.objects.get_mut(&id).filter(|object| !object.is_gone) else {
            return;
        };
        let numbers = std::mem::take(&mut object.ahead);
        let bytes: usize = numbers.iter().map(|&number| object.chunks[number].len()).sum();
        object.bytes += bytes;
        self.part(log, id, numbers);
    }

    /// Takes chunks that no order has out of an object; their records count as live until they were met.
    fn part(&mut self, log: &Log, id: u64, numbers: Vec<u32>) {
        let object = self.get_mut(id);
        let mut heap_bytes = 0;
        let mut parted = Object { is_counted: true, ..Object::default() };
        for number in numbers {
            let Some(chunk) = object.chunks.remove(number) else { continue };
            object.bytes -= chunk.len();
            object.heap_bytes -= chunk.heap_bytes();
            heap_bytes += chunk.heap_bytes();
            parted.log_bytes += chunk.log_bytes(log);
            let at = parted.chunks.insert(chunk);
            parted.order.push(at);
        }
        object.log_bytes -= parted.log_bytes;
        self.heap_bytes -= heap_bytes;
        self.dying_bytes += parted.log_bytes;
        self.dying.push(parted);
    }

    /// Brings the chunks that were written ahead into a string, and writes `edges`, the first and the last part of the text, into those that
    /// are there.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub(super) fn link_ahead(
        &mut self,
        log: &mut Log,
        id: u64,
        fit: &Fit,
        edges: &(Vec<u8>, Vec<u8>),
    ) -> Result<(), StoreError> {
        let object = self.objects.get_mut(&id).expect("a head is indexed only with its object");
        let heap_before = object.heap_bytes;
        let result = object.link_ahead(log, id, fit, edges, &mut self.warm);
        let heap_after = object.heap_bytes;
        self.heap_bytes = self.heap_bytes - heap_before + heap_after;
        self.part(log, id, result?);
        self.count_dying(log);
        Ok(())
    }
}

impl Chunk {
    /// Bytes of its records. Of one that rests they follow from its length: so many chunks at once are not read for it.
    fn log_bytes(&self, log: &Log) -> u64 {
        if self.hot.is_some() {
            return self.records().map(|location| log.record(location).size as u64).sum();
        }
        let value_bytes = CHUNK_HEAD_BYTES + self.len();
        let size = Plan::new(KEY_BYTES, value_bytes, &Extras::default(), 0).size;
        debug_assert_eq!(size, log.record(self.base).size, "a base is a plain record");
        size as u64
    }
}

impl Object {
    /// Gives the numbers of the chunks that were overwritten whole.
    fn link_ahead(
        &mut self,
        log: &mut Log,
        id: u64,
        fit: &Fit,
        (first, last): &(Vec<u8>, Vec<u8>),
        warm: &mut WarmChunks,
    ) -> Result<Vec<u32>, StoreError> {
        let at = self.order[fit.first];
        let bytes_before = self.chunk_bytes(fit.first);
        let mut touch = Touch {
            at,
            splices: Cow::Owned(Vec::new()),
            bytes: bytes_before,
            next: self.ahead.first().copied().unwrap_or(fit.behind),
            // As where a chunk is split: it rests from now on.
            is_rebased: self.chunks.at(at).hot.is_some(),
            rests: true,
        };
        if !first.is_empty() {
            let removed = (bytes_before - fit.first_at).min(first.len());
            touch.bytes = bytes_before - removed + first.len();
            push_splice(touch.splices.to_mut(), fit.first_at, removed, first);
        }
        let mut touches = vec![touch];
        if !last.is_empty() {
            let (at, bytes) = (self.order[fit.last], self.chunk_bytes(fit.last));
            let mut touch = Touch {
                at,
                splices: Cow::Owned(Vec::new()),
                bytes,
                next: self.chunks.at(at).next,
                is_rebased: false,
                rests: false,
            };
            push_splice(touch.splices.to_mut(), 0, last.len(), last);
            touches.push(touch);
        }
        for touch in &mut touches {
            touch.is_rebased |= self.chunks.at(touch.at).wants_base(touch);
        }
        log.make_room(touches.iter().map(Touch::record_bytes).sum())?;
        touches.iter().for_each(|touch| self.emit(log, id, touch, warm));
        let numbers = std::mem::take(&mut self.ahead);
        let places = self.places_of(&numbers);
        let more: usize = places.iter().map(|&at| self.chunks.at(at).len()).sum();
        self.bytes += more;
        let overwritten = self.order.splice(fit.first + 1..fit.last, places);
        let overwritten = overwritten.map(|at| at.number).collect();
        self.changed_at = log.appended_position();
        Ok(overwritten)
    }
}
