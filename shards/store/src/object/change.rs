//! Owns the changes of an object: each is one batch, whole or absent after a crash.

use super::cool::WarmChunks;
use super::create::base_bytes;
use super::deltas::Deltas;
use super::foreseen::rearrange;
use super::format::{
    CHUNK_HEAD_BYTES, DELTA_HEAD_BYTES, Delta, Head, KEY_BYTES, NO_CHUNK, SPLICE_HEAD_BYTES, apply,
    push_splice,
};
use super::table::At;
use super::{Amendment, Chunk, Hot, Object, Objects};
use crate::database::{Found, Key};
use crate::error::StoreError;
use crate::limits::{DELTA_BYTES_MIN, DELTA_BYTES_PART};
use crate::log::{Location, Log};
use crate::record::{RECORD_HEAD_BYTES_MAX, is_object, value_at};
use crate::store::Store;
use hyperion_model::collections::Map;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Touches that are looked at one by one: edits of a chunk mostly follow each other.
const TOUCHES_LATE: usize = 8;

/// A change of one chunk. Indexes name chunks as they are before the change as a whole; places and lengths in a chunk hold
/// after the edits that stand before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit<'a> {
    /// Bytes of a chunk are replaced.
    Splice {
        /// Index of the chunk.
        chunk: usize,
        /// First byte that is replaced.
        at: usize,
        /// How many are.
        removed: usize,
        /// What comes in their place.
        inserted: &'a [u8],
    },
    /// A chunk goes, any but the first.
    Remove {
        /// Index of the chunk.
        chunk: usize,
    },
}

/// New chunks in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insert<'a> {
    /// Index of the chunk that they come behind, as it is before the change.
    pub after: usize,
    /// The chunks, each in parts.
    pub chunks: &'a [Vec<&'a [u8]>],
}

/// A place in the log.
#[derive(Clone, Copy, Debug)]
pub struct LogMark {
    appended: u64,
    batches: u64,
}

/// What a change does to one chunk that was there before.
pub(super) struct Touch<'a> {
    pub(super) at: At,
    pub(super) splices: Cow<'a, [u8]>,
    /// Bytes of the chunk afterwards.
    pub(super) bytes: usize,
    pub(super) next: u32,
    /// It gets a new base, not a delta.
    pub(super) is_rebased: bool,
    /// Then only the log has it: it is not about to change again.
    pub(super) rests: bool,
}

impl Store {
    /// The most bytes of one chunk.
    #[must_use]
    pub fn chunk_bytes_max(&self) -> usize {
        self.log.chunk_bytes_max()
    }

