//! Owns what an object's owner notes of its chunks, in memory alone: enough to find its way without looking into each.
//!
//! Notes lie in blocks, so that one that comes in between moves few others, and sums of the blocks tell how much lies before a chunk.

mod ahead;

pub use ahead::Between;
use ahead::Hints;
use std::ops::Range;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// Kinds of chunks that are counted apart.
pub const NOTE_KINDS: usize = 8;

/// Notes of a block, at most; a full one is cut in two.
const BLOCK_NOTES_MAX: usize = 128;

/// Chunks whose blocks are kept in mind: those whose numbers are this much apart share a place.
const NEAR: usize = 8;

/// So few are searched by halves.
const EVEN_NOTES_MIN: usize = 8;
/// Steps from where a note should be, at most, until it is searched by halves.
const EVEN_STEPS_MAX: usize = 8;
/// Bits of a distance between keys that are looked at, less one.
const EVEN_BITS: u32 = 31;

/// What is noted of one chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Where it stands among the others of its kind.
    pub key: u64,
    /// How much it holds.
    pub count: u32,
    /// What it is. Kinds follow each other in an order of their owner's.
    pub kind: u8,
    /// What else its owner keeps of it.
    pub flags: u8,
    /// A place in its bytes that its owner keeps, 0 where it keeps none.
    pub mark: u16,
}

/// Notes of one block, at least one, whose keys rise.
struct Part<'a> {
    block: usize,
    /// Index of the first one's chunk.
    first: usize,
    notes: &'a [Note],
    /// The first one's key, and that of the one behind all, where these follow each other.
    low: u64,
    high: Option<u64>,
}

impl Part<'_> {
    /// How many have a key below `key`. Begins where that would be if keys rose evenly, so that mostly one line of the cache is looked at.
    #[inline]
    fn not_below(&self, key: u64) -> usize {
        let (notes, is_below) = (self.notes, |note: &Note| note.key < key);
        let high = self.high.unwrap_or_else(|| notes[notes.len() - 1].key);
        if notes.len() < EVEN_NOTES_MIN || key <= self.low || high <= self.low {
            return notes.partition_point(is_below);
        }
        // Both fit 32 bits.
        let shift = (high - self.low).ilog2().saturating_sub(EVEN_BITS);
        let (from_low, span) = ((key - self.low) >> shift, (high - self.low) >> shift);
        let guess = from_low.min(span) * notes.len() as u64 / span;
        let mut at = usize::try_from(guess).map_or(0, |guess| guess.min(notes.len() - 1));
        if is_below(&notes[at]) {
            for _ in 0..EVEN_STEPS_MAX {
                at += 1;
                if notes.get(at).is_none_or(|note| !is_below(note)) {
                    return at;
                }
            }
            return at + notes[at..].partition_point(is_below);
        }
        for _ in 0..EVEN_STEPS_MAX {
            if at == 0 || is_below(&notes[at - 1]) {
                return at;
            }
            at -= 1;
        }
        notes[..at].partition_point(is_below)
    }
}

/// Notes of all chunks, in their order.
#[derive(Debug, Default)]
pub struct Notes {
    /// None is empty.
    blocks: Vec<Vec<Note>>,
    /// Of each block: the index of its first chunk, that one's key, and the sum of its counts.
    starts: Vec<usize>,
    keys: Vec<u64>,
    sums: Vec<u64>,
    /// Number of chunks, and sums of their counts, by kind.
    chunks: [usize; NOTE_KINDS],
    totals: [u64; NOTE_KINDS],
    /// Chunks whose notes have flags.
    flagged: usize,
    /// Notes that there is memory for.
    room: usize,
    /// The blocks of chunks that were looked for last: one command mostly asks for each of a few several times. Hints, and atomics because
    /// stores at rest are read by several threads.
    near: [AtomicUsize; NEAR],
    /// Blocks and places of chunks that were looked up ahead. Hints as well: each is checked when it is used.
    hints: Hints,
    /// The object's last change when they were made.
    pub(super) at: u64,
}

