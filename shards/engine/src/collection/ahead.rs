//! Owns asking the memory for the chunks of large collections that commands will look at, before the first of these runs: what one waits for is
//! waited for by all at once.

use super::Section;
use super::chunk::HEAD_BYTES;
use super::seek::{LOOKED_BYTES_MAX, value_by_prefix};
use hyperion_store::{NearChunk, NearObject};

/// Chunks of a section from which on it does not stay in the cache by itself.
const CHUNKS_MIN: usize = 64;

/// The half of a chunk in which an entry is, or will be.
#[derive(Clone, Copy)]
pub struct Ahead<'s> {
    chunk: NearChunk<'s>,
    is_upper: bool,
}

impl<'s> Ahead<'s> {
    /// Asks for the place of the chunk that has the key with this [`super::prefix`]. `None`: it is there, or cannot be told.
    #[must_use]
    pub fn of(object: &NearObject<'s>, section: Section, word: u64) -> Option<Self> {
        let notes = object.notes();
        let count = notes.chunks_of(section);
        if count < CHUNKS_MIN {
            return None;
        }
        let begin = 1 + (0..section).map(|before| notes.chunks_of(before)).sum::<usize>();
        let end = begin + count;
        let below = notes.not_below(begin..end, word);
        // The chunk whose first key it is, or the one before.
        let is_first = below < end && notes.get(below)?.key == word;
        let index = if is_first { below } else { below.max(begin + 1) - 1 };
        let first = notes.get(index)?.key;
        let bound = if index + 1 < end { notes.get(index + 1)?.key } else { u64::MAX };
        let is_upper = word.saturating_sub(first) > bound.saturating_sub(first) / 2;
        Some(Self { chunk: object.chunk(index)?, is_upper })
    }

    /// The value of the first entry whose key has this [`super::prefix`], in bytes that were asked for.
    #[must_use]
    pub fn value(&self, word: u64) -> Option<&'s [u8]> {
        value_by_prefix(self.chunk.bytes().get(HEAD_BYTES..)?, word, self.is_upper)
    }

    /// Asks for its bytes, once their place is there.
    pub fn load(&self) {
        self.chunk.prefetch_half(self.is_upper, LOOKED_BYTES_MAX / 2);
    }
}
