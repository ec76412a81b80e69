//! Owns changing a collection: what is put, replaced and taken out, until it is committed.

use super::chunk::{self, Span, span};
use super::dirty::Dirty;
use super::view::{Cursor, View};
use super::{End, Layout, Section};
use crate::command::CommandError;
use hyperion_store::{Found, Key, ObjectHandle, Store, ValueType};
use std::collections::BTreeMap;

/// Chunks that no stored one stands for are numbered from here on, by section.
pub(super) const NEW_CHUNKS: usize = usize::MAX / 2;

/// Bytes of a short entry beside its key and value, about.
pub(super) const ENTRY_HEAD_BYTES: usize = 12;

/// Where in a chunk the last entry came in: where it is cut depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bias {
    Front,
    Middle,
    Back,
}

/// A collection under change. Nothing of it is seen before [`Edit::commit`]; dropped, it never was.
pub struct Edit<'s, 'k> {
    pub(super) store: &'s mut Store,
    pub(super) key: &'k Key<'k>,
    pub(super) value_type: ValueType,
    pub(super) layout: &'static Layout,
    pub(super) found: Option<Found>,
    /// The object that it is, if it is one.
    object: Option<ObjectHandle>,
    pub(super) dirty: BTreeMap<usize, Box<Dirty>>,
    /// What is stored is not looked at any more: it is written anew, as an object.
    pub(super) is_unpacked: bool,
    pub(super) meta: Option<Vec<u8>>,
    /// When the key expires, for one that takes the place of another.
    pub(super) expiry_ms: Option<u64>,
}

impl<'s, 'k> Edit<'s, 'k> {
    /// Opens the collection under a key, one without entries if there is none. The key counts as used.
    ///
    /// # Errors
    /// When the key holds another type.
    pub fn open(
        store: &'s mut Store,
        key: &'k Key<'k>,
        value_type: ValueType,
        layout: &'static Layout,
    ) -> Result<Self, CommandError> {
        let found = store.find(key);
        Self::open_found(store, (key, found), value_type, layout)
    }

    /// As [`Edit::open`], for a key that was just looked up.
    ///
    /// # Errors
    /// As [`Edit::open`].
    pub fn open_found(
        store: &'s mut Store,
        (key, found): (&'k Key<'k>, Option<Found>),
        value_type: ValueType,
        layout: &'static Layout,
    ) -> Result<Self, CommandError> {
        if let Some(found) = &found {
            if store.value_type(found) != value_type {
                return Err(CommandError::WrongType);
            }
            super::notes::ensure(store, found);
        }
        Ok(Self::new(store, key, value_type, layout, found))
    }

    /// Begins a collection that takes the place of whatever the key holds.
    pub fn replacing(
        store: &'s mut Store,
        key: &'k Key<'k>,
        value_type: ValueType,
        layout: &'static Layout,
    ) -> Self {
        Self::new(store, key, value_type, layout, None)
    }

    /// For [`Edit::replacing`]: when the key expires.
    pub fn set_expiry(&mut self, expiry_ms: Option<u64>) {
        self.expiry_ms = expiry_ms;
    }

    fn new(
        store: &'s mut Store,
        key: &'k Key<'k>,
        value_type: ValueType,
        layout: &'static Layout,
        found: Option<Found>,
    ) -> Self {
        let is_unpacked = found.is_none() && layout.packed_bytes_max == 0;
        let object = found.as_ref().and_then(|found| store.object_handle(found));
        let dirty = BTreeMap::new();
        Self {
            store,
            key,
            value_type,
            layout,
            found,
            object,
            dirty,
            is_unpacked,
            meta: None,
            expiry_ms: None,
        }
    }

    /// Gives back what it was opened with; nothing of it happens.
    pub fn drop_changes(self) -> (&'s mut Store, &'k Key<'k>, Option<Found>) {
        (self.store, self.key, self.found)
    }

    /// Whether the key was there when the edit began.
    #[must_use]
    pub fn was_there(&self) -> bool {
        self.found.is_some()
    }

