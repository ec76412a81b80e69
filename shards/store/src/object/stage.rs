//! Owns the writing of a long string ahead of its command, a part at a time: the chunks are there when the key is set, and no turn has to
//! write them all.

use super::create::Parts;
use super::format::{Head, NO_CHUNK};
use super::{Object, Objects, ValueType};
use crate::error::StoreError;
use crate::store::Store;

/// A string that is being written, and belongs to no key yet.
#[derive(Debug)]
pub(crate) struct Staged {
    id: u64,
    /// Bytes of the whole string, and how many were written.
    bytes: usize,
    written: usize,
    /// The command that sets it runs now, with the value at this address.
    address: Option<usize>,
}

impl Store {
    /// Whether a string of so many bytes lies in chunks, and may be staged.
    #[must_use]
    pub fn is_long(&self, bytes: usize) -> bool {
        bytes > self.log.record_value_bytes_max()
    }

    /// Writes the next part of `value`, a long string: `bytes` about, whole chunks. `true`: all of it is written. What was staged before is
    /// dropped unless it is this value, of which [`Store::stage`] was called before; the caller tells by `is_new`.
    ///
    /// # Errors
    /// When there is no room; what was written stays for the next call.
    pub fn stage(&mut self, value: &[u8], bytes: usize, is_new: bool) -> Result<bool, StoreError> {
        if is_new || self.staged.as_ref().is_none_or(|staged| staged.bytes != value.len()) {
            self.drop_staged();
            let id = self.objects.begin(&self.log);
            self.staged = Some(Staged { id, bytes: value.len(), written: 0, address: None });
        }
        let max = self.log.chunk_bytes_max();
        let Some(staged) = &mut self.staged else { return Ok(true) };
        let end = (staged.written + bytes.max(1)).min(value.len());
        while staged.written < end {
            let part = &value[staged.written..(staged.written + max).min(value.len())];
            let is_last = staged.written + part.len() == value.len();
            let result = self.objects.push_chunk(&mut self.log, staged.id, &vec![part], is_last);
            if let Err(error) = result {
                // An id is an LSN: without a record under it, the next value would have the same.
                if staged.written == 0 {
                    self.drop_staged();
                }
                return Err(error);
            }
            staged.written += part.len();
        }
        Ok(staged.written == value.len())
    }

    /// The command that sets a staged string runs now: it takes the chunks for `value`.
    pub fn offer_staged(&mut self, value: &[u8]) {
        if let Some(staged) = &mut self.staged
            && staged.bytes == value.len()
            && staged.written == staged.bytes
        {
            staged.address = Some(value.as_ptr().addr());
        }
    }

    /// Drops what is staged, if it was not taken.
    pub fn drop_staged(&mut self) {
        if let Some(staged) = self.staged.take() {
            self.objects.remove(staged.id);
            self.objects.count_dying(&mut self.log);
        }
    }

    /// Whether something is staged.
    #[must_use]
    pub fn has_staged(&self) -> bool {
        self.staged.is_some()
    }

    /// The chunks that were staged for this very value.
    pub(crate) fn take_staged(&mut self, value: &[&[u8]]) -> Option<Head> {
        let [value] = value else { return None };
        let address = Some(value.as_ptr().addr());
        let staged = self
            .staged
            .take_if(|staged| staged.address == address && staged.bytes == value.len())?;
        Some(Head { value_type: ValueType::STRING, id: staged.id })
    }
}

impl Objects {
    /// Begins an object whose chunks come one by one.
    fn begin(&mut self, log: &crate::log::Log) -> u64 {
        let object = Object { is_counted: true, generation_next: 1, ..Object::default() };
        self.objects.insert(log.lsn_next, object);
        log.lsn_next
    }

    /// Writes the next chunk; each names the one that will follow.
    fn push_chunk(
        &mut self,
        log: &mut crate::log::Log,
        id: u64,
        parts: &Parts<'_>,
        is_last: bool,
    ) -> Result<(), StoreError> {
        let object = self.get_mut(id);
        let before = object.heap_bytes;
        let number = object.number_next;
        let next = if is_last { NO_CHUNK } else { number + 1 };
        object.write_base(log, id, number, (0, next), parts)?;
        object.order.push(number);
        object.number_next += 1;
        object.changed_at = log.appended_position();
        let after = object.heap_bytes;
        self.heap_bytes = self.heap_bytes - before + after;
        Ok(())
    }
}
