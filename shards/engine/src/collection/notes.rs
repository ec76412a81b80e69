//! Owns the notes of a collection's chunks: made when a collection is met for the first time, then kept up to date.

use super::chunk::{HEAD_BYTES, PART, note_of};
use super::mark;
use hyperion_store::{Found, Note, Notes, Store};

/// Sees to it that the notes of a collection are there, if it is an object.
pub(super) fn ensure(store: &mut Store, found: &Found) {
    let Some(handle) = store.object_handle(found) else { return };
    let (pieces, None) = store.object(handle) else { return };
    let (mut notes, mut key) = (Notes::default(), 0);
    for index in 0..pieces.count() {
        notes.push(under(note_of(pieces.chunk(index)), &mut key));
    }
    store.set_notes(found, notes);
}

/// The note of the next chunk, behind one with this key: parts of a long entry have the key of the chunk that begins it.
pub(super) fn under(mut note: Note, key: &mut u64) -> Note {
    if note.flags != 0 {
        note.key = *key;
    }
    *key = note.key;
    note
}

/// The notes of chunks that follow each other.
pub(super) fn of_chunks(chunks: &[Vec<u8>]) -> Vec<Note> {
    let mut key = 0;
    let of_chunk = |chunk: &Vec<u8>| {
        let mut note = note_of(chunk);
        if note.flags & PART == 0 && note.count > 1 {
            note.mark = mark::of_entries(&chunk[HEAD_BYTES..]);
        }
        under(note, &mut key)
    };
    chunks.iter().map(of_chunk).collect()
}
