//! Owns the change that is made most often of all: one more entry behind the others, in a chunk that has room for it.

use super::Section;
use super::chunk::{self, HEAD_BYTES};
use super::edit::Edit;
use super::view::Source;
use hyperion_store::{Edit as Change, StoreError};

/// Entries of a chunk, at most.
const CHUNK_COUNT_MAX: u32 = u16::MAX as u32;

impl Edit<'_, '_> {
    /// Puts one entry behind all others of a section and lets it take effect, if that changes one chunk and there is nothing else to
    /// commit. `false`: nothing has happened, it goes the way of all changes.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn append(
        &mut self,
        section: Section,
        key: &[u8],
        value: &[u8],
    ) -> Result<bool, StoreError> {
        let Some(found) = &self.found else { return Ok(false) };
        let is_plain = self.dirty.is_empty() && self.meta.is_none() && !self.is_unpacked;
        if !is_plain || self.store.is_written_whole(self.key) {
            return Ok(false);
        }
        let view = self.view();
        let Source::Object(pieces, notes) = view.source else { return Ok(false) };
        let Some(chunk) = view.chunks(section).next_back() else { return Ok(false) };
        let Some(&note) = notes.get(chunk) else { return Ok(false) };
        let bytes = pieces.chunk(chunk).len();
        let bytes_max = self.chunk_bytes_max();
        let room = (bytes_max + HEAD_BYTES).saturating_sub(bytes);
        if note.flags != 0 || note.count >= CHUNK_COUNT_MAX || key.len() + value.len() > room {
            return Ok(false);
        }
        let mut entry = Vec::with_capacity(key.len() + value.len() + 8);
        chunk::push(&mut entry, key, value);
        if entry.len() > room {
            return Ok(false);
        }
        let head = chunk::head(section, note.count as usize + 1);
        let edits = [
            Change::Splice { chunk, at: 1, removed: 2, inserted: &head[1..] },
            Change::Splice { chunk, at: bytes, removed: 0, inserted: &entry },
        ];
        self.store.change(found, &edits, &[])?;
        self.store.update_notes(found, |notes| notes.set_count(chunk, note.count + 1));
        Ok(true)
    }
}