    /// Changes an object: all edits and insertions, each behind another chunk, take effect together. `found` stays valid.
    ///
    /// # Errors
    /// When there is no room, or the edits touch more than one batch holds; then nothing has changed.
    ///
    /// # Panics
    /// When `found` is no object, an index or a place lies outside, a chunk becomes too long, the first chunk is to be removed, or
    /// a chunk that is removed is edited or followed by the insertion. When the key lies in a replicated partition and is
    /// [written whole](Store::is_written_whole).
    pub fn change(
        &mut self,
        found: &Found,
        edits: &[Edit<'_>],
        inserts: &[Insert<'_>],
    ) -> Result<(), StoreError> {
        let head = self.changed_head(found);
        if self.is_amended(found) {
            return self.amend_in_entry(found, edits, inserts);
        }
        self.objects.change(&mut self.log, head.id, edits, inserts)?;
        self.has_changed(found);
        Ok(())
    }

    /// The head of an object that is to be changed.
    #[inline]
    pub(super) fn changed_head(&self, found: &Found) -> Head {
        found.head.expect("only objects are changed in parts")
    }

    /// Whether changes of a value that was found go straight to the log: several of one command, one after the other, where they
    /// [fit](Store::fits_batch).
    #[must_use]
    pub fn is_changed_in_steps(&self, found: &Found) -> bool {
        !self.is_amended(found)
    }

    /// Whether changes of a value go into an entry.
    #[inline]
    pub(super) fn is_amended(&self, found: &Found) -> bool {
        self.replicated.is_used && self.is_replicated_at(found.location)
    }

    #[inline]
    pub(super) fn has_changed(&mut self, found: &Found) {
        self.touch_at(found.location);
        self.observe(self.log.appended_position());
    }

    /// Whether the value of a key is written whole, because its partition is replicated and a replica may not know amendments, or because
    /// the entry that is being built has as many as it may: [`Store::change`] is not for it.
    #[must_use]
    pub fn is_written_whole(&self, key: &Key<'_>) -> bool {
        self.replicated.is_used && self.replicated.has_partition(key.local) && !self.may_amend()
    }

    /// Sees to it that so many bytes of records fit the batch that is open: what is written next within them cannot fail, and lies
    /// in one batch.
    ///
    /// # Errors
    /// When there is no room, or one batch never holds as much.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), StoreError> {
        self.log.make_room(bytes)
    }

    /// Whether so many bytes of records fit behind what is there: what is written next within them cannot fail, and lies in the batch that is open, so
    /// in that of the whole transaction.
    #[must_use]
    pub fn fits_batch(&self, bytes: usize) -> bool {
        self.log.fits_batch(bytes)
    }

    /// Where the log stands, for [`Store::is_one_batch`].
    #[must_use]
    pub fn log_mark(&self) -> LogMark {
        LogMark { appended: self.log.appended_position(), batches: self.log.batches }
    }

    /// Whether what was written since a mark lies in one batch, and is no more than so many bytes.
    #[must_use]
    pub fn is_one_batch(&self, since: LogMark, bytes: usize) -> bool {
        let now = self.log_mark();
        now.batches == since.batches && now.appended - since.appended <= bytes as u64
    }

    /// The key of a record changes.
    pub(crate) fn touch_at(&mut self, location: Location) {
        self.touch_awaited_at(location);
        if self.has_watches()
            && let Some(place) = self.replayed_key(&self.log.record(location)).map(|it| it.place())
        {
            self.touch(place);
        }
    }

    #[inline]
    pub(crate) fn object_head(&self, location: Location) -> Option<Head> {
        let bytes = self.log.bytes_at(location);
        if is_object(bytes) { Head::read(value_at(bytes)) } else { None }
    }
}

impl Objects {
    fn change(
        &mut self,
        log: &mut Log,
        id: u64,
        edits: &[Edit<'_>],
        inserts: &[Insert<'_>],
    ) -> Result<(), StoreError> {
        let object = self.objects.get_mut(&id).expect("a head is indexed only with its object");
        let before = object.heap_bytes;
        let result = object.change(log, id, (edits, inserts, true), &mut self.warm);
        self.heap_bytes = self.heap_bytes - before + object.heap_bytes;
        result.map(drop)
    }

    /// Whether the splices of an amendment lie within the chunks of an object, and leave none too long: between two of them one may be.
    pub(crate) fn fits(&self, id: u64, amendment: &Amendment<'_>, chunk_bytes_max: usize) -> bool {
        let object = self.get(id);
        let mut lengths: Map<usize, usize> = Map::default();
        let are_within = amendment.edits.iter().all(|edit| {
            let Edit::Splice { chunk, at, removed, inserted } = *edit else { return true };
            let length = lengths.entry(chunk).or_insert_with(|| object.chunk_bytes(chunk));
            let is_within = at + removed <= *length;
            *length = (*length + inserted.len()).saturating_sub(removed);
            is_within
        });
        are_within && lengths.values().all(|length| *length <= chunk_bytes_max)
    }

    /// Carries an amendment out that ends at `amended_at`: in the batch that is open, for which the caller made room. Chunks that are
    /// due are for [`Objects::rebase_due`].
    pub(crate) fn amend(
        &mut self,
        log: &mut Log,
        id: u64,
        amendment: &Amendment<'_>,
        amended_at: u64,
    ) {
        let first_new = self.foreseen_number(id);
        let object = self.objects.get_mut(&id).expect("a head is indexed only with its object");
        let before = object.heap_bytes;
        let number_next = object.number_next;
        object.number_next = first_new.unwrap_or(number_next);
        let change = (&amendment.edits[..], &amendment.inserts()[..], false);
        let due = object.change(log, id, change, &mut self.warm).expect("room was made for it");
        object.number_next = object.number_next.max(number_next);
        object.amended_at = (object.changed_at, amended_at);
        self.heap_bytes = self.heap_bytes - before + object.heap_bytes;
        self.has_come(log, id);
        self.due.extend(due.into_iter().map(|number| (id, number)));
    }

    /// Writes chunks anew that have too many deltas since they were amended, if there is room: they are the same with and without.
    pub(crate) fn rebase_due(&mut self, log: &mut Log) {
        for (id, number) in std::mem::take(&mut self.due) {
            let chunk = self.objects.get(&id).and_then(|object| object.chunks.get(number));
            if chunk.is_some_and(|chunk| chunk.hot.is_some()) {
                let _ = self.rebase(log, id, number);
            }
        }
    }

    /// Writes a chunk anew as it is, so that all its records before may go. Gives the bytes that were written.
    pub(crate) fn rebase(
        &mut self,
        log: &mut Log,
        id: u64,
        number: u32,
    ) -> Result<usize, StoreError> {
        let object = self.objects.get_mut(&id).expect("its record is live");
        let at = object.chunks.find(number).expect("its record is live");
        let chunk = object.chunks.at(at);
        let touch = Touch {
            at,
            splices: Cow::Borrowed(&[]),
            bytes: chunk.len(),
            next: chunk.next,
            is_rebased: true,
            rests: true,
        };
        log.make_room(touch.record_bytes())?;
        let (heap_before, log_before) = (object.heap_bytes, object.log_bytes);
        object.emit(log, id, &touch, &mut self.warm);
        if object.is_gone {
            self.dying_bytes = self.dying_bytes - log_before + object.log_bytes;
        } else {
            self.heap_bytes = self.heap_bytes - heap_before + object.heap_bytes;
        }
        Ok(log.last_size)
    }
}

impl Touch<'_> {
    /// Bytes of its record, at most.
    pub(super) fn record_bytes(&self) -> usize {
        let value = if self.is_rebased {
            CHUNK_HEAD_BYTES + self.bytes
        } else {
            DELTA_HEAD_BYTES + self.splices.len()
        };
        // What `Log::append` asks for beside the record, and its padding.
        RECORD_HEAD_BYTES_MAX + KEY_BYTES + value + 24
    }
}

impl Object {
    /// Carries a change out; the last word says whether chunks that are due are written anew with it. Where not, their numbers are given.
    fn change(
        &mut self,
        log: &mut Log,
        id: u64,
        (edits, inserts, rebases): (&[Edit<'_>], &[Insert<'_>], bool),
        warm: &mut WarmChunks,
    ) -> Result<Vec<u32>, StoreError> {
        let mut removed: Vec<usize> = edits
            .iter()
            .filter_map(|edit| match edit {
                Edit::Remove { chunk } => Some(*chunk),
                Edit::Splice { .. } => None,
            })
            .collect();
        removed.sort_unstable();
        removed.dedup();
        assert!(removed.first() != Some(&0), "the first chunk of an object stays");
        let is_removed = |index: &usize| removed.binary_search(index).is_ok();
        let behind = |index: usize| {
            let next = (index + 1..self.order.len()).find(|next| !is_removed(next));
            next.map_or(NO_CHUNK, |next| self.order[next].number)
        };
        let mut touches: Vec<Touch<'_>> = Vec::new();
        // Where those are that are not among the last few, which are looked at first.
        let mut places: BTreeMap<u32, usize> = BTreeMap::new();
        let mut touch = |touches: &mut Vec<Touch<'_>>, index: usize| {
            assert!(!is_removed(&index), "chunk {index} is removed by the same change");
            let at = self.order[index];
            let late = touches.len().saturating_sub(TOUCHES_LATE);
            let found = touches[late..].iter().rposition(|touch| touch.at == at);
            let found = found.map(|at| late + at).or_else(|| places.get(&at.number).copied());
            found.unwrap_or_else(|| {
                touches.push(Touch {
                    at,
                    splices: Cow::Owned(Vec::new()),
                    bytes: self.chunks.at(at).len(),
                    next: behind(index),
                    is_rebased: false,
                    rests: false,
                });
                if let Some(early) = touches.len().checked_sub(TOUCHES_LATE + 1) {
                    places.insert(touches[early].at.number, early);
                }
                touches.len() - 1
            })
        };
        for edit in edits {
            match *edit {
                Edit::Splice { chunk, at, removed, inserted } => {
                    let index = touch(&mut touches, chunk);
                    let touch = &mut touches[index];
                    assert!(at + removed <= touch.bytes, "a splice outside of chunk {chunk}");
                    touch.bytes = touch.bytes - removed + inserted.len();
                    push_splice(touch.splices.to_mut(), at, removed, inserted);
                }
                Edit::Remove { chunk } => {
                    // Of removed chunks one behind the other, the first one has the neighbour that stays.
                    if !is_removed(&(chunk - 1)) {
                        let _ = touch(&mut touches, chunk - 1);
                    }
                }
            }
        }
        let inserts: Vec<(&Insert<'_>, usize)> = inserts
            .iter()
            .filter(|insert| !insert.chunks.is_empty())
            .map(|insert| (insert, touch(&mut touches, insert.after)))
            .collect();
        for &(_, index) in &inserts {
            // Chunks are split, or appended to, when this one is full: it rests from now on.
            touches[index].is_rebased = self.chunks.at(touches[index].at).hot.is_some();
            touches[index].rests = true;
        }
        let bytes_max = log.chunk_bytes_max();
        let mut due = Vec::new();
        for touch in &mut touches {
            assert!(touch.bytes <= bytes_max, "a chunk of {} bytes", touch.bytes);
            touch.is_rebased |= self.chunks.at(touch.at).wants_base(touch);
            if !rebases && std::mem::take(&mut touch.is_rebased) {
                due.push(touch.at.number);
            }
        }
        let room = touches.iter().map(Touch::record_bytes).sum();
        if !inserts.is_empty() {
            let new = inserts.iter().flat_map(|(insert, _)| insert.chunks);
            log.has_room(room + new.map(|parts| base_bytes(parts)).sum::<usize>())?;
        }
        let mut inserted: Vec<(usize, Vec<u32>)> = Vec::new();
        for (insert, index) in inserts {
            match self.write_new(log, id, insert.chunks, touches[index].next) {
                Ok(numbers) => {
                    touches[index].next = numbers[0];
                    inserted.push((insert.after, numbers));
                }
                Err(error) => {
                    inserted.iter().for_each(|(_, numbers)| self.forget_new(log, numbers));
                    return Err(error);
                }
            }
        }
        if let Err(error) = log.make_room(room) {
            inserted.iter().for_each(|(_, numbers)| self.forget_new(log, numbers));
            return Err(error);
        }
        touches.iter().for_each(|touch| self.emit(log, id, touch, warm));
        for &index in &removed {
            self.drop_chunk(log, self.order[index].number);
        }
        let inserted = inserted.into_iter();
        let inserted = inserted.map(|(after, numbers)| (after, self.places_of(&numbers))).collect();
        rearrange(&mut self.order, &removed, inserted);
        self.changed_at = log.appended_position();
        Ok(due)
    }

