//! Owns the writing of long strings ahead of their command, a part at a time: the chunks are there when the keys are set, and no turn has
//! to write them all.
//!
//! What is written ahead is a whole new string, or chunks that a string which is there will get: in the place of those that are
//! overwritten whole, and behind its end (see `ahead`). Until the command runs it is part of no value.

use super::create::Parts;
use super::format::{Head, NO_CHUNK};
use super::{Object, Objects, ValueType};
use crate::database::{Found, Key, Value};
use crate::error::StoreError;
use crate::log::Log;
use crate::store::Store;

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// Where in a string the bytes of a command go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagedAt {
    /// They are all of it.
    Whole,
    /// Behind its end.
    End,
    /// There; what lies between its end and there becomes zeros.
    Offset(usize),
}

/// A string that a command will write.
#[derive(Clone, Copy, Debug)]
pub struct StagedText<'a> {
    /// Its key.
    pub key: Key<'a>,
    /// Where the bytes go.
    pub at: StagedAt,
    /// The bytes.
    pub value: &'a [u8],
}

/// What is being written, and belongs to no key yet.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(super) id: u64,
    pub(super) place: Place,
    /// Zeros before the command's bytes, and how many those are.
    zeros: usize,
    value_bytes: usize,
    /// Bytes that were written, of how many.
    written: usize,
    bytes: usize,
    /// Bytes of a chunk.
    each: usize,
    /// The command runs now, with its bytes at this address.
    address: Option<usize>,
}

/// What the chunks are for.
#[derive(Debug)]
pub(super) enum Place {
    /// A string that begins and ends with what was there before.
    New { before: Vec<u8>, after: Vec<u8> },
    /// The string `id`, as it was when its last change ended at `changed_at`.
    Within { changed_at: u64, fit: super::ahead::Fit },
}

impl Store {
    /// Whether writing so many bytes of strings is too much for one turn.
    #[must_use]
    pub fn is_long(&self, bytes: usize) -> bool {
        bytes > self.log.record_value_bytes_max()
    }

