//! Owns the notes of a collection's chunks: made when a collection is met for the first time, then kept up to date.

use super::chunk::note_of;
use hyperion_store::{Found, Note, Notes, Store};

/// Sees to it that the notes of a collection are there, if it is an object.
pub(super) fn ensure(store: &mut Store, found: &Found) {
    let Some(handle) = store.object_handle(found) else { return };
    let (pieces, None) = store.object(handle) else { return };
    let mut notes = Notes::default();
    notes.chunks.reserve(pieces.count());
    for index in 0..pieces.count() {
        push(&mut notes, note_of(pieces.chunk(index)));
    }
    store.set_notes(found, notes);
}

/// Adds the note of the next chunk. Parts of a long entry have the key of the chunk that begins it.
pub(super) fn push(notes: &mut Notes, mut note: Note) {
    if note.flags != 0 {
        note.key = notes.chunks.last().map_or(0, |before| before.key);
    }
    notes.totals[usize::from(note.kind)] += u64::from(note.count);
    notes.numbers[usize::from(note.kind)] += 1;
    notes.chunks.push(note);
}