    /// Writes the record of a touched chunk, for which there is room.
    pub(super) fn emit(
        &mut self,
        log: &mut Log,
        id: u64,
        touch: &Touch<'_>,
        warm: &mut WarmChunks,
    ) {
        let there = "room was made for it";
        let At { number, .. } = touch.at;
        let chunk = self.chunks.at_mut(touch.at);
        let heap_before = chunk.heap_bytes();
        let bytes_before = chunk.len();
        if chunk.hot.is_none() {
            chunk.hot = Some(Hot::of(chunk.stored(log)));
        }
        let hot = chunk.hot.as_mut().expect("it was made");
        let fits = apply(&touch.splices, &mut hot.bytes);
        assert!(fits && hot.bytes.len() == touch.bytes, "splices outside of a chunk");
        if touch.is_rebased {
            let Hot { bytes, deltas } = chunk.hot.take().expect("it was made");
            let before = (bytes_before, heap_before);
            self.rewrite(log, id, (touch.at, touch.next), &bytes, before, &deltas);
            if !touch.rests {
                // The next change finds its bytes where they are in the cache.
                let chunk = self.chunks.at_mut(touch.at);
                self.heap_bytes -= chunk.heap_bytes();
                chunk.hot = Some(Hot { bytes, deltas: Deltas::default() });
                chunk.is_watched = chunk.is_watched || warm.watch(id, number);
                self.heap_bytes += chunk.heap_bytes();
            }
            return;
        }
        let delta = Delta {
            generation: chunk.generation,
            sequence: hot.deltas.count(),
            next: touch.next,
            splices: &touch.splices,
        };
        let location = delta.append(log, id, number).expect(there);
        hot.deltas.push(location, log.last_size);
        chunk.next = touch.next;
        chunk.bytes = u16::try_from(touch.bytes).expect("a chunk is below 64 KiB");
        chunk.is_watched = chunk.is_watched || warm.watch(id, number);
        self.heap_bytes = self.heap_bytes - heap_before + chunk.heap_bytes();
        self.bytes = self.bytes - bytes_before + touch.bytes;
        self.count(log, location, log.last_size);
    }

