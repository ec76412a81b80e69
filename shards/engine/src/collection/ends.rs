//! Owns the ends of a section of entries without keys, of an object: what is put there or taken away writes that alone, and looks at no other
//! chunk.

use super::chunk::{self, HEAD_BYTES, begin_of, head, span};
use super::commit::{Chunks, chunk_bytes_max, cut};
use super::edit::Bias;
use super::view::Source;
use super::{Layout, Section, View, notes};
use hyperion_store::{Edit as Change, Found, Insert, Key, Store, StoreError};
use std::ops::Range;

/// An end of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Before all others.
    Front,
    /// Behind all others.
    Back,
}

impl End {
    /// Values as entries without keys in the order in which they will stand: the last is the outermost.
    pub(super) fn entries_of(self, values: &[&[u8]]) -> Vec<u8> {
        let bytes = values.iter().map(|value| value.len() + 8).sum();
        let mut entries = Vec::with_capacity(bytes);
        match self {
            Self::Front => {
                values.iter().rev().for_each(|value| chunk::push(&mut entries, &[], value));
            }
            Self::Back => values.iter().for_each(|value| chunk::push(&mut entries, &[], value)),
        }
        entries
    }
}

/// The chunks of a section whose outermost entry begins in the first or the last that is no part.
struct Outermost {
    /// Index of the chunk with its beginning.
    chunk: usize,
    /// The chunks behind it with the rest of it, where it is long.
    parts: Range<usize>,
    /// Entries of the chunk.
    count: usize,
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
    let count = notes.get(chunk)?.count as usize;
    let of_chunks = notes.len();
    Some((Outermost { chunk, parts, count, of_chunks }, pieces.chunk(chunk).len()))
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
    let entries = end.entries_of(values);
    let most = chunk_bytes_max(layout, last.of_chunks, cap);
    if last.parts.is_empty() && whole_bytes + entries.len() <= HEAD_BYTES + most {
        let chunk = last.chunk;
        let held = last.count + values.len();
        let head = head(section, held);
        match end {
            End::Front => {
                let first = [&head, &entries[..]].concat();
                let edit = Change::Splice { chunk, at: 0, removed: HEAD_BYTES, inserted: &first };
                store.change(found, &[edit], &[])?;
            }
            End::Back => {
                let count = Change::Splice { chunk, at: 1, removed: 2, inserted: &head[1..] };
                let at = whole_bytes;
                let more = Change::Splice { chunk, at, removed: 0, inserted: &entries };
                store.change(found, &[count, more], &[])?;
            }
        }
        let held = u32::try_from(held).expect("a chunk has fewer entries");
        store.update_notes(found, |notes| notes.set_count(chunk, held));
        return Ok(Some(count));
    }
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
    if count < 2 || last.count == 0 {
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
    let result = if last.count == 1 {
        let chunks = std::iter::once(chunk).chain(last.parts.clone());
        let edits: Vec<Change<'_>> = chunks.map(|chunk| Change::Remove { chunk }).collect();
        store.change(found, &edits, &[])
    } else {
        let head = head(section, last.count - 1);
        match end {
            End::Front => {
                let removed = HEAD_BYTES + span.end;
                let edit = Change::Splice { chunk, at: 0, removed, inserted: &head };
                store.change(found, &[edit], &[])
            }
            End::Back => {
                let count = Change::Splice { chunk, at: 1, removed: 2, inserted: &head[1..] };
                let (at, removed) = (HEAD_BYTES + at, whole_bytes - HEAD_BYTES - at);
                let rest = Change::Splice { chunk, at, removed, inserted: &[] };
                store.change(found, &[count, rest], &[])
            }
        }
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
    store.update_notes(found, |notes| {
        if last.count == 1 {
            notes.splice(chunk..last.parts.end, &[]);
        } else {
            let held = u32::try_from(last.count - 1).expect("a chunk has fewer entries");
            notes.set_count(chunk, held);
        }
    });
    Ok(true)
}
