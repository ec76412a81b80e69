//! Owns reading a collection: what it is, its chunks, and the entry at a place.

use super::Section;
use super::chunk::{HEAD_BYTES, PART, Span, span};
use super::dirty::Dirty;
use super::edit::NEW_CHUNKS;
use super::notes;
use crate::command::CommandError;
use hyperion_store::{Found, Key, Note, Notes, ObjectHandle, Pieces, Store, Value, ValueType};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// A place in a collection: an entry, or behind the last entry of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// Index of the chunk.
    pub(super) chunk: usize,
    /// Bytes of the chunk's entries before it.
    pub(super) at: usize,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it is found by.
    pub key: Cow<'a, [u8]>,
    /// What it holds.
    pub value: Cow<'a, [u8]>,
}

/// What a collection is at the moment.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub(super) source: Source<'a>,
    /// Chunks as an edit has made them so far.
    pub(super) dirty: Option<&'a BTreeMap<usize, Box<Dirty>>>,
}

#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// Nothing is there.
    Absent,
    /// An object of which nothing is stored yet.
    Unwritten,
    /// One chunk.
    Packed(&'a [u8]),
    /// A head and chunks.
    Object(Pieces<'a>, &'a Notes),
}

impl<'a> View<'a> {
    /// A collection that was just found.
    #[must_use]
    pub fn new(store: &'a mut Store, found: &Found) -> Self {
        let Some(handle) = store.object_handle(found) else { return Self::again(store, found) };
        if store.object(handle).1.is_none() {
            notes::ensure(store, found);
        }
        Self::of_noted(store, handle)
    }

    /// The collection under a key, if there is one. The key counts as used.
    ///
    /// # Errors
    /// When the key holds another type.
    pub fn open(
        store: &'a mut Store,
        key: &Key<'_>,
        value_type: ValueType,
    ) -> Result<Option<Self>, CommandError> {
        let Some(found) = store.find(key) else { return Ok(None) };
        if store.value_type(&found) != value_type {
            return Err(CommandError::WrongType);
        }
        Ok(Some(Self::new(store, &found)))
    }

    /// A large collection that is most likely the one under a key, with its type, for who only asks the memory for it. `None`: there is none, or
    /// its notes are still to be made.
    #[must_use]
    pub fn ahead(store: &'a Store, key: &Key<'_>) -> Option<(ValueType, Self)> {
        let handle = store.guess_object(key)?;
        Some((handle.value_type(), Self::of_object(store, handle)?))
    }

    /// Makes the notes of a collection, for [`View::again`].
    pub fn prepare(store: &mut Store, found: &Found) {
        notes::ensure(store, found);
    }

    /// A collection that was prepared, and has not changed since: so several are read beside each other.
    ///
    /// # Panics
    /// When it was not.
    #[must_use]
    pub fn again(store: &'a Store, found: &Found) -> Self {
        if let Some(handle) = store.object_handle(found) {
            return Self::of_noted(store, handle);
        }
        match store.value(found) {
            Value::Whole(bytes) => Self { source: Source::Packed(bytes), dirty: None },
            Value::Pieces(_) => unreachable!("a value in pieces is an object"),
        }
    }

    /// A large collection; `None` where its notes are still to be made.
    #[inline]
    pub(super) fn of_object(store: &'a Store, handle: ObjectHandle) -> Option<Self> {
        let (pieces, notes) = store.object(handle);
        Some(Self { source: Source::Object(pieces, notes?), dirty: None })
    }

    /// As [`View::again`], for an object.
    #[inline]
    pub(super) fn of_noted(store: &'a Store, handle: ObjectHandle) -> Self {
        Self::of_object(store, handle).expect("its notes were made")
    }

    /// A collection without entries.
    #[must_use]
    pub fn empty() -> Self {
        Self { source: Source::Absent, dirty: None }
    }

    /// An object of which nothing is stored yet.
    pub(super) fn unwritten() -> Self {
        Self { source: Source::Unwritten, dirty: None }
    }

