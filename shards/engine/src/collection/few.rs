//! Owns changes of a few entries of an object that leave each chunk one: what most commands on large collections do. Nothing is made of
//! the chunks: what is replaced goes to the log as it was said.

use super::chunk::{self, HEAD_BYTES, span};
use super::commit::chunk_bytes_max;
use super::view::{Cursor, Source, View};
use super::{Layout, Section, mark, prefix};
use hyperion_store::{Found, Key, Note, Spliced, Splices, Store, StoreError};

/// Bytes of an entry beside its key and value, at most.
const ENTRY_HEAD_BYTES: usize = 16;
/// Bytes of splices, at most: one part in this many of the chunk.
const SPLICES_PART: usize = 2;
/// Chunks that are changed, at most.
const CHUNKS_MAX: usize = 3;

/// Changes of a few entries, all named as they are in the view. What it cannot do it says, and is for [`super::Edit`] from the beginning.
#[derive(Default)]
pub struct Few {
    chunks: [Option<Chunk>; CHUNKS_MAX],
}

struct Chunk {
    chunk: usize,
    splices: Splices,
    note: Note,
    count_before: u32,
    /// What was taken out of it, where it was: what comes behind has moved.
    removed: (usize, usize),
    /// Bytes of it with its head.
    bytes: usize,
}

/// A view of an object, and how its chunks are cut.
#[derive(Clone, Copy)]
pub struct Of<'v> {
    view: View<'v>,
    bytes_max: usize,
}

impl<'v> Of<'v> {
    /// The collection that was just found; `None` where changes of it are for [`super::Edit`].
    pub fn open(
        store: &'v mut Store,
        (key, found): (&Key<'_>, &Found),
        layout: &Layout,
    ) -> Option<Self> {
        if store.is_written_whole(key) {
            return None;
        }
        let cap = store.chunk_bytes_max() - HEAD_BYTES;
        let view = View::new(store, found);
        let Source::Object(_, notes) = view.source else { return None };
        Some(Self { view, bytes_max: chunk_bytes_max(layout, notes.len(), cap) })
    }

    /// What it is.
    pub fn view(&self) -> &View<'v> {
        &self.view
    }
}

impl Few {
    /// Puts an entry in before a cursor. `None`: it cannot.
    #[must_use]
    pub fn insert(
        &mut self,
        of: &Of<'_>,
        (section, at): (Section, Cursor),
        key: &[u8],
        value: &[u8],
    ) -> Option<()> {
        let chunk = self.chunk(of, at.chunk)?;
        let bytes = key.len() + value.len() + ENTRY_HEAD_BYTES;
        chunk.check(bytes, of)?;
        let behind = chunk.removed.0 + chunk.removed.1;
        let moved = if at.at >= behind { at.at - chunk.removed.1 } else { at.at };
        debug_assert_eq!(chunk.note.kind, section);
        chunk.splices.push_with((HEAD_BYTES + moved, 0), bytes, |out| chunk::push(out, key, value));
        let inserted = chunk.splices.last_inserted().len();
        chunk.bytes += inserted;
        chunk.note.count += 1;
        chunk.moves((moved, 0), inserted);
        chunk.note.mark = mark::better(chunk.note.mark, moved, chunk.bytes - HEAD_BYTES);
        if moved == 0 {
            chunk.note.key = prefix(key);
        }
        Some(())
    }

    /// Replaces the value of an entry in a chunk that nothing else happens to. `None`: it cannot.
    #[must_use]
    pub fn replace(&mut self, of: &Of<'_>, at: Cursor, value: &[u8]) -> Option<()> {
        let entries = of.view.entries(at.chunk);
        let span = span(&entries, at.at)?;
        let chunk = self.chunk(of, at.chunk)?;
        if !chunk.splices.is_empty() {
            return None;
        }
        let (begin, end) = span.value;
        if end - begin == value.len() {
            chunk.splices.push(HEAD_BYTES + begin, value.len(), value);
            return Some(());
        }
        let key = &entries[span.key.0..span.key.1];
        let bytes = key.len() + value.len() + ENTRY_HEAD_BYTES;
        chunk.check(bytes, of)?;
        let replaced = (HEAD_BYTES + at.at, span.end - at.at);
        chunk.splices.push_with(replaced, bytes, |out| chunk::push(out, key, value));
        let inserted = chunk.splices.last_inserted().len();
        chunk.bytes = chunk.bytes - replaced.1 + inserted;
        chunk.moves((at.at, replaced.1), inserted);
        Some(())
    }

    /// Takes an entry out of a chunk to which nothing has happened yet, and which has others. `None`: it cannot.
    #[must_use]
    pub fn remove(&mut self, of: &Of<'_>, at: Cursor) -> Option<()> {
        let entries = of.view.entries(at.chunk);
        let end = span(&entries, at.at)?.end;
        let chunk = self.chunk(of, at.chunk)?;
        if !chunk.splices.is_empty() || chunk.note.count < 2 {
            return None;
        }
        if at.at == 0 {
            // The next one is what the chunk is found by.
            chunk.note.key = chunk::first_prefix(&entries[end..]);
        }
        chunk.splices.push(HEAD_BYTES + at.at, end - at.at, &[]);
        chunk.removed = (at.at, end - at.at);
        chunk.bytes -= end - at.at;
        chunk.note.count -= 1;
        chunk.moves((at.at, end - at.at), 0);
        Some(())
    }

    /// The chunk, as one of those that are changed.
    fn chunk(&mut self, of: &Of<'_>, chunk: usize) -> Option<&mut Chunk> {
        let is_it = |it: &Option<Chunk>| it.as_ref().is_none_or(|it| it.chunk == chunk);
        let slot = self.chunks.iter().position(is_it)?;
        if self.chunks[slot].is_none() {
            let Source::Object(pieces, notes) = of.view.source else { return None };
            if !of.view.parts_behind(notes, chunk).is_empty() {
                return None;
            }
            let note = *notes.get(chunk)?;
            self.chunks[slot] = Some(Chunk {
                chunk,
                splices: Splices::default(),
                note,
                count_before: note.count,
                removed: (0, 0),
                bytes: pieces.chunk(chunk).len(),
            });
        }
        self.chunks[slot].as_mut()
    }

    /// Lets all of it take effect.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn commit(mut self, store: &mut Store, found: &Found) -> Result<(), StoreError> {
        for chunk in self.chunks.iter_mut().flatten() {
            if chunk.note.count != chunk.count_before {
                let head = chunk::head(chunk.note.kind, chunk.note.count as usize);
                chunk.splices.push(1, 2, &head[1..]);
            }
        }
        let chunks = self.chunks.iter().flatten();
        store.splice(
            found,
            chunks.map(|it| Spliced { chunk: it.chunk, splices: &it.splices, note: it.note }),
        )
    }
}

impl Chunk {
    /// So many bytes of its entries are replaced by so many others.
    fn moves(&mut self, replaced: (usize, usize), inserted: usize) {
        self.note.mark = mark::moved(self.note.mark, replaced, inserted);
    }

    /// Whether so many bytes more leave it one chunk, most of which is not replaced.
    fn check(&self, bytes: usize, of: &Of<'_>) -> Option<()> {
        let written = self.splices.written_bytes() + bytes;
        let fits = self.bytes + bytes <= HEAD_BYTES + of.bytes_max;
        (fits && written * SPLICES_PART <= self.bytes).then_some(())
    }
}