    /// Writes the next part of the texts of one command: `bytes` about, whole chunks, in the order of `texts`. `true`: all is written. What
    /// was staged before is dropped unless it is of this command, for which this was called before; the caller tells by `is_new`.
    ///
    /// # Errors
    /// When there is no room; what was written stays for the next call.
    pub fn stage(
        &mut self,
        texts: &[StagedText<'_>],
        bytes: usize,
        is_new: bool,
    ) -> Result<bool, StoreError> {
        let fits =
            |(text, staged): (&StagedText<'_>, &Staged)| text.value.len() == staged.value_bytes;
        if is_new || self.staged.len() > texts.len() || !texts.iter().zip(&self.staged).all(fits) {
            self.drop_staged();
        }
        let mut left = bytes.max(1);
        for (number, text) in texts.iter().enumerate() {
            if self.staged.len() == number {
                if left == 0 {
                    // One that is begun has a record under its id at once.
                    return Ok(false);
                }
                let staged = self.begin_staged(text);
                self.staged.push(staged);
            }
            let staged = &mut self.staged[number];
            while staged.written < staged.bytes {
                if left == 0 {
                    return Ok(false);
                }
                let result = staged.push_chunk(&mut self.objects, &mut self.log, text.value);
                match result {
                    Ok(written) => left = left.saturating_sub(written),
                    Err(error) => {
                        // An id is an LSN: without a record under it, the next value would have the same.
                        if staged.written == 0 {
                            let staged = self.staged.pop().expect("it was just there");
                            self.drop_one(&staged);
                        }
                        return Err(error);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Looks at what is there, and decides what is written ahead.
    fn begin_staged(&mut self, text: &StagedText<'_>) -> Staged {
        let found = if text.at == StagedAt::Whole { None } else { self.peek(&text.key) };
        let before_bytes = found.map_or(0, |found| self.value(&found).len());
        let offset = match text.at {
            StagedAt::Whole => 0,
            StagedAt::End => before_bytes,
            StagedAt::Offset(offset) => offset,
        };
        let zeros = offset.saturating_sub(before_bytes);
        let each = self.log.chunk_bytes_max();
        let value_bytes = text.value.len();
        let mut staged = Staged {
            id: self.log.lsn_next,
            place: Place::New { before: Vec::new(), after: Vec::new() },
            zeros,
            value_bytes,
            written: 0,
            bytes: zeros + value_bytes,
            each,
            address: None,
        };
        match found.map(|found| (found, self.value(&found))) {
            None => {}
            Some((_, Value::Whole(bytes))) => {
                let before = bytes[..offset.min(before_bytes)].to_vec();
                let after = bytes[before_bytes.min(offset + value_bytes)..].to_vec();
                staged.bytes += before.len() + after.len();
                staged.place = Place::New { before, after };
            }
            Some((found, Value::Pieces(pieces))) => {
                let id = found.head.expect("it lies in pieces").id;
                let fit = pieces.chunks.fit(offset.min(before_bytes), zeros + value_bytes, each);
                staged.id = id;
                staged.each = fit.each;
                staged.bytes = fit.ahead_bytes;
                staged.place = Place::Within { changed_at: pieces.chunks.object.changed_at(), fit };
                self.objects.begin_ahead(id);
                return staged;
            }
        }
        let object = Object { is_counted: true, generation_next: 1, ..Object::default() };
        self.objects.begin_new(staged.id, object);
        staged
    }

    /// The command that sets staged strings runs now: it takes the chunks for these bytes.
    pub fn offer_staged(&mut self, texts: &[StagedText<'_>]) {
        for (staged, text) in self.staged.iter_mut().zip(texts) {
            if staged.value_bytes == text.value.len() && staged.written == staged.bytes {
                staged.address = Some(text.value.as_ptr().addr());
            }
        }
    }

    /// Whether these bytes were written ahead, and the command that has them runs.
    #[must_use]
    pub fn is_offered(&self, value: &[u8]) -> bool {
        self.staged.iter().any(|staged| staged.has(value))
    }

    /// Drops what is staged, if it was not taken.
    pub fn drop_staged(&mut self) {
        self.drop_copy();
        for staged in std::mem::take(&mut self.staged) {
            self.drop_one(&staged);
        }
    }

    fn drop_one(&mut self, staged: &Staged) {
        match staged.place {
            Place::New { .. } => self.objects.remove(staged.id),
            Place::Within { .. } => self.objects.drop_ahead(&self.log, staged.id),
        }
        self.objects.count_dying(&mut self.log);
    }

    /// Whether something is staged.
    #[must_use]
    pub fn has_staged(&self) -> bool {
        !self.staged.is_empty() || self.copying.is_some()
    }

    /// The chunks that were staged for this very value, all of a string: zeros, if any, and a command's bytes.
    pub(crate) fn take_staged(&mut self, value: &[&[u8]]) -> Option<Head> {
        if self.staged.is_empty() {
            return None;
        }
        let bytes: usize = value.iter().map(|part| part.len()).sum();
        let last = value.last()?;
        let at = self.staged.iter().position(|staged| {
            let is_new = matches!(&staged.place,
                Place::New { before, after } if before.is_empty() && after.is_empty());
            is_new && staged.has(last) && staged.bytes == bytes
        })?;
        Some(self.take_new(at))
    }

    fn take_new(&mut self, at: usize) -> Head {
        Head { value_type: ValueType::STRING, id: self.staged.swap_remove(at).id }
    }

    /// As [`Store::write_text`] with zeros between the string's end and `offset`, for a command whose bytes were staged. `None`: they were
    /// not, or the string is not any more what it was then.
    ///
    /// # Errors
    /// As [`Store::write_text`].
    pub fn write_staged(
        &mut self,
        key: &Key<'_>,
        found: &Found,
        offset: usize,
        value: &[u8],
    ) -> Option<Result<(), StoreError>> {
        let at = self.staged.iter().position(|staged| staged.has(value))?;
        let before_bytes = self.value(found).len();
        let staged = &self.staged[at];
        if staged.zeros != offset.saturating_sub(before_bytes) {
            return None;
        }
        match (&staged.place, self.value(found)) {
            (Place::New { before, after }, Value::Whole(bytes)) => {
                let (first, last) =
                    (offset.min(before_bytes), before_bytes.min(offset + value.len()));
                if bytes[..first] != before[..] || bytes[last..] != after[..] {
                    return None;
                }
                let expiry_ms = self.expiry_ms(found);
                let head = self.take_new(at);
                Some(self.put_head(key, head, expiry_ms))
            }
            (Place::Within { changed_at, fit }, Value::Pieces(pieces)) => {
                let id = found.head.map(|head| head.id);
                let object = pieces.chunks.object;
                if id != Some(staged.id)
                    || object.changed_at() != *changed_at
                    || fit.offset != offset.min(before_bytes)
                    || self.is_pinned(found)
                {
                    return None;
                }
                let (first, last) =
                    (0..fit.first_bytes, fit.text_bytes - fit.last_bytes..fit.text_bytes);
                let joined = |range: std::ops::Range<usize>| {
                    text_parts(&[], staged.zeros, value, &[], range).concat()
                };
                let edges = (joined(first), joined(last));
                let (id, fit) = (staged.id, *fit);
                let result = self.objects.link_ahead(&mut self.log, id, &fit, &edges);
                if result.is_ok() {
                    self.staged.swap_remove(at);
                    self.touch(key.place());
                    self.observe(self.log.appended_position());
                }
                Some(result)
            }
            _ => None,
        }
    }

    pub(super) fn put_head(
        &mut self,
        key: &Key<'_>,
        head: Head,
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let location = self.append_head(key, head, expiry_ms)?;
        self.point(key.place(), location, self.log.last_size, expiry_ms.is_some());
        self.observe(self.log.appended_position());
        Ok(())
    }
}

/// The bytes `range` of a string that is made of these parts.
fn text_parts<'a>(
    before: &'a [u8],
    zeros: usize,
    value: &'a [u8],
    after: &'a [u8],
    range: std::ops::Range<usize>,
) -> Parts<'a> {
    let (mut parts, mut at) = (Parts::new(), 0);
    let mut push = |bytes: usize, take: &mut dyn FnMut(usize, usize, &mut Parts<'a>)| {
        let from = range.start.clamp(at, at + bytes) - at;
        let to = range.end.clamp(at, at + bytes) - at;
        at += bytes;
        if from < to {
            take(from, to, &mut parts);
        }
    };
    push(before.len(), &mut |from, to, parts| parts.push(&before[from..to]));
    push(zeros, &mut |from, to, parts| {
        let mut left = to - from;
        while left > 0 {
            let some = left.min(ZEROS.len());
            parts.push(&ZEROS[..some]);
            left -= some;
        }
    });
    push(value.len(), &mut |from, to, parts| parts.push(&value[from..to]));
    push(after.len(), &mut |from, to, parts| parts.push(&after[from..to]));
    parts
}

impl Staged {
    /// The command that has these bytes runs now.
    fn has(&self, value: &[u8]) -> bool {
        self.value_bytes == value.len() && self.address == Some(value.as_ptr().addr())
    }

    /// Writes the next chunk; each names the one that will follow. Gives its bytes.
    fn push_chunk(
        &mut self,
        objects: &mut Objects,
        log: &mut Log,
        value: &[u8],
    ) -> Result<usize, StoreError> {
        let end = (self.written + self.each).min(self.bytes);
        let is_last = end == self.bytes;
        let from = self.written;
        match &self.place {
            Place::New { before, after } => {
                let parts = text_parts(before, self.zeros, value, after, from..end);
                objects.push_new(log, self.id, &parts, is_last)?;
            }
            Place::Within { fit, .. } => {
                let range = fit.first_bytes + from..fit.first_bytes + end;
                let parts = text_parts(&[], self.zeros, value, &[], range);
                objects.push_ahead(log, self.id, &parts, is_last.then_some(fit.behind))?;
            }
        }
        self.written = end;
        Ok(end - from)
    }
}

impl Objects {
    pub(super) fn begin_new(&mut self, id: u64, object: Object) {
        self.objects.insert(id, object);
    }

    /// Writes the next chunk of an object that no key has yet.
    pub(super) fn push_new(
        &mut self,
        log: &mut Log,
        id: u64,
        parts: &Parts<'_>,
        is_last: bool,
    ) -> Result<(), StoreError> {
        let object = self.get_mut(id);
        let before = object.heap_bytes;
        let number = object.number_next;
        let next = if is_last { NO_CHUNK } else { number + 1 };
        object.write_base(log, id, number, (0, next), parts)?;
        let at = object.chunks.find(number).expect("it was written");
        object.order.push(at);
        object.number_next += 1;
        object.changed_at = log.appended_position();
        let after = object.heap_bytes;
        self.heap_bytes = self.heap_bytes - before + after;
        Ok(())
    }
}
