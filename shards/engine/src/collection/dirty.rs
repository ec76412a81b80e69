//! Owns a chunk under change: what was replaced of it, and what it becomes once somebody looks.

use super::chunk::HEAD_BYTES;
use super::edit::{Bias, NEW_CHUNKS};
use super::view::{Source, View};
use super::{Section, chunk, mark};
use hyperion_store::{Note, Splices};
use std::borrow::Cow;
use std::cell::OnceCell;

/// Bytes of splices that are written instead of a chunk, at most: one part in this many of the chunk.
const SPLICES_PART: usize = 2;

/// Bytes of an entry's lengths, and what it may grow by when it is told how long it is.
const SLACK_BYTES: usize = 16;

/// Bytes that a chunk mostly grows by, at most, in one edit.
const CHUNK_GROWS_BYTES: usize = 128;

/// A chunk that the edit has changed.
#[derive(Debug)]
pub(super) struct Dirty {
    pub(super) section: Section,
    /// It with all changes, its head unset; made when somebody looks at it.
    made: OnceCell<Vec<u8>>,
    /// Bytes of its entries.
    pub(super) bytes: usize,
    pub(super) count: usize,
    pub(super) count_before: usize,
    /// Bytes that the stored chunk has, without its head.
    pub(super) bytes_before: usize,
    /// Chunks behind it that hold parts of its entry, and what the first of all has of it.
    pub(super) parts: usize,
    pub(super) first_bytes: usize,
    /// What was replaced, its head counted; `None` where that would be too much to be written as such.
    pub(super) splices: Option<Splices>,
    pub(super) bias: Bias,
    /// The note of what is stored; its key too, unless the first entry may be another.
    note: Note,
    is_first_changed: bool,
    /// See [`mark`].
    pub(super) mark: u16,
}

impl Dirty {
    /// A chunk as it is stored, or without entries where none is.
    pub(super) fn new(view: &View<'_>, chunk: usize, section: Section) -> Self {
        let (parts, first_bytes) = view.stored_parts(chunk);
        let is_stored = chunk < NEW_CHUNKS;
        let is_object = is_stored && matches!(view.source, Source::Object(..));
        let bytes = if is_stored { view.chunk_bytes(chunk) } else { 0 };
        let count = if is_stored { view.chunk_count(chunk) } else { 0 };
        let note = view.note(chunk).copied().unwrap_or_default();
        let dirty = Self {
            section,
            made: OnceCell::new(),
            bytes,
            count,
            count_before: count,
            bytes_before: bytes,
            parts,
            first_bytes,
            splices: (is_object && parts == 0).then(Splices::default),
            bias: Bias::Middle,
            note,
            is_first_changed: false,
            mark: note.mark,
        };
        if dirty.splices.is_none() {
            let _ = dirty.entries(|| view.stored(chunk));
        }
        dirty
    }

    /// As [`Dirty::new`], and all its entries are taken out without a look at them.
    pub(super) fn cleared(view: &View<'_>, chunk: usize, section: Section) -> Self {
        let (parts, first_bytes) = view.stored_parts(chunk);
        let bytes = view.chunk_bytes(chunk);
        let mut dirty = Self {
            section,
            made: OnceCell::new(),
            bytes,
            count: 0,
            count_before: view.chunk_count(chunk),
            bytes_before: bytes,
            parts,
            first_bytes,
            splices: None,
            bias: Bias::Middle,
            note: Note::default(),
            is_first_changed: true,
            mark: 0,
        };
        dirty.clear();
        dirty
    }

    /// Takes out all entries.
    pub(super) fn clear(&mut self) {
        (self.bytes, self.count, self.is_first_changed, self.mark) = (0, 0, true, 0);
        self.made = OnceCell::from(vec![0; HEAD_BYTES]);
        self.splices = None;
    }

    /// Has these entries from now on, `count` of them; room for a head comes before them.
    pub(super) fn rewrite(&mut self, entries: Vec<u8>, count: usize) {
        (self.bytes, self.count) = (entries.len() - HEAD_BYTES, count);
        (self.is_first_changed, self.mark) = (true, 0);
        self.made = OnceCell::from(entries);
        self.splices = None;
    }