    /// The store's clock, Unix ms.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.store.now_ms()
    }

    /// What expires by then, Unix ms, has expired.
    #[must_use]
    pub fn passed_ms(&self) -> u64 {
        self.store.passed_ms()
    }

    /// The collection as it is with all changes so far.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        let mut view = match (&self.found, self.object) {
            _ if self.is_unpacked => View::unwritten(),
            (_, Some(object)) => View::of_noted(self.store, object),
            (Some(found), None) => View::again(self.store, found),
            (None, None) => View::empty(),
        };
        view.dirty = Some(&self.dirty);
        view
    }

    /// The owner's own bytes, with all changes so far.
    #[must_use]
    pub fn meta(&self) -> &[u8] {
        self.meta.as_deref().unwrap_or_else(|| self.view().meta())
    }

    /// Whether it is one packed record so far, or would be.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        !self.is_unpacked && self.object.is_none()
    }

    /// Whether a packed collection is too large for one record with another entry of `bytes` bytes.
    #[must_use]
    pub fn outgrows(&self, section: Section, bytes: usize) -> bool {
        if !self.is_packed() {
            return false;
        }
        let view = self.view();
        let chunks = view.chunks(section);
        let has: usize = chunks.map(|chunk| view.entries(chunk).len()).sum();
        has + bytes + ENTRY_HEAD_BYTES > self.layout.packed_bytes_max
            || view.count(section) >= self.layout.packed_entries_max as u64
    }

    /// Makes an object of a packed collection: gives its entries of `section`, for the owner to put them in as they are in objects. The
    /// edit has none then.
    pub fn unpack(&mut self, section: Section) -> Vec<(Vec<u8>, Vec<u8>)> {
        let entries = self
            .view()
            .all(section)
            .map(|(_, entry)| (entry.key.into_owned(), entry.value.into_owned()))
            .collect();
        self.dirty.clear();
        self.is_unpacked = true;
        entries
    }

    /// Sets the owner's own bytes; the collection is an object from then on.
    pub fn set_meta(&mut self, meta: Vec<u8>) {
        debug_assert!(!self.is_packed(), "a packed collection has no bytes for its owner");
        self.meta = Some(meta);
    }

    /// Puts an entry in before `at`: what [`View::seek`] gave, or a cursor; `None` where the section has no chunk. Gives its place.
    pub fn insert(
        &mut self,
        section: Section,
        at: Option<Cursor>,
        key: &[u8],
        value: &[u8],
    ) -> Cursor {
        let at = at.unwrap_or(Cursor { chunk: NEW_CHUNKS + usize::from(section), at: 0 });
        let dirty = self.dirty(at.chunk, section);
        dirty.bias = if at.at == dirty.bytes {
            Bias::Back
        } else if at.at == 0 {
            Bias::Front
        } else {
            Bias::Middle
        };
        dirty.count += 1;
        let bytes = key.len() + value.len() + ENTRY_HEAD_BYTES;
        self.splice_with(at, 0, bytes, |out| chunk::push(out, key, value));
        at
    }

    /// Puts an entry behind all others of its section.
    pub fn push_back(&mut self, section: Section, key: &[u8], value: &[u8]) {
        let view = self.view();
        let mut chunks = view.chunks(section).rev();
        let last = chunks.find(|&chunk| !view.is_part(chunk));
        let at = last.map(|chunk| Cursor { chunk, at: view.entries(chunk).len() });
        self.insert(section, at, key, value);
    }

    /// Puts an entry before all others of its section.
    pub fn push_front(&mut self, section: Section, key: &[u8], value: &[u8]) {
        let chunks = self.view().chunks(section);
        let at = (!chunks.is_empty()).then_some(Cursor { chunk: chunks.start, at: 0 });
        self.insert(section, at, key, value);
    }

    /// Puts entries without keys at an end of their section, the last of `values` outermost. A packed collection of one section becomes
    /// an object when it gets too large.
    pub fn extend(&mut self, section: Section, end: End, values: &[&[u8]]) {
        let bytes = values.iter().map(|value| value.len() + ENTRY_HEAD_BYTES).sum();
        let is_full = |edit: &Self| {
            let count = edit.view().count(section) + values.len() as u64;
            edit.outgrows(section, bytes) || count > edit.layout.packed_entries_max as u64
        };
        if self.is_packed() && is_full(self) {
            let entries = self.unpack(section);
            let before: Vec<&[u8]> = entries.iter().map(|(_, value)| &value[..]).collect();
            self.put_at_end(section, End::Back, &before);
        }
        self.put_at_end(section, end, values);
    }

    fn put_at_end(&mut self, section: Section, end: End, values: &[&[u8]]) {
        if values.is_empty() {
            return;
        }
        let view = self.view();
        let chunks = view.chunks(section);
        let place = match end {
            End::Front => (!chunks.is_empty()).then_some((chunks.start, 0)),
            End::Back => {
                let last = chunks.rev().find(|&chunk| !view.is_part(chunk));
                last.map(|chunk| (chunk, view.entries(chunk).len()))
            }
        };
        let (chunk, at) = place.unwrap_or((NEW_CHUNKS + usize::from(section), 0));
        let dirty = self.dirty(chunk, section);
        dirty.bias = if end == End::Front { Bias::Front } else { Bias::Back };
        dirty.count += values.len();
        let bytes = values.iter().map(|value| value.len() + ENTRY_HEAD_BYTES).sum();
        self.splice_with(Cursor { chunk, at }, 0, bytes, |out| end.push_entries(values, out));
    }

    /// Takes `count` entries out, or what there is of them, from the one with `index` others before it on.
    pub fn remove_from(&mut self, section: Section, index: u64, count: u64) {
        let view = self.view();
        let count = count.min(view.count(section).saturating_sub(index));
        if count > 0
            && let Some(cursor) = view.at(section, index)
        {
            self.remove_run(section, cursor, count);
        }
    }

    /// Replaces the value of the entry at a cursor.
    ///
    /// # Panics
    /// When there is none.
    pub fn replace(&mut self, section: Section, at: Cursor, value: &[u8]) {
        let entries = self.view().entries(at.chunk);
        let Span { key, value: (begin, end), end: behind } = span_at(&entries, at);
        if end - begin == value.len() {
            self.dirty(at.chunk, section);
            return self.splice(Cursor { at: begin, ..at }, value.len(), value);
        }
        let key = entries[key.0..key.1].to_vec();
        self.dirty(at.chunk, section);
        let bytes = key.len() + value.len() + ENTRY_HEAD_BYTES;
        self.splice_with(at, behind - at.at, bytes, |out| chunk::push(out, &key, value));
    }

    /// Takes the entry at a cursor out. The cursor then names the one behind it, or the end of the chunk: see [`View::settle`].
    ///
    /// # Panics
    /// When there is none.
    pub fn remove(&mut self, section: Section, at: Cursor) {
        let end = span_at(&self.view().entries(at.chunk), at).end;
        self.dirty(at.chunk, section).count -= 1;
        self.splice(at, end - at.at, &[]);
    }

    /// The chunk, as one that is changed.
    pub(super) fn dirty(&mut self, chunk: usize, section: Section) -> &mut Dirty {
        if !self.dirty.contains_key(&chunk) {
            let dirty = Box::new(Dirty::new(&self.view(), chunk, section));
            self.dirty.insert(chunk, dirty);
        }
        self.dirty.get_mut(&chunk).expect("it was made")
    }

    /// Replaces bytes of the entries of a chunk that is dirty.
    pub(super) fn splice(&mut self, at: Cursor, removed: usize, inserted: &[u8]) {
        self.splice_with(at, removed, inserted.len(), |out| out.extend_from_slice(inserted));
    }

    /// As [`Edit::splice`], by what `insert` appends, which is `bytes` bytes at most.
    fn splice_with(
        &mut self,
        at: Cursor,
        removed: usize,
        bytes: usize,
        insert: impl FnOnce(&mut Vec<u8>),
    ) {
        if !self.dirty[&at.chunk].takes_splice(bytes) {
            // The entries are made of the splices so far, which are not wanted then.
            let _ = self.view().entries(at.chunk);
        }
        let dirty = self.dirty.get_mut(&at.chunk).expect("it is dirty");
        dirty.splice(at.at, removed, bytes, insert);
    }
}

/// The entry at a cursor.
fn span_at(entries: &[u8], at: Cursor) -> Span {
    span(entries, at.at).expect("the cursor names an entry")
}
