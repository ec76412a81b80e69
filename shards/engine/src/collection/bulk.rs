//! Owns changes of many entries that follow each other: put in or taken out at once, chunks as wholes where they can be.

use super::Section;
use super::chunk::{self, HEAD_BYTES, span};
use super::dirty::Dirty;
use super::edit::{Bias, Edit, NEW_CHUNKS};
use super::view::{Cursor, Source, View};

impl View<'_> {
    /// Entries and bytes of each chunk of a section, in order.
    pub fn chunk_sizes(&self, section: Section) -> impl Iterator<Item = (u64, usize)> {
        let chunks = self.chunks(section).filter(|&chunk| !self.is_part(chunk));
        chunks.map(|chunk| (self.chunk_count(chunk) as u64, self.chunk_bytes(chunk)))
    }

    /// Bytes of the entries of the chunk that a key is in or belongs to; `None`: the section has no chunk.
    #[must_use]
    pub fn bytes_around(&self, section: Section, key: &[u8]) -> Option<usize> {
        Some(self.chunk_bytes(self.seek_chunk(section, key)?))
    }

    /// Bytes of a chunk's entries.
    pub(super) fn chunk_bytes(&self, chunk: usize) -> usize {
        if let Some(dirty) = self.dirty.and_then(|dirty| dirty.get(&chunk)) {
            return dirty.bytes;
        }
        match self.source {
            Source::Object(pieces, notes) => {
                let parts = chunk..self.parts_behind(notes, chunk).end;
                parts.map(|part| pieces.chunk(part).len() - HEAD_BYTES).sum()
            }
            _ => self.entries(chunk).len(),
        }
    }
}

impl Edit<'_, '_> {
    /// Puts entries in before `at`, in their order: as [`Edit::insert`] for each.
    pub fn insert_all<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        section: Section,
        at: Option<Cursor>,
        entries: impl Iterator<Item = (K, V)>,
    ) {
        let (mut bytes, mut count) = (Vec::new(), 0);
        for (key, value) in entries {
            chunk::push(&mut bytes, key.as_ref(), value.as_ref());
            count += 1;
        }
        let at = at.unwrap_or(Cursor { chunk: NEW_CHUNKS + usize::from(section), at: 0 });
        let dirty = self.dirty(at.chunk, section);
        dirty.bias = if at.at == dirty.bytes { Bias::Back } else { Bias::Middle };
        dirty.count += count;
        self.splice(at, 0, &bytes);
    }

    /// Takes out `count` entries from the one at a cursor on.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn remove_run(&mut self, section: Section, from: Cursor, mut count: u64) {
        let end = self.view().chunks(section).end;
        let (mut chunk, mut at) = (from.chunk, from.at);
        while count > 0 {
            assert!(chunk < end, "{count} entries too few behind {from:?}");
            if self.view().is_part(chunk) {
                chunk += 1;
                continue;
            }
            let has = self.view().chunk_count(chunk);
            if at == 0 && has as u64 <= count {
                count -= has as u64;
                self.clear(section, chunk);
            } else {
                let (mut behind, mut removed) = (at, 0);
                let entries = self.view().entries(chunk);
                while (removed as u64) < count
                    && let Some(span) = span(&entries, behind)
                {
                    (behind, removed) = (span.end, removed + 1);
                }
                drop(entries);
                self.dirty(chunk, section).count -= removed;
                self.splice(Cursor { chunk, at }, behind - at, &[]);
                count -= removed as u64;
            }
            (chunk, at) = (chunk + 1, 0);
        }
    }

    /// Takes out all entries of a chunk without a look at them.
    fn clear(&mut self, section: Section, chunk: usize) {
        if let Some(dirty) = self.dirty.get_mut(&chunk) {
            return dirty.clear();
        }
        let dirty = Box::new(Dirty::cleared(&self.view(), chunk, section));
        self.dirty.insert(chunk, dirty);
    }
}
