//! Owns the ends of a section of entries without keys, of an object: what is put there or taken away writes that alone, and looks at no other
//! chunk.

use super::chunk::{self, HEAD_BYTES, begin_of, head, span};
use super::commit::{Chunks, chunk_bytes_max, cut};
use super::edit::Bias;
use super::view::Source;
use super::{Layout, Section, View, notes};
use hyperion_store::{
    Edit as Change, Found, Insert, Key, Note, Spliced, Splices, Store, StoreError,
};
use std::ops::Range;

/// Bytes of an entry beside its value, at most.
const ENTRY_HEAD_BYTES: usize = 12;

/// An end of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Before all others.
    Front,
    /// Behind all others.
    Back,
}

impl End {
    /// Appends values as entries without keys in the order in which they will stand: the last is the outermost.
    pub(super) fn push_entries(self, values: &[&[u8]], entries: &mut Vec<u8>) {
        match self {
            Self::Front => values.iter().rev().for_each(|value| chunk::push(entries, &[], value)),
            Self::Back => values.iter().for_each(|value| chunk::push(entries, &[], value)),
        }
    }
}

/// The chunks of a section whose outermost entry begins in the first or the last that is no part.
struct Outermost {
    /// Index of the chunk with its beginning.
    chunk: usize,
    /// The chunks behind it with the rest of it, where it is long.
    parts: Range<usize>,
    note: Note,
    /// Chunks of the collection.
    of_chunks: usize,
}

/// With the bytes of that chunk, its head included. `None` where the collection is packed or the section has none.
fn outermost(view: &View<'_>, section: Section, end: End) -> Option<(Outermost, usize)> {
    let Source::Object(pieces, notes) = view.source else { return None };
    let mut chunks = view.chunks(section);
    let chunk = match end {
        End::Front => chunks.next()?,
        End::Back => chunks.rev().find(|&chunk| !view.is_part(chunk))?,
    };
    let parts = view.parts_behind(notes, chunk);
    let (note, of_chunks) = (*notes.get(chunk)?, notes.len());
    Some((Outermost { chunk, parts, note, of_chunks }, pieces.chunk(chunk).len()))
}

/// Puts values without keys at an end, the last of them outermost. Gives the number of entries then; `None`: nothing was done, it is
/// for [`super::Edit`].
///
/// # Errors
/// When there is no room; then nothing has changed.
pub fn push(
    store: &mut Store,
    (key, found): (&Key<'_>, &Found),
    layout: &Layout,
    (section, end): (Section, End),
    values: &[&[u8]],
) -> Result<Option<u64>, StoreError> {
    if store.is_written_whole(key) {
        return Ok(None);
    }
    let cap = store.chunk_bytes_max() - HEAD_BYTES;
    let view = View::new(store, found);
    let Some((last, whole_bytes)) = outermost(&view, section, end) else { return Ok(None) };
    let count = view.count(section) + values.len() as u64;
    let most = chunk_bytes_max(layout, last.of_chunks, cap);
    let bytes: usize = values.iter().map(|value| value.len() + ENTRY_HEAD_BYTES).sum();
    if last.parts.is_empty() && whole_bytes + bytes <= HEAD_BYTES + most {
        let held = last.note.count as usize + values.len();
        let head = head(section, held);
        let mut splices = Splices::default();
        match end {
            End::Front => splices.push_with((0, HEAD_BYTES), HEAD_BYTES + bytes, |out| {
                out.extend_from_slice(&head);
                end.push_entries(values, out);
            }),
            End::Back => {
                splices.push_with((whole_bytes, 0), bytes, |out| end.push_entries(values, out));
                splices.push(1, 2, &head[1..]);
            }
        }
        last.splice(store, found, &splices, held)?;
        return Ok(Some(count));
    }
    let mut entries = Vec::with_capacity(bytes);
    end.push_entries(values, &mut entries);
    let mut chunks = Chunks::new();
    let bias = if end == End::Front { Bias::Front } else { Bias::Back };
    cut((most, cap), section, (&entries, values.len()), bias, &mut chunks);
    let parts: Vec<Vec<&[u8]>> = chunks.iter().map(|chunk| vec![&chunk[..]]).collect();
    // The head comes before all sections.
    let after = if end == End::Front { last.chunk - 1 } else { last.parts.end - 1 };
    match store.change(found, &[], &[Insert { after, chunks: &parts }]) {
        Ok(()) => {}
        Err(StoreError::TooLarge { .. }) => return Ok(None),
        Err(error) => return Err(error),
    }
    let made = notes::of_chunks(&chunks);
    store.update_notes(found, |notes| notes.splice(after + 1..after + 1, &made));
    if end == End::Front {
        // It is full, and the one that it was put behind is another.
        store.rest_chunk(found, last.chunk + made.len());
    }
    Ok(Some(count))
}

/// Takes the outermost entry away, one of several, and appends its value to `out`. `false`: nothing was done, it is for [`super::Edit`].
///
/// # Errors
/// When there is no room; then nothing has changed.
pub fn pop(
    store: &mut Store,
    (key, found): (&Key<'_>, &Found),
    (section, end): (Section, End),
    out: &mut Vec<u8>,
) -> Result<bool, StoreError> {
    if store.is_written_whole(key) {
        return Ok(false);
    }
    let view = View::new(store, found);
    let Some((last, whole_bytes)) = outermost(&view, section, end) else { return Ok(false) };
    let count = view.count(section);
    let held = last.note.count as usize;
    if count < 2 || held == 0 {
        return Ok(false);
    }
    let chunk = last.chunk;
    let entries = view.entries(chunk);
    let at = if end == End::Front { Some(0) } else { begin_of(&entries, entries.len()) };
    let Some((at, span)) = at.and_then(|at| Some((at, span(&entries, at)?))) else {
        return Ok(false);
    };
    let begin = out.len();
    out.extend_from_slice(&entries[span.value.0..span.value.1]);
    drop(entries);
    let result = if held == 1 {
        let chunks = std::iter::once(chunk).chain(last.parts.clone());
        let edits: Vec<Change<'_>> = chunks.map(|chunk| Change::Remove { chunk }).collect();
        store.change(found, &edits, &[])
    } else {
        let head = head(section, held - 1);
        let mut splices = Splices::default();
        match end {
            End::Front => splices.push(0, HEAD_BYTES + span.end, &head),
            End::Back => {
                let (at, removed) = (HEAD_BYTES + at, whole_bytes - HEAD_BYTES - at);
                splices.push(at, removed, &[]);
                splices.push(1, 2, &head[1..]);
            }
        }
        last.splice(store, found, &splices, held - 1)
    };
    match result {
        Ok(()) => {}
        Err(error) => {
            out.truncate(begin);
            return if matches!(error, StoreError::TooLarge { .. }) {
                Ok(false)
            } else {
                Err(error)
            };
        }
    }
    if held == 1 {
        store.update_notes(found, |notes| notes.splice(chunk..last.parts.end, &[]));
    }
    Ok(true)
}

impl Outermost {
    /// Replaces bytes of the chunk, which has `count` entries then.
    fn splice(
        &self,
        store: &mut Store,
        found: &Found,
        splices: &Splices,
        count: usize,
    ) -> Result<(), StoreError> {
        let count = u32::try_from(count).expect("a chunk has fewer entries");
        // What comes or goes in front moves what is marked.
        let note = Note { count, mark: 0, ..self.note };
        store.splice(found, std::iter::once(Spliced { chunk: self.chunk, splices, note }))
    }
}
