//! Owns bringing the changes of a collection into the store: as a packed record, as changes of chunks, or written anew as a whole.

use super::chunk::{self, HEAD, HEAD_BYTES, LONG_BYTES, PART, head};
use super::dirty::Dirty;
use super::edit::{Bias, Edit, NEW_CHUNKS};
use super::view::{Source, View};
use super::{Layout, SECTIONS_MAX, Section, notes};
use hyperion_store::{
    Edit as Change, Insert, Note, Notes, Room, Splice, Spliced, Splices, StoreError,
};
use std::collections::BTreeMap;

/// Bytes of a chunk's record beside the chunk, at most.
const CHUNK_SLACK_BYTES: usize = 96;
/// Chunks that are emptied by one commit, at least, for the rest to be written anew.
const EMPTIED_MIN: usize = 16;

/// Steps for which notes are moved one step after the other, in any case, and where there are so many times as many notes.
const SPLICED_STEPS_MAX: usize = 8;
const SPLICED_STEPS_PART: usize = 16;

/// Numbers of chunks from which on a collection has larger ones.
const MANY_CHUNKS: usize = 4 << 10;
const VERY_MANY_CHUNKS: usize = 16 << 10;

/// Chunks as they will be stored.
pub(super) type Chunks = Vec<Vec<u8>>;

/// What becomes of one stored chunk, or of none where a section is new.
struct Step {
    /// Its index; where it belongs, for one of a new section.
    chunk: usize,
    is_new: bool,
    parts: usize,
    /// In its place, the first one over it.
    chunks: Chunks,
    /// It stays one chunk, and is changed by its splices: its note afterwards.
    spliced: Option<Note>,
}

impl Step {
    /// Stored chunks that it is about.
    fn taken(&self) -> usize {
        if self.is_new { 0 } else { 1 + self.parts }
    }
}

