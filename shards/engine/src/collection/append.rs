//! Owns the change that is made most often of all: one more entry behind the others, in a chunk that has room for it.

use super::Section;
use super::chunk::{self, HEAD_BYTES};
use super::edit::Edit;
use super::view::Source;
use hyperion_store::{Note, Spliced, Splices, StoreError};

/// Entries of a chunk, at most.
const CHUNK_COUNT_MAX: u32 = u16::MAX as u32;

/// Bytes of an entry beside its key and value.
const ENTRY_HEAD_BYTES: usize = 16;

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
        let mut splices = Splices::default();
        let most = key.len() + value.len() + ENTRY_HEAD_BYTES;
        splices.push_with((bytes, 0), most, |out| chunk::push(out, key, value));
        if splices.last_inserted().len() > room {
            return Ok(false);
        }
        let head = chunk::head(section, note.count as usize + 1);
        splices.push(1, 2, &head[1..]);
        let note = Note { count: note.count + 1, ..note };
        let change = Spliced { chunk, splices: &splices, note };
        self.store.splice(found, std::iter::once(change))?;
        Ok(true)
    }
}