    /// Writes a chunk anew, for which there is room, and lets go of the records that it was made of: its base and `deltas`. `before` has what it
    /// took, of bytes and of the heap.
    pub(super) fn rewrite(
        &mut self,
        log: &mut Log,
        id: u64,
        (at, next): (At, u32),
        bytes: &[u8],
        before: (usize, usize),
        deltas: &Deltas,
    ) {
        let chunk = self.chunks.at(at);
        let (base, is_watched) = (chunk.base, chunk.is_watched);
        self.bytes -= before.0;
        self.heap_bytes -= before.1;
        let generation = self.next_generation();
        let written = self.write_base(log, id, at.number, (generation, next), &[bytes]);
        written.expect("room was made for it");
        self.chunks.at_mut(at).is_watched = is_watched;
        self.discount(log, base);
        deltas.iter().for_each(|delta| self.discount_sized(log, delta.at(), delta.size()));
    }

    /// The generation of the next base.
    pub(super) fn next_generation(&mut self) -> u32 {
        let generation = self.generation_next;
        self.generation_next = generation.wrapping_add(1);
        generation
    }
}

impl Chunk {
    /// Whether it has so many deltas that a base is due.
    pub(super) fn wants_base(&self, touch: &Touch<'_>) -> bool {
        let before = self.hot.as_ref().map_or(0, |hot| hot.deltas.bytes());
        let delta_bytes = before + DELTA_HEAD_BYTES + touch.splices.len() + SPLICE_HEAD_BYTES;
        delta_bytes > (touch.bytes + touch.bytes / DELTA_BYTES_PART).max(DELTA_BYTES_MIN)
    }
}
