//! Owns changes of a few entries of an object: what most commands on large collections do. Nothing is made of the chunks: what is replaced goes
//! to the log as it was said; one that an entry makes too long is cut.

use super::chunk::{self, HEAD_BYTES, span};
use super::commit::{Chunks, chunk_bytes_max, cut};
use super::edit::Bias;
use super::view::{Cursor, Source, View};
use super::{Layout, Section, mark, notes, prefix};
use hyperion_store::{
    Edit as Change, Found, Insert, Key, Note, Splice, Spliced, Splices, Split, Store, StoreError,
};

/// Bytes of splices, at most: one part in this many of the chunk.
const SPLICES_PART: usize = 2;
/// An entry that is put into a full chunk takes one part in this many of a chunk at most.
const ENTRY_PART: usize = 4;
/// Chunks that are changed, at most.
const CHUNKS_MAX: usize = 3;

/// Changes of a few entries, all named as they are in the view. What it cannot do it says, and is for [`super::Edit`] from the beginning.
pub struct Few {
    chunks: [Option<Chunk>; CHUNKS_MAX],
    /// Memory of splices that were written.
    spare: Vec<Splices>,
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
    /// What it becomes if it is cut: then it is not spliced.
    cut: Chunks,
}

/// A view of an object, and how its chunks are cut.
#[derive(Clone, Copy)]
pub struct Of<'v> {
    view: View<'v>,
    bytes_max: usize,
    cap: usize,
}

impl<'v> Of<'v> {
    /// The collection that was just found; `None` where changes of it are for [`super::Edit`].
    pub fn open(
        store: &'v Store,
        (key, found): (&Key<'_>, &Found),
        layout: &Layout,
    ) -> Option<Self> {
        if store.is_written_whole(key) {
            return None;
        }
        let cap = store.chunk_bytes_max() - HEAD_BYTES;
        // An edit makes its notes.
        let view = View::of_object(store, store.object_handle(found)?)?;
        let Source::Object(_, notes) = view.source else { return None };
        Some(Self { view, bytes_max: chunk_bytes_max(layout, notes.len(), cap), cap })
    }

    /// What it is.
    pub fn view(&self) -> &View<'v> {
        &self.view
    }
}

impl Few {
    /// No change yet, and the [memory](Store::take_spare_splices) for some. Who does not commit it gives it [back](Few::give_back).
    #[inline]
    pub fn new(spare: Vec<Splices>) -> Self {
        Self { chunks: [const { None }; CHUNKS_MAX], spare }
    }