    /// Its entries with all changes; `stored` gives those that are stored.
    pub(super) fn entries<'s>(&self, stored: impl FnOnce() -> Cow<'s, [u8]>) -> &[u8] {
        let made = self.made.get_or_init(|| {
            let stored = stored();
            let mut bytes = Vec::with_capacity(HEAD_BYTES + stored.len() + CHUNK_GROWS_BYTES);
            bytes.extend_from_slice(&[0; HEAD_BYTES]);
            bytes.extend_from_slice(&stored);
            if let Some(splices) = &self.splices {
                splices.apply(&mut bytes);
            }
            bytes
        });
        &made[HEAD_BYTES..]
    }

    /// Whether another splice of so many bytes can be noted; where not, the entries must have been looked at before it comes.
    pub(super) fn takes_splice(&self, bytes: usize) -> bool {
        let after = self.bytes + bytes + SLACK_BYTES;
        let written = |splices: &Splices| splices.written_bytes() + bytes + SLACK_BYTES;
        after <= usize::from(u16::MAX)
            && self.splices.as_ref().is_some_and(|it| written(it) * SPLICES_PART <= after)
    }

    /// Replaces bytes of the entries by what `insert` appends, which is `bytes` bytes at most.
    pub(super) fn splice(
        &mut self,
        at: usize,
        removed: usize,
        bytes: usize,
        insert: impl FnOnce(&mut Vec<u8>),
    ) {
        self.is_first_changed |= at == 0;
        if !self.takes_splice(bytes) {
            self.splices = None;
        }
        let Some(splices) = &mut self.splices else {
            let made = self.made.get_mut().expect("it was looked at");
            let mut inserted = Vec::with_capacity(bytes);
            insert(&mut inserted);
            splice(made, HEAD_BYTES + at, removed, &inserted);
            self.bytes = made.len() - HEAD_BYTES;
            self.mark = mark::moved(self.mark, (at, removed), inserted.len());
            return;
        };
        splices.push_with((HEAD_BYTES + at, removed), bytes, insert);
        let inserted = splices.last_inserted();
        if let Some(made) = self.made.get_mut() {
            splice(made, HEAD_BYTES + at, removed, inserted);
        }
        self.bytes = self.bytes - removed + inserted.len();
        self.mark = mark::moved(self.mark, (at, removed), inserted.len());
    }

    /// Its note afterwards, if it stays one chunk. `stored` as for [`Dirty::entries`].
    pub(super) fn note<'s>(&self, stored: impl FnOnce() -> Cow<'s, [u8]>) -> Note {
        let key = if self.is_first_changed {
            chunk::first_prefix(self.entries(stored))
        } else {
            self.note.key
        };
        let count = u32::try_from(self.count).expect("a chunk has fewer entries");
        Note { key, count, kind: self.section, flags: 0, mark: self.mark }
    }

    /// Whether it stays one chunk, and what was replaced is written.
    pub(super) fn is_spliced(&self, chunk_bytes_max: usize) -> bool {
        self.splices.is_some() && self.count > 0 && self.bytes <= chunk_bytes_max
    }

    /// Notes that the number in its head changes, if it does.
    pub(super) fn splice_head(&mut self) {
        if self.count != self.count_before
            && let Some(splices) = &mut self.splices
        {
            splices.push(1, 2, &chunk::head(self.section, self.count)[1..]);
        }
    }
}

impl View<'_> {
    /// Chunks behind one that hold parts of its entry, and the bytes that it has itself.
    fn stored_parts(&self, chunk: usize) -> (usize, usize) {
        match self.source {
            Source::Object(pieces, notes) if chunk < NEW_CHUNKS => {
                let first_bytes = pieces.chunk(chunk).len() - HEAD_BYTES;
                (self.parts_behind(notes, chunk).len(), first_bytes)
            }
            _ => (0, 0),
        }
    }
}

/// Replaces `removed` bytes at `at`.
fn splice(bytes: &mut Vec<u8>, at: usize, removed: usize, inserted: &[u8]) {
    let (before, tail) = (bytes.len(), at + removed);
    if removed != inserted.len() {
        let after = before - removed + inserted.len();
        bytes.resize(before.max(after), 0);
        bytes.copy_within(tail..before, at + inserted.len());
        bytes.truncate(after);
    }
    bytes[at..at + inserted.len()].copy_from_slice(inserted);
}
