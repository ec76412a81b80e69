//! Owns what notes keep in mind of chunks that were looked up ahead: hints, each of which is checked when it is used.

use super::{BLOCK_NOTES_MAX, Notes};
use std::ops::Range;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// Chunks that were looked up ahead, and are kept in mind: the words are spread over so many places, and over the second number of them where
/// there are several blocks. A pipeline has some dozens of words, of which few are to meet in one place.
const PLACES: usize = 64;
const MANY_PLACES: usize = 256;
/// Bits of a place in a block.
const PLACE_BITS: u32 = 8;
const _: () = assert!(BLOCK_NOTES_MAX < 1 << PLACE_BITS, "a place in a block fits its bits");

/// Where a key belongs: in the chunk whose key is below it, while that of the next one, of the same kind, is above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    /// Index of the chunk.
    pub chunk: usize,
    /// Its key.
    pub low: u64,
    /// That of the next one.
    pub high: u64,
    /// The chunk's mark.
    pub mark: u16,
}

/// Where chunks lie that were looked up for words of keys.
#[derive(Debug)]
pub(super) struct Hints {
    /// As many as a power of two.
    places: Box<[AtomicU32]>,
    /// Bits of a word that tell nothing of its place.
    shift: u32,
}

impl Default for Hints {
    fn default() -> Self {
        Self::of_places(PLACES)
    }
}

impl Hints {
    fn of_places(count: usize) -> Self {
        let places = std::iter::repeat_with(AtomicU32::default).take(count).collect();
        Self { places, shift: u64::BITS - count.trailing_zeros() }
    }

    /// There are several blocks: the words get more places. What is in mind is forgotten.
    pub(super) fn widen(&mut self) {
        if self.places.len() < MANY_PLACES {
            *self = Self::of_places(MANY_PLACES);
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.places.len() * size_of::<AtomicU32>()
    }

    #[inline]
    fn of(&self, key: u64) -> &AtomicU32 {
        // Keys that are scores differ in their upper bits alone: only the highest bits of the product depend on all.
        let spread = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift;
        &self.places[usize::try_from(spread).expect("a few bits")]
    }
}

impl Notes {
    /// Where a key belongs among the chunks of a kind, if it was looked up ahead.
    #[must_use]
    #[inline(always)]
    pub fn looked_up(&self, kind: u8, key: u64) -> Option<Between> {
        let hint = self.hints.of(key).load(Relaxed);
        let (block, at) =
            ((hint >> PLACE_BITS) as usize, (hint & ((1 << PLACE_BITS) - 1)) as usize);
        let notes = self.blocks.get(block)?;
        let (note, next) = match *notes.get(at..)? {
            [ref note, ref next, ..] => (note, next),
            [ref note] => (note, self.blocks.get(block + 1)?.first()?),
            [] => return None,
        };
        let is_it = note.kind == kind && note.key < key && next.kind == kind && key < next.key;
        if !is_it || note.flags != 0 {
            return None;
        }
        let chunk = self.starts[block] + at;
        self.keep_near(chunk, block);
        Some(Between { chunk, low: note.key, high: next.key, mark: note.mark })
    }

    /// Where a key belongs among the chunks of a range, in which keys rise. It is kept in mind for [`Notes::looked_up`]. `None`: before all,
    /// behind the first key of the last one, a chunk begins with it, or notes have flags.
    #[must_use]
    #[inline(always)]
    pub fn look_up_ahead(&self, range: Range<usize>, key: u64) -> Option<Between> {
        if self.flagged > 0 {
            return None;
        }
        let part = self.part(&range, |other| other < key)?;
        let at = part.not_below(key);
        let below = part.first + at;
        let chunk = below.checked_sub(1).filter(|chunk| *chunk >= range.start)?;
        if below >= range.end {
            return None;
        }
        let (note, next) = match at.checked_sub(1).map(|before| &part.notes[before..]) {
            Some([note, next, ..]) => (note, next),
            _ => (self.get(chunk)?, self.get(below)?),
        };
        if next.key == key {
            return None;
        }
        let block = if chunk < self.starts[part.block] { part.block - 1 } else { part.block };
        if let (Ok(block), Ok(place)) =
            (u32::try_from(block), u32::try_from(chunk - self.starts[block]))
        {
            self.hints.of(key).store(block << PLACE_BITS | place, Relaxed);
        }
        Some(Between { chunk, low: note.key, high: next.key, mark: note.mark })
    }
}