    /// Nothing of it is to happen.
    #[inline]
    pub fn give_back(&mut self, store: &mut Store) {
        let used = self.chunks.iter_mut().flatten();
        let used = used.map(|chunk| std::mem::take(&mut chunk.splices));
        store.keep_spare_splices(std::mem::take(&mut self.spare), used);
    }

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
        let bytes = chunk::entry_bytes(key, value);
        if !chunk.fits(bytes, of) {
            return chunk.insert_and_cut(of, (section, at), key, value);
        }
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
        let bytes = chunk::entry_bytes(key, value);
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
                splices: self.spare.pop().unwrap_or_default(),
                note,
                count_before: note.count,
                removed: (0, 0),
                bytes: pieces.chunk(chunk).len(),
                cut: Chunks::new(),
            });
        }
        self.chunks[slot].as_mut().filter(|chunk| chunk.cut.is_empty())
    }

    /// Lets all of it take effect. `false`: nothing has changed, it is for [`super::Edit`].
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn commit(&mut self, store: &mut Store, found: &Found) -> Result<bool, StoreError> {
        for chunk in self.chunks.iter_mut().flatten() {
            if chunk.note.count != chunk.count_before {
                let [_, low, high] = chunk::head(chunk.note.kind, chunk.note.count as usize);
                chunk.splices.push_word(1, [low, high]);
            }
        }
        let chunks = self.chunks.iter().flatten();
        let spliced = chunks.clone().filter(|it| it.cut.is_empty());
        let spliced =
            spliced.map(|it| Spliced { chunk: it.chunk, splices: &it.splices, note: it.note });
        let mut cut = chunks.filter(|it| !it.cut.is_empty());
        let result = match (cut.next(), cut.next()) {
            (None, _) => store.splice(found, spliced),
            (Some(Chunk { chunk, cut, .. }), None) if let [first, second] = &cut[..] => {
                let split = Split { chunk: *chunk, first, second };
                store.split(found, split, spliced.clone()).map(|()| {
                    store.update_notes(found, |of| {
                        spliced.for_each(|it| of.set(it.chunk, it.note));
                        of.splice(*chunk..chunk + 1, &notes::of_chunks(cut));
                    });
                })
            }
            _ => self.change(store, found),
        };
        self.give_back(store);
        match result {
            Err(StoreError::TooLarge { .. }) => Ok(false),
            result => result.map(|()| true),
        }
    }

    /// As [`Few::commit`], where several chunks are cut, or one in more than two.
    fn change(&self, store: &mut Store, found: &Found) -> Result<(), StoreError> {
        let mut chunks: Vec<&Chunk> = self.chunks.iter().flatten().collect();
        chunks.sort_unstable_by_key(|chunk| chunk.chunk);
        let mut edits: Vec<Change<'_>> = Vec::new();
        let mut behind: Vec<(usize, Vec<Vec<&[u8]>>)> = Vec::new();
        for it in &chunks {
            let chunk = it.chunk;
            if let Some((first, rest)) = it.cut.split_first() {
                edits.push(Change::Splice { chunk, at: 0, removed: it.bytes, inserted: first });
                behind.push((chunk, rest.iter().map(|bytes| vec![&bytes[..]]).collect()));
            }
            let splices = it.splices.iter();
            edits.extend(splices.map(|Splice { at, removed, inserted }| Change::Splice {
                chunk,
                at,
                removed,
                inserted,
            }));
        }
        let inserts: Vec<Insert<'_>> =
            behind.iter().map(|(after, chunks)| Insert { after: *after, chunks }).collect();
        store.change(found, &edits, &inserts)?;
        store.update_notes(found, |of| {
            for it in chunks.iter().rev() {
                let range = it.chunk..it.chunk + 1;
                if it.cut.is_empty() {
                    of.splice(range, &[it.note]);
                } else {
                    of.splice(range, &notes::of_chunks(&it.cut));
                }
            }
        });
        Ok(())
    }
}

impl Chunk {
    /// So many bytes of its entries are replaced by so many others.
    fn moves(&mut self, replaced: (usize, usize), inserted: usize) {
        self.note.mark = mark::moved(self.note.mark, replaced, inserted);
    }

    fn fits(&self, bytes: usize, of: &Of<'_>) -> bool {
        self.bytes + bytes <= HEAD_BYTES + of.bytes_max
    }

    /// Whether so many bytes more leave it one chunk, most of which is not replaced.
    fn check(&self, bytes: usize, of: &Of<'_>) -> Option<()> {
        let written = self.splices.written_bytes() + bytes;
        (self.fits(bytes, of) && written * SPLICES_PART <= self.bytes).then_some(())
    }

    /// Puts an entry in for which it is too full, and to which nothing has happened yet. `None`: it cannot.
    #[cold]
    fn insert_and_cut(
        &mut self,
        of: &Of<'_>,
        (section, at): (Section, Cursor),
        key: &[u8],
        value: &[u8],
    ) -> Option<()> {
        let bytes = chunk::entry_bytes(key, value);
        if !self.splices.is_empty() || bytes * ENTRY_PART > of.bytes_max {
            return None;
        }
        let entries = of.view.entries(self.chunk);
        let mut joined = Vec::with_capacity(entries.len() + bytes);
        joined.extend_from_slice(&entries[..at.at]);
        chunk::push(&mut joined, key, value);
        joined.extend_from_slice(&entries[at.at..]);
        let bias = match at.at {
            at if at == entries.len() => Bias::Back,
            0 => Bias::Front,
            _ => Bias::Middle,
        };
        let count = self.note.count as usize + 1;
        cut((of.bytes_max, of.cap), section, (&joined, count), bias, &mut self.cut);
        Some(())
    }
}
