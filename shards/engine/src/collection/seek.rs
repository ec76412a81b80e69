//! Owns finding an entry by its key, in a section that is in the order of the keys, and by a look at each in one that is not.

use super::chunk::{Span, begin_of, span};
use super::view::{Cursor, Source, View};
use super::{Section, prefix};
use hyperion_store::prefetch_bytes;

/// Bytes of a chunk that are loaded at once, at most.
const LOOKED_BYTES_MAX: usize = 2048;

impl View<'_> {
    /// Where `key` is (`Ok`), or where it belongs (`Err`): before the entry there, or at the end of the chunk. `Err(None)`: the section
    /// has no chunk.
    pub fn seek(&self, section: Section, key: &[u8]) -> Result<Cursor, Option<Cursor>> {
        let Some((chunk, between)) = self.chunk_for(section, key) else { return Err(None) };
        let entries = self.entries(chunk);
        let word = prefix(key);
        let is_nearer_end = between.is_some_and(|(first, bound)| {
            word.saturating_sub(first) > bound.saturating_sub(first) / 2
        });
        // The half in which it is, in all likelihood.
        let (lower, upper) = entries.split_at(entries.len().min(LOOKED_BYTES_MAX) / 2);
        prefetch_bytes(if is_nearer_end {
            &upper[upper.len().saturating_sub(lower.len())..]
        } else {
            lower
        });
        if is_nearer_end {
            let place = seek_back(&entries, key, word);
            return match place {
                Ok(at) => Ok(Cursor { chunk, at }),
                Err(at) => Err(Some(Cursor { chunk, at })),
            };
        }
        let mut at = skip_below(&entries, word);
        while let Some(Span { key: (begin, end), end: behind, .. }) = span(&entries, at) {
            let other = &entries[begin..end];
            let order = prefix(other).cmp(&word).then_with(|| other.cmp(key));
            match order {
                std::cmp::Ordering::Less => at = behind,
                std::cmp::Ordering::Equal => return Ok(Cursor { chunk, at }),
                std::cmp::Ordering::Greater => break,
            }
        }
        Err(Some(Cursor { chunk, at }))
    }

    /// The chunk that `key` is in or belongs to; `None`: the section has no chunk.
    pub(super) fn seek_chunk(&self, section: Section, key: &[u8]) -> Option<usize> {
        self.chunk_for(section, key).map(|(chunk, _)| chunk)
    }

    /// The first entry whose key is not below `key`.
    #[must_use]
    pub fn lower_bound(&self, section: Section, key: &[u8]) -> Option<Cursor> {
        match self.seek(section, key) {
            Ok(cursor) => Some(cursor),
            Err(cursor) => self.settle(section, cursor?),
        }
    }

    /// The last chunk of a section whose first key is not above `key`, or the first one; with the prefixes of its first key and of the next
    /// one's, where these are at hand.
    fn chunk_for(&self, section: Section, key: &[u8]) -> Option<(usize, Option<(u64, u64)>)> {
        let chunks = self.chunks(section);
        if chunks.len() <= 1 {
            return (!chunks.is_empty()).then_some((chunks.start, None));
        }
        let word = prefix(key);
        let Source::Object(_, notes) = self.source else { return Some((chunks.start, None)) };
        let (start, end) = (chunks.start, chunks.end);
        let below = notes.not_below(start..end, word);
        let bound = if below < end { notes.get(below).map(|note| note.key) } else { None };
        let not_above = if bound == Some(word) {
            notes.partition(below..end, |key| key <= word)
        } else {
            below
        };
        // Chunks whose first keys begin as this one does are told apart by the whole key.
        let (below, not_above) = (below - start, not_above - start);
        let (mut low, mut high) = (below, not_above);
        let mut best = below.saturating_sub(1);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut filled = middle;
            while filled > low && self.chunk_count(chunks.start + filled) == 0 {
                filled -= 1;
            }
            if self.chunk_count(chunks.start + filled) == 0 {
                low = middle + 1;
                continue;
            }
            let entries = self.entries(chunks.start + filled);
            match span(&entries, 0) {
                Some(first) if &entries[first.key.0..first.key.1] <= key => {
                    best = filled;
                    low = middle + 1;
                }
                Some(_) => high = filled,
                None => low = middle + 1,
            }
        }
        let mut chunk = chunks.start + best;
        while self.is_part(chunk) {
            chunk -= 1;
        }
        let first = notes.get(chunk).map(|note| note.key);
        Some((chunk, first.zip(bound)))
    }

    /// Finds an entry by its key in a section that is in no order of keys. Time: a look at each entry.
    #[must_use]
    pub fn find_linear(&self, section: Section, key: &[u8]) -> Option<Cursor> {
        for chunk in self.chunks(section) {
            if self.is_part(chunk) {
                continue;
            }
            let entries = self.entries(chunk);
            let mut at = 0;
            while let Some(Span { key: (begin, end), end: behind, .. }) = span(&entries, at) {
                if &entries[begin..end] == key {
                    return Some(Cursor { chunk, at });
                }
                at = behind;
            }
        }
        None
    }
}

/// As the walk of [`View::seek`], from the end of a chunk.
fn seek_back(entries: &[u8], key: &[u8], word: u64) -> Result<usize, usize> {
    let mut at = skip_above(entries, word);
    while at > 0
        && let Some(before) = begin_of(entries, at)
        && let Some(Span { key: (begin, end), .. }) = span(entries, before)
    {
        let other = &entries[begin..end];
        match prefix(other).cmp(&word).then_with(|| other.cmp(key)) {
            std::cmp::Ordering::Greater => at = before,
            std::cmp::Ordering::Equal => return Ok(before),
            std::cmp::Ordering::Less => break,
        }
    }
    Err(at)
}

/// What can be read of a short entry at once: two lengths, and the prefix of a key that is not shorter.
const GLANCE_BYTES: usize = 10;

/// The prefix of the key of the entry at `at`, and its bytes but those that tell its length backwards; `None` where a glance does not tell.
#[inline(always)]
fn glance(entries: &[u8], at: usize) -> Option<(u64, usize)> {
    let head = entries.get(at..)?.first_chunk::<GLANCE_BYTES>()?;
    let [key_bytes @ 8..0x80, value_bytes @ 0..0x80, word @ ..] = *head else { return None };
    Some((u64::from_be_bytes(word), 2 + usize::from(key_bytes) + usize::from(value_bytes)))
}

/// Where the first entry is whose prefix is not below `word`, or the first that wants more than a glance.
fn skip_below(entries: &[u8], word: u64) -> usize {
    let mut at = 0;
    while let Some((other, length)) = glance(entries, at)
        && other < word
    {
        at += length + 1 + usize::from(length >= 0x80);
    }
    at
}

/// Behind the last entry whose prefix is not above `word`, or the last that wants more than a glance.
fn skip_above(entries: &[u8], word: u64) -> usize {
    let mut end = entries.len();
    while let Some(&length @ 0..0x80) = entries[..end].last()
        && let Some(at) = (end - 1).checked_sub(usize::from(length))
        && let Some((other, _)) = glance(entries, at)
        && other > word
    {
        end = at;
    }
    end
}