impl Edit<'_, '_> {
    /// Lets all changes take effect. A collection without entries goes with its key.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn commit(mut self) -> Result<(), StoreError> {
        let is_changed = !self.dirty.is_empty() || self.is_unpacked || self.meta.is_some();
        if self.found.is_some() && !is_changed {
            return Ok(());
        }
        let view = self.view();
        let left: u64 = match view.source {
            Source::Object(_, notes) => {
                let changes = self.dirty.values();
                let more: u64 = changes.clone().map(|dirty| dirty.count as u64).sum();
                let less: u64 = changes.map(|dirty| dirty.count_before as u64).sum();
                notes.sum() + more - less
            }
            _ => (0..SECTIONS_MAX).map(|at| view.count(section(at))).sum(),
        };
        // An owner with bytes of its own keeps what has no entries.
        if left == 0 && self.meta().is_empty() {
            return self.store.delete(self.key).map(drop);
        }
        if let Source::Object(..) = view.source {
            if self.store.is_written_whole(self.key) || self.is_mostly_removed() {
                return self.put_whole();
            }
            return match self.splice_all() {
                Some(Err(StoreError::TooLarge { .. })) => self.put_whole(),
                Some(result) => result,
                None => self.change(),
            };
        }
        let mut sections = (0..SECTIONS_MAX).map(section);
        let filled = sections.find(|&at| view.count(at) > 0).unwrap_or_default();
        if self.is_packed() && view.count(filled) == left {
            return self.put_packed(filled);
        }
        self.put_whole()
    }

    /// Whether what is left is less to write than the changes.
    fn is_mostly_removed(&self) -> bool {
        let Source::Object(pieces, _) = self.view().source else { return false };
        let emptied = self.dirty.values().filter(|dirty| dirty.count == 0).count();
        emptied >= EMPTIED_MIN && emptied * 2 > pieces.count()
    }

    fn expiry_ms(&self) -> Option<u64> {
        let found = self.found.as_ref();
        found.and_then(|found| self.store.expiry_ms(found)).or(self.expiry_ms)
    }

    fn put_packed(self, filled: Section) -> Result<(), StoreError> {
        let view = self.view();
        let chunk = view.chunks(filled).start;
        let entries = view.entries(chunk).into_owned();
        let head = head(filled, view.chunk_count(chunk));
        let expiry_ms = self.expiry_ms();
        self.store.put_packed(self.key, self.value_type, &[&head, &entries], expiry_ms)
    }

    fn put_whole(self) -> Result<(), StoreError> {
        let cap = self.store.chunk_bytes_max();
        let view = self.view();
        let mut chunks: Chunks = vec![head_chunk(self.meta())];
        for section in (0..SECTIONS_MAX).map(section) {
            let mut filling: Vec<u8> = Vec::new();
            let mut count = 0;
            for chunk in view.chunks(section).filter(|&chunk| !view.is_part(chunk)) {
                let entries = view.entries(chunk);
                let is_long = entries.len() > long_bytes(cap);
                if !filling.is_empty()
                    && (is_long || filling.len() + entries.len() > self.layout.chunk_bytes_max)
                {
                    self.cut(
                        section,
                        &std::mem::take(&mut filling),
                        count,
                        Bias::Middle,
                        &mut chunks,
                    );
                    count = 0;
                }
                filling.extend_from_slice(&entries);
                count += view.chunk_count(chunk);
            }
            if count > 0 {
                self.cut(section, &filling, count, Bias::Middle, &mut chunks);
            }
        }
        let expiry_ms = self.expiry_ms();
        let bytes: usize = chunks.iter().map(|chunk| chunk.len() + CHUNK_SLACK_BYTES).sum();
        if self.store.room(bytes) == Room::Later {
            return Err(StoreError::NoRoom { bytes });
        }
        let parts: Vec<Vec<&[u8]>> = chunks.iter().map(|chunk| vec![&chunk[..]]).collect();
        self.store.put_object(self.key, self.value_type, &parts, expiry_ms)
    }

    /// Writes what was replaced, where no chunk comes or goes. `None`: one does, and nothing has happened.
    fn splice_all(&mut self) -> Option<Result<(), StoreError>> {
        let bytes_max = self.chunk_bytes_max();
        let is_stored = self.dirty.last_key_value().is_none_or(|(&chunk, _)| chunk < NEW_CHUNKS);
        let is_spliced = self.dirty.values().all(|dirty| dirty.is_spliced(bytes_max));
        if self.meta.is_some() || !is_stored || !is_spliced {
            return None;
        }
        self.dirty.values_mut().for_each(|dirty| dirty.splice_head());
        let view = View { dirty: None, ..self.view() };
        let mut notes = self.dirty.iter().map(|(&chunk, it)| it.note(|| view.stored(chunk)));
        // Mostly it is one chunk.
        let (first, rest) = (notes.next(), notes.collect::<Vec<_>>());
        let notes = first.into_iter().chain(rest.iter().copied());
        let Self { store, found, dirty, .. } = self;
        let changes = dirty.iter().zip(notes).filter_map(|((&chunk, dirty), note)| {
            Some(Spliced { chunk, splices: dirty.splices.as_ref()?, note })
        });
        Some(store.splice(found.as_ref().expect("an object is there"), changes))
    }

    fn change(self) -> Result<(), StoreError> {
        let steps = self.steps();
        let found = self.found.expect("an object is there");
        let removed: Vec<usize> = steps
            .iter()
            .filter(|step| !step.is_new)
            .flat_map(|step| {
                let parts = step.chunk + 1..step.chunk + 1 + step.parts;
                let is_gone = step.chunks.is_empty() && step.spliced.is_none();
                is_gone.then_some(step.chunk).into_iter().chain(parts)
            })
            .collect();
        let mut edits: Vec<Change<'_>> = Vec::new();
        let mut inserts: BTreeMap<usize, Vec<Vec<&[u8]>>> = BTreeMap::new();
        let heads: Vec<[u8; HEAD_BYTES]> = steps
            .iter()
            .map(|step| {
                step.spliced.map_or([0; HEAD_BYTES], |note| head(note.kind, note.count as usize))
            })
            .collect();
        for (step, head) in steps.iter().zip(&heads) {
            let mut rest = &step.chunks[..];
            if step.spliced.is_some() {
                push_splices(&mut edits, step.chunk, &self.dirty[&step.chunk], head);
            } else if !step.is_new
                && let Some((first, behind)) = step.chunks.split_first()
            {
                rest = behind;
                let dirty = &self.dirty[&step.chunk];
                let stored = if step.parts == 0 { dirty.bytes_before } else { dirty.first_bytes };
                let (chunk, removed) = (step.chunk, HEAD_BYTES + stored);
                edits.push(Change::Splice { chunk, at: 0, removed, inserted: first });
            }
            if !rest.is_empty() {
                let mut after = if step.is_new { step.chunk - 1 } else { step.chunk };
                while removed.binary_search(&after).is_ok() {
                    after -= 1;
                }
                let parts = rest.iter().map(|chunk| vec![&chunk[..]]);
                inserts.entry(after).or_default().extend(parts);
            }
        }
        edits.extend(removed.iter().map(|&chunk| Change::Remove { chunk }));
        let meta_before = self.view().meta().len();
        if let Some(meta) = &self.meta {
            let at = HEAD_BYTES;
            edits.push(Change::Splice { chunk: 0, at, removed: meta_before, inserted: meta });
        }
        let inserts: Vec<Insert<'_>> =
            inserts.iter().map(|(&after, chunks)| Insert { after, chunks }).collect();
        match self.store.change(&found, &edits, &inserts) {
            Ok(()) => {}
            // More than one batch holds: all of it is written, and takes the old one's place at once.
            Err(StoreError::TooLarge { .. }) => return self.put_whole(),
            Err(error) => return Err(error),
        }
        self.store.update_notes(&found, |notes| note_steps(notes, &steps));
        Ok(())
    }

    /// What becomes of the chunks, in the order of their places.
    fn steps(&self) -> Vec<Step> {
        let Source::Object(pieces, notes) = self.view().source else {
            unreachable!("an object is changed by chunks")
        };
        let (view, bytes_max) = (self.view(), self.chunk_bytes_max());
        let dirty = self.dirty.iter();
        let mut steps: Vec<Step> = dirty
            .map(|(&chunk, dirty)| {
                let is_new = chunk >= NEW_CHUNKS;
                let mut chunks = Chunks::new();
                let spliced = (!is_new && dirty.is_spliced(bytes_max))
                    .then(|| dirty.note(|| view.stored(chunk)));
                if dirty.count > 0 && spliced.is_none() {
                    let entries = view.entries(chunk);
                    self.cut(dirty.section, &entries, dirty.count, dirty.bias, &mut chunks);
                }
                let before = (0..=dirty.section).map(|section| notes.chunks_of(section));
                let chunk = if is_new { 1 + before.sum::<usize>() } else { chunk };
                debug_assert!(chunk <= pieces.count(), "chunk {chunk} of {}", pieces.count());
                Step { chunk, is_new, parts: dirty.parts, chunks, spliced }
            })
            .collect();
        // A new section comes before what stands at its place.
        steps.sort_by_key(|step| (step.chunk, !step.is_new));
        steps
    }

    /// The most bytes of a chunk of several entries. Very large collections have larger ones: the order of their chunks is moved for each
    /// new one.
    pub(super) fn chunk_bytes_max(&self) -> usize {
        let chunks = match self.view().source {
            Source::Object(_, notes) => notes.len(),
            _ => 0,
        };
        chunk_bytes_max(self.layout, chunks, self.store.chunk_bytes_max() - HEAD_BYTES)
    }

    /// Cuts entries into chunks. Long ones get chunks of their own.
    fn cut(&self, section: Section, entries: &[u8], count: usize, bias: Bias, chunks: &mut Chunks) {
        let cap = self.store.chunk_bytes_max() - HEAD_BYTES;
        cut((self.chunk_bytes_max(), cap), section, (entries, count), bias, chunks);
    }
}

