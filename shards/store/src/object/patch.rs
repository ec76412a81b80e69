//! Owns changes of several places of a string at once, its length kept.

use super::change::Edit;
use crate::database::{Found, Key, Value};
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Overwrites bytes of a string in several places, all or none; each is an offset and what comes there, within the string. What lies in an
    /// object is changed where it lies.
    ///
    /// # Errors
    /// When there is no room, or more is overwritten than one batch holds; then nothing has changed.
    ///
    /// # Panics
    /// When a place lies outside.
    pub fn patch_text(
        &mut self,
        key: &Key<'_>,
        found: &Found,
        patches: &[(usize, &[u8])],
    ) -> Result<(), StoreError> {
        // What other replicas get is whole.
        let is_anew =
            self.is_pinned(found) || self.replicated.is_used && self.goes_into_entry(key.local);
        let pieces = match self.value(found) {
            Value::Pieces(pieces) if !is_anew => pieces,
            _ => return self.patch_anew(key, found, patches),
        };
        let mut edits = Vec::with_capacity(patches.len());
        for &(mut offset, mut bytes) in patches {
            while !bytes.is_empty() {
                let (chunk, starts_at) = pieces.chunks.seek(offset);
                let at = offset - starts_at;
                let left = pieces.chunks.object.chunk_bytes(chunk).checked_sub(at);
                let left = left.filter(|&left| left > 0).expect("patches lie within the string");
                let (inserted, rest) = bytes.split_at(bytes.len().min(left));
                edits.push(Edit::Splice { chunk, at, removed: inserted.len(), inserted });
                offset += inserted.len();
                bytes = rest;
            }
        }
        self.change(found, &edits, &[])
    }

    /// Writes a string that lies in one record, or that somebody reads in parts, as another object, changed.
    fn patch_anew(
        &mut self,
        key: &Key<'_>,
        found: &Found,
        patches: &[(usize, &[u8])],
    ) -> Result<(), StoreError> {
        let mut whole = std::mem::take(&mut self.scratch);
        whole.clear();
        self.value(found).copy_range(0, usize::MAX, &mut whole);
        for &(offset, bytes) in patches {
            whole[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        let result = self.put_text(key, &[&whole], self.expiry_ms(found));
        self.scratch = whole;
        result
    }
}
