//! Owns what an object's owner notes of its chunks, in memory alone: enough to find its way without looking into each.

use super::{Chunks, Head, Object, Objects};
use crate::database::{Found, Pieces};
use crate::store::Store;

/// Kinds of chunks that are counted apart.
pub const NOTE_KINDS: usize = 8;

/// What is noted of one chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Where it stands among the others of its kind.
    pub key: u64,
    /// How much it holds.
    pub count: u32,
    /// What it is.
    pub kind: u8,
    /// What else its owner keeps of it.
    pub flags: u8,
}

/// Notes of all chunks, in their order.
#[derive(Debug, Default)]
pub struct Notes {
    /// One for each chunk.
    pub chunks: Vec<Note>,
    /// Sums of the counts, by kind.
    pub totals: [u64; NOTE_KINDS],
    /// Numbers of chunks, by kind.
    pub numbers: [u32; NOTE_KINDS],
    /// The object's last change when they were made.
    at: u64,
}

impl Notes {
    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + self.chunks.capacity() * size_of::<Note>()
    }
}

/// An object that a key has; valid as long as its key is not written or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectHandle(Head);

impl Store {
    /// The object of a key that was just found; `None` for what lies in one record.
    #[must_use]
    pub fn object_handle(&self, found: &Found) -> Option<ObjectHandle> {
        self.object_head(found.location).map(ObjectHandle)
    }

    /// The chunks of an object, and the notes that are kept of them.
    #[inline]
    #[must_use]
    pub fn object(&self, handle: ObjectHandle) -> (Pieces<'_>, Option<&Notes>) {
        let object = self.objects.get(handle.0.id);
        let notes = object.notes.as_deref().filter(|notes| notes.at == object.changed_at);
        let chunks = Chunks { log: &self.log, object };
        (Pieces { value_type: handle.0.value_type, chunks }, notes)
    }

    /// The notes of an object; `None` when none are kept, or it has changed since.
    #[must_use]
    pub fn notes(&self, found: &Found) -> Option<&Notes> {
        let object = self.objects.get(self.object_head(found.location)?.id);
        object.notes.as_deref().filter(|notes| notes.at == object.changed_at)
    }

    /// Keeps notes of an object as it is now.
    ///
    /// # Panics
    /// When `found` is no object.
    pub fn set_notes(&mut self, found: &Found, notes: Notes) {
        let head = self.object_head(found.location).expect("only objects have notes");
        self.objects.with_notes(head.id, |object| object.notes = Some(Box::new(notes)));
    }

    /// Brings the notes of an object up to date behind a change of it. Nothing happens where none are kept.
    ///
    /// # Panics
    /// When `found` is no object.
    pub fn update_notes(&mut self, found: &Found, update: impl FnOnce(&mut Notes)) {
        let head = self.object_head(found.location).expect("only objects have notes");
        self.objects.with_notes(head.id, |object| {
            if let Some(notes) = &mut object.notes {
                update(notes);
            }
        });
    }
}

impl Objects {
    fn with_notes(&mut self, id: u64, change: impl FnOnce(&mut Object)) {
        let object = self.get_mut(id);
        let before = object.notes.as_ref().map_or(0, |notes| notes.heap_bytes());
        change(object);
        let at = object.changed_at;
        let after = object.notes.as_mut().map_or(0, |notes| {
            notes.at = at;
            notes.heap_bytes()
        });
        object.heap_bytes = object.heap_bytes - before + after;
        self.heap_bytes = self.heap_bytes - before + after;
    }
}