    /// Whether it lies in one record.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        !matches!(self.source, Source::Object(..) | Source::Unwritten)
    }

    /// The owner's own bytes; none where the collection is packed.
    #[must_use]
    pub fn meta(&self) -> &'a [u8] {
        match self.source {
            Source::Object(pieces, _) => &pieces.chunk(0)[HEAD_BYTES..],
            _ => &[],
        }
    }

    /// Number of entries of a section.
    #[must_use]
    pub fn count(&self, section: Section) -> u64 {
        let stored = match self.source {
            Source::Absent | Source::Unwritten => 0,
            Source::Packed(bytes) => {
                let [kind, low, high, ..] = *bytes else { return 0 };
                if kind == section { u64::from(u16::from_le_bytes([low, high])) } else { 0 }
            }
            Source::Object(_, notes) => notes.total(section),
        };
        let Some(dirty) = self.dirty else { return stored };
        let (mut count, mut before) = (stored, 0_u64);
        for dirty in dirty.values().filter(|dirty| dirty.section == section) {
            count += dirty.count as u64;
            before += dirty.count_before as u64;
        }
        count - before
    }

    /// Number of entries of all sections as they are stored.
    #[must_use]
    pub fn entries_all(&self) -> u64 {
        match self.source {
            Source::Absent | Source::Unwritten => 0,
            Source::Packed(_) => self.chunk_count(0) as u64,
            Source::Object(_, notes) => notes.sum(),
        }
    }

    /// Indices of a section's chunks; parts of long entries are among them.
    pub(super) fn chunks(&self, section: Section) -> Range<usize> {
        match self.source {
            // An edit of what is not there makes chunks from number 1 on.
            Source::Absent | Source::Unwritten => self.dirty_range(section),
            Source::Packed(bytes) => match self.dirty_range(section) {
                range if !range.is_empty() => range,
                _ if bytes.first() == Some(&section) => 0..1,
                _ => 0..0,
            },
            Source::Object(_, notes) => {
                // The head comes first, then section by section.
                let begin = 1 + (0..section).map(|before| notes.chunks_of(before)).sum::<usize>();
                let count = notes.chunks_of(section);
                if count > 0 {
                    return begin..begin + count;
                }
                self.dirty_range(section)
            }
        }
    }

    /// Number of a section's chunks.
    #[must_use]
    pub fn chunks_of(&self, section: Section) -> usize {
        self.chunks(section).len()
    }

    /// Chunks of a section that only the edit knows: one at most.
    fn dirty_range(&self, section: Section) -> Range<usize> {
        // The one chunk of a packed collection, or a new one.
        let mut places = [0, NEW_CHUNKS + usize::from(section)].into_iter();
        let is_it = |at: &usize| {
            let dirty = self.dirty.and_then(|dirty| dirty.get(at));
            dirty.is_some_and(|dirty| dirty.section == section)
        };
        places.find(is_it).map_or(0..0, |at| at..at + 1)
    }

    pub(super) fn note(&self, chunk: usize) -> Option<&'a Note> {
        match self.source {
            Source::Object(_, notes) => notes.get(chunk),
            _ => None,
        }
    }

    /// Whether a chunk holds only a part of an entry that another one begins.
    pub(super) fn is_part(&self, chunk: usize) -> bool {
        let Source::Object(_, notes) = self.source else { return false };
        !notes.has_no_flags() && notes.get(chunk).is_some_and(|note| note.flags & PART != 0)
    }

    /// The bytes of a chunk's entries; those of a long entry are put together.
    #[inline]
    pub(super) fn entries(&self, chunk: usize) -> Cow<'a, [u8]> {
        match self.source {
            // Mostly it lies there as it is.
            Source::Object(pieces, notes) if self.dirty.is_none() && notes.has_no_flags() => {
                Cow::Borrowed(&pieces.chunk(chunk)[HEAD_BYTES..])
            }
            _ => self.entries_changed(chunk),
        }
    }

    /// As [`View::entries`], where an edit may have changed it, or entries may be long.
    fn entries_changed(&self, chunk: usize) -> Cow<'a, [u8]> {
        if let Some(dirty) = self.dirty.and_then(|dirty| dirty.get(&chunk)) {
            return Cow::Borrowed(dirty.entries(|| self.stored(chunk)));
        }
        self.stored(chunk)
    }

    /// As [`View::entries`], as they are stored.
    pub(super) fn stored(&self, chunk: usize) -> Cow<'a, [u8]> {
        match self.source {
            Source::Packed(bytes) if chunk == 0 => {
                Cow::Borrowed(bytes.get(HEAD_BYTES..).unwrap_or_default())
            }
            Source::Object(pieces, notes) if chunk < NEW_CHUNKS => {
                let whole = &pieces.chunk(chunk)[HEAD_BYTES..];
                let parts = self.parts_behind(notes, chunk);
                if parts.is_empty() {
                    return Cow::Borrowed(whole);
                }
                let mut joined = whole.to_vec();
                parts.for_each(|part| joined.extend_from_slice(&pieces.chunk(part)[HEAD_BYTES..]));
                Cow::Owned(joined)
            }
            _ => Cow::Borrowed(&[]),
        }
    }

    pub(super) fn parts_behind(&self, notes: &Notes, chunk: usize) -> Range<usize> {
        if notes.has_no_flags() {
            return chunk + 1..chunk + 1;
        }
        let is_part = |at: &usize| notes.get(*at).is_some_and(|note| note.flags & PART != 0);
        chunk + 1..chunk + 1 + (chunk + 1..).take_while(is_part).count()
    }

    /// Number of entries of a chunk.
    pub(super) fn chunk_count(&self, chunk: usize) -> usize {
        if let Some(dirty) = self.dirty.and_then(|dirty| dirty.get(&chunk)) {
            return dirty.count;
        }
        match self.source {
            Source::Absent | Source::Unwritten => 0,
            Source::Packed(bytes) => bytes
                .get(1..3)
                .map_or(0, |count| usize::from(u16::from_le_bytes([count[0], count[1]]))),
            Source::Object(_, notes) => notes.get(chunk).map_or(0, |note| note.count as usize),
        }
    }

    /// The entry at a cursor; `None` behind the last one of its chunk.
    #[must_use]
    pub fn entry(&self, cursor: Cursor) -> Option<Entry<'a>> {
        match self.entries(cursor.chunk) {
            Cow::Borrowed(entries) => {
                let Span { key, value, .. } = span(entries, cursor.at)?;
                Some(Entry {
                    key: Cow::Borrowed(&entries[key.0..key.1]),
                    value: Cow::Borrowed(&entries[value.0..value.1]),
                })
            }
            Cow::Owned(entries) => {
                let Span { key, value, .. } = span(&entries, cursor.at)?;
                Some(Entry {
                    key: Cow::Owned(entries[key.0..key.1].to_vec()),
                    value: Cow::Owned(entries[value.0..value.1].to_vec()),
                })
            }
        }
    }

    /// Whether something is so of the value of the entry at a cursor, which is there.
    pub fn has_value(&self, cursor: Cursor, is_so: impl FnOnce(&[u8]) -> bool) -> bool {
        let entries = self.entries(cursor.chunk);
        span(&entries, cursor.at).is_some_and(|span| is_so(&entries[span.value.0..span.value.1]))
    }
}

/// The owner's own bytes of a collection that was just found. Nothing is noted for it, as it is for a [`View`].
#[must_use]
pub fn meta_of<'a>(store: &'a Store, found: &Found) -> &'a [u8] {
    match store.value(found) {
        Value::Whole(_) => &[],
        Value::Pieces(pieces) => pieces.chunk(0).get(HEAD_BYTES..).unwrap_or_default(),
    }
}