/// The most bytes of a chunk of several entries, in a collection of so many chunks. Very large ones have larger chunks: their order is moved
/// for each new one.
pub(super) fn chunk_bytes_max(layout: &Layout, chunks: usize, cap: usize) -> usize {
    let times = match chunks {
        0..MANY_CHUNKS => 1,
        MANY_CHUNKS..VERY_MANY_CHUNKS => 2,
        _ => 4,
    };
    (layout.chunk_bytes_max * times).min(cap)
}

/// Cuts entries into chunks of `most` bytes at most. Long ones get chunks of their own, of `cap` bytes.
pub(super) fn cut(
    (most, cap): (usize, usize),
    section: Section,
    (entries, count): (&[u8], usize),
    bias: Bias,
    chunks: &mut Chunks,
) {
    let long = long_bytes(cap);
    if entries.len() <= most {
        chunks.push([&head(section, count), entries].concat());
        return;
    }
    let full = most / 8 * 7;
    let (first, each) = match bias {
        Bias::Back => (full, full),
        Bias::Front => (entries.len() % full, full),
        Bias::Middle => {
            let even = entries.len() / entries.len().div_ceil(most / 4 * 3) + 1;
            (even, even)
        }
    };
    let (mut begin, mut at, mut held, mut target) = (0, 0, 0, first);
    while let Some(span) = chunk::span(entries, at) {
        let is_long = span.end - at > long;
        if held > 0 && (is_long || span.end - begin > target.max(1)) {
            chunks.push([&head(section, held), &entries[begin..at]].concat());
            (begin, held, target) = (at, 0, each);
        }
        (at, held) = (span.end, held + 1);
        if is_long {
            push_long(section, &entries[begin..at], cap, chunks);
            (begin, held) = (at, 0);
        }
    }
    if held > 0 {
        chunks.push([&head(section, held), &entries[begin..at]].concat());
    }
}

