//! Owns the copy of a long string that is made ahead of the command that gives it to a key, a part a turn.

use super::format::Head;
use super::{Object, ValueType};
use crate::database::{Found, Key};
use crate::error::StoreError;
use crate::store::Store;

/// A copy under way, which belongs to no key yet.
#[derive(Debug)]
pub(crate) struct Copying {
    /// The string that is copied, as it was when its last change ended at `changed_at`.
    source: u64,
    changed_at: u64,
    id: u64,
    /// Chunks that are copied, of how many.
    copied: usize,
    chunks: usize,
    /// The command runs now.
    is_offered: bool,
}

impl Store {
    /// Copies the next part of a long string: `bytes` about, whole chunks. `true`: all is copied. What was staged before is dropped unless
    /// it is of this command, for which this was called before (the caller tells by `is_new`), and the string is still the same.
    ///
    /// # Errors
    /// When there is no room; what was copied stays for the next call.
    ///
    /// # Panics
    /// When the string lies in one record.
    pub fn stage_copy(
        &mut self,
        source: &Found,
        bytes: usize,
        is_new: bool,
    ) -> Result<bool, StoreError> {
        let head = source.head.expect("a long string lies in chunks");
        let string = self.objects.get(head.id);
        let (changed_at, chunks) = (string.changed_at(), string.chunk_count());
        let is_it =
            |copying: &Copying| (copying.source, copying.changed_at) == (head.id, changed_at);
        if is_new || !self.copying.as_ref().is_some_and(is_it) {
            self.drop_staged();
        }
        let mut copying = self.copying.take().unwrap_or_else(|| {
            let id = self.log.lsn_next;
            let object = Object { is_counted: true, generation_next: 1, ..Object::default() };
            self.objects.begin_new(id, object);
            Copying { source: head.id, changed_at, id, copied: 0, chunks, is_offered: false }
        });
        let (mut left, mut result) = (bytes.max(1), Ok(()));
        let mut chunk = std::mem::take(&mut self.scratch);
        while copying.copied < chunks && left > 0 && result.is_ok() {
            chunk.clear();
            chunk.extend_from_slice(self.objects.get(head.id).chunk(&self.log, copying.copied));
            let is_last = copying.copied + 1 == chunks;
            let parts = vec![&chunk[..]];
            result = self.objects.push_new(&mut self.log, copying.id, &parts, is_last);
            copying.copied += usize::from(result.is_ok());
            left = left.saturating_sub(chunk.len());
        }
        self.scratch = chunk;
        let is_whole = copying.copied == chunks;
        if copying.copied == 0 {
            // An id is an LSN: without a record under it, the next value would have the same.
            self.objects.remove(copying.id);
        } else {
            self.copying = Some(copying);
        }
        result.map(|()| is_whole)
    }

    /// The command that gives the copy to a key runs now.
    pub fn offer_copy(&mut self) {
        if let Some(copying) = &mut self.copying {
            copying.is_offered = copying.copied == copying.chunks;
        }
    }

    /// Gives the copy of `source` that was made ahead to a key. `None`: there is none, or the string has changed since.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed, and the copy is gone.
    pub fn put_copy(
        &mut self,
        source: &Found,
        key: &Key<'_>,
        expiry_ms: Option<u64>,
    ) -> Option<Result<(), StoreError>> {
        let head = self.take_copy(source)?;
        Some(self.put_head(key, head, expiry_ms))
    }

    /// As [`Store::put_copy`], and the key that has the string, `from`, goes in the same batch.
    ///
    /// # Errors
    /// As [`Store::put_copy`].
    pub fn move_copy(
        &mut self,
        (from, source): (&Key<'_>, &Found),
        key: &Key<'_>,
        expiry_ms: Option<u64>,
    ) -> Option<Result<(), StoreError>> {
        let head = self.take_copy(source)?;
        // Room for both at once: then neither can fail, and they lie in one batch.
        let bytes = from.bytes.len() + key.bytes.len() + 4 * RECORD_BYTES;
        if let Err(error) = self.log.make_room(bytes) {
            self.objects.remove(head.id);
            return Some(Err(error));
        }
        let put = self.put_head(key, head, expiry_ms);
        Some(put.and_then(|()| self.delete(from).map(drop)))
    }

    fn take_copy(&mut self, source: &Found) -> Option<Head> {
        let id = source.head?.id;
        let changed_at = self.objects.get(id).changed_at();
        let copying = self.copying.take_if(|copying| {
            copying.is_offered && (copying.source, copying.changed_at) == (id, changed_at)
        })?;
        Some(Head { value_type: ValueType::STRING, id: copying.id })
    }

    /// Drops the copy under way.
    pub(super) fn drop_copy(&mut self) {
        if let Some(copying) = self.copying.take() {
            self.objects.remove(copying.id);
            self.objects.count_dying(&mut self.log);
        }
    }
}

/// Bytes of a record beside its key and value, roundly.
const RECORD_BYTES: usize = 64;
