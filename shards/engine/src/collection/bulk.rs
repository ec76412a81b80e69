//! Owns changes of many entries that follow each other: put in or taken out at once, chunks as wholes where they can be.

use super::Section;
use super::chunk::{self, HEAD_BYTES, span};
use super::edit::{Bias, Dirty, Edit, NEW_CHUNKS, Splice};
use super::view::{Cursor, Source, View};

impl View<'_> {
    /// Entries and bytes of each chunk of a section, in order.
    pub fn chunk_sizes(&self, section: Section) -> impl Iterator<Item = (u64, usize)> {
        let chunks = self.chunks(section).filter(|&chunk| !self.is_part(chunk));
        chunks.map(|chunk| (self.chunk_count(chunk) as u64, self.chunk_bytes(chunk)))
    }

    /// Bytes of a chunk's entries.
    fn chunk_bytes(&self, chunk: usize) -> usize {
        if let Some(dirty) = self.dirty.and_then(|dirty| dirty.get(&chunk)) {
            return dirty.entries.len();
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
        dirty.bias = if at.at == dirty.entries.len() { Bias::Back } else { Bias::Middle };
        dirty.splice(at.at, 0, bytes);
        dirty.count += count;
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
                let dirty = self.dirty(chunk, section);
                let (mut behind, mut removed) = (at, 0);
                while (removed as u64) < count
                    && let Some(span) = span(&dirty.entries, behind)
                {
                    (behind, removed) = (span.end, removed + 1);
                }
                dirty.splice(at, behind - at, Vec::new());
                dirty.count -= removed;
                count -= removed as u64;
            }
            (chunk, at) = (chunk + 1, 0);
        }
    }

    /// Takes out all entries of a chunk without a look at them.
    fn clear(&mut self, section: Section, chunk: usize) {
        if let Some(dirty) = self.dirty.get_mut(&chunk) {
            let bytes = dirty.entries.len();
            dirty.splice(0, bytes, Vec::new());
            dirty.count = 0;
            return;
        }
        let view = self.view();
        let bytes_before = view.chunk_bytes(chunk);
        let (parts, first_bytes) = view.stored_parts(chunk);
        let dirty = Dirty {
            section,
            entries: Vec::new(),
            count: 0,
            count_before: view.chunk_count(chunk),
            bytes_before,
            parts,
            first_bytes,
            splices: vec![Splice { at: 0, removed: bytes_before, inserted: Vec::new() }],
            bias: Bias::Middle,
        };
        self.dirty.insert(chunk, dirty);
    }
}
