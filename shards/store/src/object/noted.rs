//! Owns how an object has its notes: where commands find them, and how they stay true while it changes.

use super::{Chunks, Head, Notes, Object, Objects, ValueType};
use crate::database::{Found, Key, Pieces};
use crate::limits::CACHED_OBJECT_BYTES;
use crate::store::Store;

/// An object that a key has; valid as long as its key is not written or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectHandle(Head);

impl ObjectHandle {
    /// What it is.
    #[must_use]
    pub fn value_type(self) -> ValueType {
        self.0.value_type
    }
}

impl Store {
    /// Whether the chunks of objects that change take so much of the memory that they do not all lie in the caches.
    #[inline]
    #[must_use]
    pub fn has_large_objects(&self) -> bool {
        self.objects.heap_bytes() > CACHED_OBJECT_BYTES
    }

    /// The object that a key most likely has, for prefetching.
    #[must_use]
    #[inline]
    pub fn guess_object(&self, key: &Key<'_>) -> Option<ObjectHandle> {
        let location = self.index_of(key.place())?.guess(&self.pool, key.hash)?;
        self.object_head(location).map(ObjectHandle)
    }

    /// The object of a key that was just found; `None` for what lies in one record.
    #[must_use]
    pub fn object_handle(&self, found: &Found) -> Option<ObjectHandle> {
        found.head.map(ObjectHandle)
    }

    /// The chunks of an object, and the notes that are kept of them.
    #[inline]
    #[must_use]
    pub fn object(&self, handle: ObjectHandle) -> (Pieces<'_>, Option<&Notes>) {
        let chunks = self.chunks_of(handle.0.id);
        (Pieces { value_type: handle.0.value_type, chunks }, chunks.notes())
    }

    /// The notes of an object; `None` when none are kept, or it has changed since.
    #[must_use]
    pub fn notes(&self, found: &Found) -> Option<&Notes> {
        self.chunks_of(found.head?.id).notes()
    }

    /// Keeps notes of an object as it is now.
    ///
    /// # Panics
    /// When `found` is no object.
    pub fn set_notes(&mut self, found: &Found, notes: Notes) {
        let head = found.head.expect("only objects have notes");
        self.with_notes(head.id, |of| *of = Some(Box::new(notes)));
    }

    /// Brings the notes of an object up to date behind a change of it. Nothing happens where none are kept.
    ///
    /// # Panics
    /// When `found` is no object.
    pub fn update_notes(&mut self, found: &Found, update: impl FnOnce(&mut Notes)) {
        let head = found.head.expect("only objects have notes");
        self.with_notes(head.id, |of| {
            if let Some(notes) = of {
                update(notes);
            }
        });
    }

    /// Changes the notes of an object, or of what it will be where that is foreseen: they tell of it as it is now.
    fn with_notes(&mut self, id: u64, change: impl FnOnce(&mut Option<Box<Notes>>)) {
        if self.replicated.reads_applied() || self.objects.foreseen(id).is_none() {
            return self.objects.with_notes(id, |object| change(&mut object.notes));
        }
        self.objects.with_foreseen(id, |foreseen, _| {
            change(&mut foreseen.notes);
            if let Some(notes) = &mut foreseen.notes {
                notes.at = foreseen.version;
            }
        });
    }

    /// The chunks of an object as commands see them.
    #[inline]
    pub(crate) fn chunks_of(&self, id: u64) -> Chunks<'_> {
        let foreseen = self.objects.foreseen(id).filter(|_| !self.replicated.reads_applied());
        Chunks { log: &self.log, object: self.objects.get(id), foreseen }
    }
}

impl<'a> Chunks<'a> {
    /// Notes that tell of them as they are.
    fn notes(self) -> Option<&'a Notes> {
        let (notes, at) = match self.foreseen {
            None => (&self.object.notes, self.object.changed_at),
            Some(foreseen) => (&foreseen.notes, foreseen.version),
        };
        notes.as_deref().filter(|notes| notes.at == at)
    }
}

impl Object {
    /// Bytes of its notes.
    pub(super) fn note_bytes(&self) -> usize {
        self.notes.as_ref().map_or(0, |notes| notes.heap_bytes())
    }

    /// Whether notes of it are kept, and tell of it as it is.
    pub(super) fn has_notes(&self) -> bool {
        self.notes.as_ref().is_some_and(|notes| notes.at == self.changed_at)
    }
}

impl Objects {
    pub(super) fn with_notes(&mut self, id: u64, change: impl FnOnce(&mut Object)) {
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