fn section(at: usize) -> Section {
    Section::try_from(at).expect("sections are few")
}

fn long_bytes(cap: usize) -> usize {
    LONG_BYTES.min(cap / 2)
}

fn head_chunk(meta: &[u8]) -> Vec<u8> {
    [&head(HEAD, 0), meta].concat()
}

/// One entry over as many chunks as it needs.
fn push_long(section: Section, entry: &[u8], cap: usize, chunks: &mut Chunks) {
    for (part, bytes) in entry.chunks(cap).enumerate() {
        let head = if part == 0 { head(section, 1) } else { head(section | PART, 0) };
        chunks.push([&head, bytes].concat());
    }
}

/// The splices of a chunk, and of the number in its head.
fn push_splices<'a>(
    edits: &mut Vec<Change<'a>>,
    chunk: usize,
    dirty: &'a Dirty,
    head: &'a [u8; HEAD_BYTES],
) {
    if dirty.count != dirty.count_before {
        edits.push(Change::Splice { chunk, at: 1, removed: 2, inserted: &head[1..] });
    }
    let splices = dirty.splices.iter().flat_map(Splices::iter);
    edits.extend(splices.map(|Splice { at, removed, inserted }| Change::Splice {
        chunk,
        at,
        removed,
        inserted,
    }));
}

/// Brings the notes up to date.
fn note_steps(notes: &mut Notes, steps: &[Step]) {
    if steps.len() > SPLICED_STEPS_MAX.max(notes.len() / SPLICED_STEPS_PART) {
        return note_many(notes, steps);
    }
    for step in steps.iter().rev() {
        let range = step.chunk..step.chunk + step.taken();
        match step.spliced {
            Some(note) => notes.splice(range, &[note]),
            None => notes.splice(range, &notes::of_chunks(&step.chunks)),
        }
    }
}

/// As [`note_steps`], in one pass over all notes.
fn note_many(notes: &mut Notes, steps: &[Step]) {
    let mut made = Notes::default();
    let mut at = 0;
    let copy = |made: &mut Notes, range: std::ops::Range<usize>| {
        range.filter_map(|index| notes.get(index)).for_each(|note| made.push(*note));
    };
    for step in steps {
        copy(&mut made, at..step.chunk);
        match step.spliced {
            Some(note) => made.push(note),
            None => notes::of_chunks(&step.chunks).into_iter().for_each(|note| made.push(note)),
        }
        at = step.chunk + step.taken();
    }
    copy(&mut made, at..notes.len());
    *notes = made;
}
