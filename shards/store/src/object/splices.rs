//! Owns the changes that are made most often: bytes of chunks are replaced, and no chunk comes or goes.

use super::change::{Edit, Touch};
use super::format::{SPLICE_HEAD_BYTES, apply};
use super::{Note, Object, Objects};
use crate::database::Found;
use crate::error::StoreError;
use crate::log::Log;
use crate::store::Store;
use std::borrow::Cow;

/// Bytes of memory that splices keep, at most.
const SPARE_BYTES_MAX: usize = 4 << 10;

/// Chunks of one change that are kept in mind while it is carried out; of others it is worked out again what becomes of them.
const TOUCHES_KEPT: usize = 3;

/// Replaced bytes of one chunk, each of these splices after those before it, in the form in which a delta has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Splices {
    bytes: Vec<u8>,
    removed: usize,
    inserted: usize,
    /// Where the bytes of the last one begin.
    last: usize,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Splice<'a> {
    /// First byte that is replaced.
    pub at: usize,
    /// How many are.
    pub removed: usize,
    /// What comes in their place.
    pub inserted: &'a [u8],
}

/// What stands before the bytes of a splice.
#[inline]
fn head(at: usize, removed: usize, inserted: usize) -> [u8; SPLICE_HEAD_BYTES] {
    let word = |number| u16::try_from(number).expect("chunks are below 64 KiB").to_le_bytes();
    let ([at, at_high], [removed, removed_high]) = (word(at), word(removed));
    let [inserted, inserted_high] = word(inserted);
    [at, at_high, removed, removed_high, inserted, inserted_high]
}

impl Splices {
    /// Adds one that replaces two bytes: the number in a chunk's head.
    ///
    /// # Panics
    /// As [`Splices::push`].
    #[inline]
    pub fn push_word(&mut self, at: usize, word: [u8; 2]) {
        let mut bytes = [0; SPLICE_HEAD_BYTES + 2];
        bytes[..SPLICE_HEAD_BYTES].copy_from_slice(&head(at, word.len(), word.len()));
        bytes[SPLICE_HEAD_BYTES..].copy_from_slice(&word);
        self.last = self.bytes.len() + SPLICE_HEAD_BYTES;
        self.bytes.extend_from_slice(&bytes);
        self.removed += word.len();
        self.inserted += word.len();
    }

    /// Adds one.
    ///
    /// # Panics
    /// When one of the numbers does not fit 16 bits: chunks are shorter.
    pub fn push(&mut self, at: usize, removed: usize, inserted: &[u8]) {
        self.push_with((at, removed), inserted.len(), |bytes| bytes.extend_from_slice(inserted));
    }

    /// Adds one whose bytes `insert` appends, about `bytes` of them.
    ///
    /// # Panics
    /// As [`Splices::push`].
    #[inline]
    pub fn push_with(
        &mut self,
        (at, removed): (usize, usize),
        bytes: usize,
        insert: impl FnOnce(&mut Vec<u8>),
    ) {
        let begin = self.bytes.len();
        // With the number in a chunk's head, which mostly comes as another one.
        let behind = if begin == 0 { SPLICE_HEAD_BYTES + 2 } else { 0 };
        self.bytes.reserve(SPLICE_HEAD_BYTES + bytes + behind);
        self.bytes.extend_from_slice(&[0; SPLICE_HEAD_BYTES]);
        insert(&mut self.bytes);
        let inserted = self.bytes.len() - begin - SPLICE_HEAD_BYTES;
        self.bytes[begin..begin + SPLICE_HEAD_BYTES].copy_from_slice(&head(at, removed, inserted));
        self.removed += removed;
        self.inserted += inserted;
        self.last = begin + SPLICE_HEAD_BYTES;
    }

    fn clear(&mut self) {
        self.bytes.clear();
        (self.removed, self.inserted, self.last) = (0, 0, 0);
    }

    /// What the last one puts in.
    #[must_use]
    pub fn last_inserted(&self) -> &[u8] {
        &self.bytes[self.last..]
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that they take in the log.
    #[must_use]
    pub fn written_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Splice<'_>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            let (head, behind) = rest.split_at_checked(SPLICE_HEAD_BYTES)?;
            let word = |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
            let (inserted, behind) = behind.split_at(word(4));
            rest = behind;
            Some(Splice { at: word(0), removed: word(2), inserted })
        })
    }

    /// Carries them out on a chunk's bytes.
    ///
    /// # Panics
    /// When one lies outside.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        assert!(apply(&self.bytes, bytes), "splices outside of a chunk");
    }
}

/// Splices of several chunks, as edits.
pub(super) fn edits_of<'a>(
    changes: impl Iterator<Item = Spliced<'a>>,
) -> impl Iterator<Item = Edit<'a>> {
    changes.flat_map(|Spliced { chunk, splices, .. }| {
        splices.iter().map(move |Splice { at, removed, inserted }| Edit::Splice {
            chunk,
            at,
            removed,
            inserted,
        })
    })
}