impl Notes {
    /// Number of chunks.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks.iter().sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Sum of all counts.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.totals.iter().sum()
    }

    /// Sum of the counts of one kind.
    #[must_use]
    pub fn total(&self, kind: u8) -> u64 {
        self.totals[usize::from(kind)]
    }

    /// Number of chunks of one kind.
    #[must_use]
    pub fn chunks_of(&self, kind: u8) -> usize {
        self.chunks[usize::from(kind)]
    }

    /// Whether no chunk's note has flags.
    #[must_use]
    pub fn has_no_flags(&self) -> bool {
        self.flagged == 0
    }

    /// The note of a chunk.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<&Note> {
        let block = self.block_of(index)?;
        self.blocks[block].get(index - self.starts[block])
    }

    /// The block that the chunk at `index` lies in, the last one for those behind all.
    #[inline]
    fn block_of(&self, index: usize) -> Option<usize> {
        let near = self.near[index % NEAR].load(Relaxed);
        let ends = |near: usize| self.starts.get(near + 1).is_none_or(|&start| index < start);
        if self.starts.get(near).is_some_and(|&start| start <= index) && ends(near) {
            return Some(near);
        }
        let block = self.starts.partition_point(|&start| start <= index).checked_sub(1)?;
        self.keep_near(index, block);
        Some(block)
    }

    /// The chunk at `index` lies in this block.
    #[inline]
    fn keep_near(&self, index: usize, block: usize) {
        self.near[index % NEAR].store(block, Relaxed);
    }

    /// How much the chunks before `index` hold.
    #[must_use]
    pub fn sum_before(&self, index: usize) -> u64 {
        let Some(block) = self.block_of(index) else { return 0 };
        let blocks: u64 = self.sums[..block].iter().sum();
        let within = self.blocks[block].iter().take(index - self.starts[block]);
        blocks + within.map(|note| u64::from(note.count)).sum::<u64>()
    }

    /// The chunk that holds what has `before` before it in all, and how much of that lies before the chunk.
    #[must_use]
    pub fn find_sum(&self, before: u64) -> Option<(usize, u64)> {
        let mut passed = 0;
        let block = self.sums.iter().position(|&sum| {
            let is_in = before < passed + sum;
            passed += if is_in { 0 } else { sum };
            is_in
        })?;
        for (at, note) in self.blocks[block].iter().enumerate() {
            if before < passed + u64::from(note.count) {
                return Some((self.starts[block] + at, passed));
            }
            passed += u64::from(note.count);
        }
        None
    }

    /// The first chunk of a range whose key is not before: keys rise in it.
    #[must_use]
    #[inline]
    pub fn partition(&self, range: Range<usize>, is_before: impl Fn(u64) -> bool) -> usize {
        let Some(part) = self.part(&range, &is_before) else { return range.start };
        part.first + part.notes.partition_point(|note| is_before(note.key))
    }

    /// The first chunk of a range whose key is not below `key`: keys rise in it, and where they do so evenly a look or two finds it.
    #[must_use]
    #[inline]
    pub fn not_below(&self, range: Range<usize>, key: u64) -> usize {
        let Some(part) = self.part(&range, |other| other < key) else { return range.start };
        let found = part.first + part.not_below(key);
        // It and the one before are asked for next.
        self.keep_near(found, part.block);
        if found > part.first {
            self.keep_near(found - 1, part.block);
        }
        found
    }

    /// The notes of a range in the block where it turns from keys that are before to those that are not.
    #[inline]
    fn part(&self, range: &Range<usize>, is_before: impl Fn(u64) -> bool) -> Option<Part<'_>> {
        if range.is_empty() || self.blocks.is_empty() {
            return None;
        }
        // Mostly it begins behind the head, and is all there is.
        let first = if range.start < self.blocks[0].len() {
            0
        } else {
            self.block_of(range.start).expect("there are blocks")
        };
        let is_to_end = range.end > *self.starts.last().expect("there are blocks");
        let last = if is_to_end {
            self.blocks.len() - 1
        } else {
            self.block_of(range.end - 1).expect("there are blocks")
        };
        let begun = &self.keys[first + 1..=last];
        let block = first + begun.partition_point(|&key| is_before(key));
        let start = self.starts[block];
        let notes = &self.blocks[block];
        let begin = range.start.saturating_sub(start);
        let notes = &notes[begin..notes.len().min(range.end - start)];
        let low = if begin == 0 { self.keys[block] } else { notes[0].key };
        let high = if block < last { Some(self.keys[block + 1]) } else { None };
        Some(Part { block, first: start + begin, notes, low, high })
    }

    /// Adds a note behind all.
    pub fn push(&mut self, note: Note) {
        let count = self.len();
        self.splice(count..count, &[note]);
    }

    /// Replaces notes by others.
    pub fn splice(&mut self, range: Range<usize>, notes: &[Note]) {
        let (at, replaced) = (range.start, range.len().min(notes.len()));
        for (behind, note) in notes[..replaced].iter().enumerate() {
            self.set(at + behind, *note);
        }
        for _ in replaced..range.len() {
            self.remove(at + replaced);
        }
        for (behind, note) in notes.iter().enumerate().skip(replaced) {
            self.insert(at + behind, *note);
        }
    }

    /// Changes how much a chunk holds.
    ///
    /// # Panics
    /// When there is none at `index`.
    pub fn set_count(&mut self, index: usize, count: u32) {
        let note = *self.get(index).expect("there is a chunk");
        self.set(index, Note { count, ..note });
    }

    /// Notes something else of a chunk.
    ///
    /// # Panics
    /// When there is none.
    pub fn set(&mut self, index: usize, note: Note) {
        let block = self.block_of(index).expect("there is a chunk");
        let at = index - self.starts[block];
        let before = std::mem::replace(&mut self.blocks[block][at], note);
        if (before.key, before.kind, before.flags) == (note.key, note.kind, note.flags) {
            // What mostly changes: how much it holds.
            let more = u64::from(note.count).wrapping_sub(before.count.into());
            self.sums[block] = self.sums[block].wrapping_add(more);
            let total = &mut self.totals[usize::from(note.kind)];
            *total = total.wrapping_add(more);
            return;
        }
        self.take_out(block, before);
        self.take_in(block, note);
    }

    fn insert(&mut self, index: usize, note: Note) {
        if self.blocks.is_empty() {
            self.blocks.push(Vec::new());
            self.starts.push(0);
            self.keys.push(0);
            self.sums.push(0);
        }
        let block = self.block_of(index).expect("there is a block");
        let at = index - self.starts[block];
        let notes = &mut self.blocks[block];
        self.room -= notes.capacity();
        notes.insert(at, note);
        self.room += notes.capacity();
        self.starts[block + 1..].iter_mut().for_each(|start| *start += 1);
        self.take_in(block, note);
        if self.blocks[block].len() > BLOCK_NOTES_MAX {
            self.cut(block);
        }
    }

    fn cut(&mut self, block: usize) {
        // Where the last one grows, notes come in order: it is left full.
        let is_last = block + 1 == self.blocks.len();
        let at = if is_last { BLOCK_NOTES_MAX } else { BLOCK_NOTES_MAX / 2 };
        let behind = self.blocks[block].split_off(at);
        self.room += behind.capacity();
        let sum = behind.iter().map(|note| u64::from(note.count)).sum();
        self.sums[block] -= sum;
        self.starts.insert(block + 1, self.starts[block] + at);
        self.keys.insert(block + 1, behind[0].key);
        self.sums.insert(block + 1, sum);
        self.blocks.insert(block + 1, behind);
        self.hints.widen();
    }

    fn remove(&mut self, index: usize) {
        let block = self.block_of(index).expect("there is a chunk");
        let note = self.blocks[block].remove(index - self.starts[block]);
        self.starts[block + 1..].iter_mut().for_each(|start| *start -= 1);
        self.take_out(block, note);
        if self.blocks[block].is_empty() {
            let notes = self.blocks.remove(block);
            self.room -= notes.capacity();
            self.starts.remove(block);
            self.keys.remove(block);
            self.sums.remove(block);
        } else {
            self.keys[block] = self.blocks[block][0].key;
        }
    }

    fn take_in(&mut self, block: usize, note: Note) {
        self.sums[block] += u64::from(note.count);
        self.totals[usize::from(note.kind)] += u64::from(note.count);
        self.chunks[usize::from(note.kind)] += 1;
        self.flagged += usize::from(note.flags != 0);
        self.keys[block] = self.blocks[block][0].key;
    }

    fn take_out(&mut self, block: usize, note: Note) {
        self.sums[block] -= u64::from(note.count);
        self.totals[usize::from(note.kind)] -= u64::from(note.count);
        self.chunks[usize::from(note.kind)] -= 1;
        self.flagged -= usize::from(note.flags != 0);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let each = size_of::<Vec<Note>>() + size_of::<usize>() + 2 * size_of::<u64>();
        let notes = self.blocks.capacity() * each + self.room * size_of::<Note>();
        size_of::<Self>() + notes + self.hints.heap_bytes()
    }
}
