//! Owns strings that are objects: long ones, and those that grow. All their chunks but the last are of one length.

use super::change::{Edit, Insert};
use super::create::cut;
use super::{Chunks, ValueType};
use crate::database::{Found, Key, Value};
use crate::error::StoreError;
use crate::store::Store;

impl Chunks<'_> {
    /// Index of the chunk that holds the byte at `offset`, and where the chunk begins, in a string.
    pub(crate) fn seek(&self, offset: usize) -> (usize, usize) {
        let each = self.object.chunk_bytes(0).max(1);
        let index = (offset / each).min(self.object.chunk_count() - 1);
        (index, index * each)
    }
}

impl Store {
    /// Writes `value`, its parts in order, over a string from `offset` on, which lies within the string or at its end. The string may
    /// grow; what lies in an object already is changed where it lies.
    ///
    /// # Errors
    /// When there is no room, or more is overwritten than one batch holds; then nothing has changed.
    ///
    /// # Panics
    /// When `offset` lies behind the end.
    pub fn write_text(
        &mut self,
        key: &Key<'_>,
        found: &Found,
        offset: usize,
        value: &[&[u8]],
    ) -> Result<(), StoreError> {
        let length = self.value(found).len();
        assert!(offset <= length, "a string of {length} bytes is written at {offset}");
        let bytes: usize = value.iter().map(|part| part.len()).sum();
        // What other replicas get is whole.
        let is_anew =
            self.is_pinned(found) || self.replicated.is_used && self.goes_into_entry(key.local);
        let pieces = match self.value(found) {
            Value::Pieces(pieces) if !is_anew => pieces,
            _ => return self.write_anew(key, found, offset, value),
        };
        let (count, max) = (pieces.chunks.object.chunk_count(), self.chunk_bytes_max());
        let each = if count > 1 { pieces.chunks.object.chunk_bytes(0) } else { max };
        let (first, starts_at) = pieces.chunks.seek(offset);
        // The rest of the chunk at `offset`, then chunk by chunk; what lies behind the last chunk is new.
        let parts = cut(value, starts_at + each - offset, each);
        let joined: Vec<Vec<u8>> =
            parts.iter().take(count - first).map(|part| part.concat()).collect();
        let edits: Vec<Edit<'_>> = (first..)
            .zip(&joined)
            .map(|(chunk, inserted)| {
                let at = if chunk == first { offset - starts_at } else { 0 };
                let removed = (pieces.chunks.object.chunk_bytes(chunk) - at).min(inserted.len());
                Edit::Splice { chunk, at, removed, inserted }
            })
            .filter(|edit| !matches!(edit, Edit::Splice { inserted: [], .. }))
            .collect();
        let new = parts.get(count - first..).unwrap_or_default();
        debug_assert!(bytes > 0 || new.is_empty());
        self.change(found, &edits, &[Insert { after: count - 1, chunks: new }])
    }

    /// Writes a string that lies in one record, or that somebody reads in parts, as another object, changed.
    fn write_anew(
        &mut self,
        key: &Key<'_>,
        found: &Found,
        offset: usize,
        value: &[&[u8]],
    ) -> Result<(), StoreError> {
        let mut before = std::mem::take(&mut self.scratch);
        before.clear();
        self.value(found).copy_range(0, usize::MAX, &mut before);
        let bytes: usize = value.iter().map(|part| part.len()).sum();
        let kept = &before[before.len().min(offset + bytes)..];
        let whole: Vec<&[u8]> = std::iter::once(&before[..offset])
            .chain(value.iter().copied())
            .chain(std::iter::once(kept))
            .collect();
        let result = self.put_text(key, &whole, self.expiry_ms(found));
        self.scratch = before;
        result
    }

    /// Sets a key to a string that is an object, however short.
    pub(super) fn put_text(
        &mut self,
        key: &Key<'_>,
        value: &[&[u8]],
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let max = self.chunk_bytes_max();
        let chunks = cut(value, max, max);
        self.put_object(key, ValueType::STRING, &chunks, expiry_ms)
    }
}