/// What becomes of one chunk.
#[derive(Clone, Copy, Debug)]
pub struct Spliced<'a> {
    /// Its index.
    pub chunk: usize,
    /// What is replaced of it.
    pub splices: &'a Splices,
    /// Its note afterwards.
    pub note: Note,
}

impl Store {
    /// Memory for splices, empty.
    #[inline]
    #[must_use]
    pub fn take_spare_splices(&mut self) -> Vec<Splices> {
        std::mem::take(&mut self.spare_splices)
    }

    /// Keeps the memory of splices for the next ones: what is left of those that were taken, and what was used.
    #[inline]
    pub fn keep_spare_splices(
        &mut self,
        mut spare: Vec<Splices>,
        used: impl Iterator<Item = Splices>,
    ) {
        spare.extend(used.map(|mut splices| {
            if splices.bytes.capacity() > SPARE_BYTES_MAX {
                return Splices::default();
            }
            splices.clear();
            splices
        }));
        self.spare_splices = spare;
    }

    /// Replaces bytes of chunks of an object, each named once: all of it takes effect together, and their notes are kept up to date.
    /// `found` stays valid.
    ///
    /// # Errors
    /// When there is no room, or it is more than one batch holds; then nothing has changed.
    ///
    /// # Panics
    /// As [`Store::change`].
    pub fn splice<'a>(
        &mut self,
        found: &Found,
        changes: impl Iterator<Item = Spliced<'a>> + Clone,
    ) -> Result<(), StoreError> {
        let head = self.changed_head(found);
        if self.is_amended(found) {
            let edits: Vec<Edit<'_>> = edits_of(changes.clone()).collect();
            self.amend_in_entry(found, &edits, &[])?;
            if !edits.is_empty() {
                self.objects.note_foreseen(head.id, changes);
            }
            return Ok(());
        }
        self.objects.splice(&mut self.log, head.id, changes)?;
        self.has_changed(found);
        Ok(())
    }

    /// Writes a chunk that was changed anew, for it will not change soon: then it lies in the log alone. Without room nothing happens.
    ///
    /// # Panics
    /// When `found` is no object, or has no such chunk.
    pub fn rest_chunk(&mut self, found: &Found, chunk: usize) {
        let id = self.changed_head(found).id;
        if self.is_amended(found) {
            // Each replica does so by itself.
            return;
        }
        let object = self.objects.get(id);
        let at = object.order[chunk];
        if object.chunks.at(at).hot.is_some() {
            // It is the same with and without.
            let _ = self.objects.rebase(&mut self.log, id, at.number);
        }
    }
}

impl Objects {
    /// Notes of chunks that were changed last, if notes were kept until then.
    fn note_foreseen<'a>(&mut self, id: u64, changes: impl Iterator<Item = Spliced<'a>>) {
        self.with_foreseen(id, |foreseen, _| {
            let before = foreseen.version - 1;
            if let Some(notes) = foreseen.notes.as_mut().filter(|notes| notes.at == before) {
                changes.for_each(|change| notes.set(change.chunk, change.note));
                notes.at = foreseen.version;
            }
        });
    }

    fn splice<'a>(
        &mut self,
        log: &mut Log,
        id: u64,
        changes: impl Iterator<Item = Spliced<'a>> + Clone,
    ) -> Result<(), StoreError> {
        let object = self.objects.get_mut(&id).expect("a head is indexed only with its object");
        // Mostly they are few: what becomes of them is worked out once.
        let mut touches = [const { None }; TOUCHES_KEPT];
        let mut room = 0;
        for (nth, change) in changes.clone().enumerate() {
            let touch = object.touch(&change);
            room += touch.record_bytes();
            if let Some(kept) = touches.get_mut(nth) {
                *kept = Some(touch);
            }
        }
        log.make_room(room)?;
        let (before, are_noted) = (object.heap_bytes, object.has_notes());
        for (nth, change) in changes.enumerate() {
            match touches.get(nth) {
                Some(Some(touch)) => object.emit(log, id, touch, &mut self.warm),
                _ => {
                    let touch = object.touch(&change);
                    object.emit(log, id, &touch, &mut self.warm);
                }
            }
            if are_noted && let Some(notes) = &mut object.notes {
                notes.set(change.chunk, change.note);
            }
        }
        object.changed_at = log.appended_position();
        if are_noted && let Some(notes) = &mut object.notes {
            notes.at = object.changed_at;
        }
        self.heap_bytes = self.heap_bytes - before + object.heap_bytes;
        Ok(())
    }
}

impl Object {
    pub(super) fn touch<'a>(&self, change: &Spliced<'a>) -> Touch<'a> {
        let at = self.order[change.chunk];
        let chunk = self.chunks.at(at);
        let Splices { bytes, removed, inserted, .. } = change.splices;
        let mut touch = Touch {
            at,
            splices: Cow::Borrowed(bytes),
            bytes: chunk.len() + inserted - removed,
            next: chunk.next,
            is_rebased: false,
            rests: false,
        };
        touch.is_rebased = chunk.wants_base(&touch);
        touch
    }
}
