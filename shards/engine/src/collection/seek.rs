//! Owns finding an entry by its key, in a section that is in the order of the keys, and by a look at each in one that is not.

use super::chunk::{Span, begin_of, span};
use super::view::{Cursor, Source, View};
use super::{Section, prefix};
use hyperion_store::prefetch_bytes;
use std::borrow::Cow;
use std::cmp::Ordering;

/// Bytes of a chunk that are loaded at once, at most: a quarter of it.
const LOOKED_BYTES_MAX: usize = 1024;
const QUARTERS: usize = 4;

/// The chunk that a key is in or belongs to.
#[derive(Clone, Copy)]
pub struct Near {
    chunk: usize,
    /// The prefixes of its first key and of the next one's, where these are at hand.
    between: Option<(u64, u64)>,
}

/// The entries among which a key is looked for; those that will be looked at first are on their way from the memory.
pub struct Asked<'a> {
    chunk: usize,
    entries: Cow<'a, [u8]>,
    mark: usize,
    /// The quarter in which it is, in all likelihood: those before the mark are the first two.
    likely: Option<usize>,
}

impl<'a> View<'a> {
    /// Where `key` is (`Ok`), or where it belongs (`Err`): before the entry there, or at the end of the chunk. `Err(None)`: the section
    /// has no chunk.
    pub fn seek(&self, section: Section, key: &[u8]) -> Result<Cursor, Option<Cursor>> {
        let Some((chunk, between)) = self.chunk_for(section, key) else { return Err(None) };
        self.ask(Near { chunk, between }, key).seek(key).map_err(Some)
    }

    /// The first of three steps of [`View::seek`], so that what one look-up waits for comes while another one is at work. `None`: the section
    /// has no chunk.
    pub fn near(&self, section: Section, key: &[u8]) -> Option<Near> {
        let (chunk, between) = self.chunk_for(section, key)?;
        if let Source::Object(pieces, _) = self.source {
            pieces.prefetch(chunk);
        }
        Some(Near { chunk, between })
    }

    /// As [`View::near`], for a command that runs later and looks for a key with this prefix: it need not look for the chunk again. `None`: it is
    /// to look for itself.
    #[inline]
    pub fn near_ahead(&self, section: Section, word: u64) -> Option<Near> {
        let Source::Object(pieces, notes) = self.source else { return None };
        let chunks = self.chunks(section);
        if chunks.len() <= 1 || !notes.has_no_flags() {
            return None;
        }
        let below = notes.not_below(chunks.clone(), word);
        let bound = if below < chunks.end { notes.get(below)?.key } else { return None };
        let chunk = below.checked_sub(1).filter(|chunk| chunks.contains(chunk))?;
        if bound == word {
            return None;
        }
        notes.look_up_ahead(chunk, word);
        pieces.prefetch(chunk);
        Some(Near { chunk, between: Some((notes.get(chunk)?.key, bound)) })
    }

    /// Whether the chunk for a prefix was looked up ahead.
    #[cfg(test)]
    pub(crate) fn is_known(&self, section: Section, word: u64) -> bool {
        matches!(self.source, Source::Object(_, notes) if notes.looked_up(section, word).is_some())
    }

    /// The second step for a command that runs later: what it will look at and change comes from the memory.
    #[inline]
    pub fn ask_ahead(&self, near: Near, word: u64) {
        let _ = self.ask_word(near, word);
        if let Source::Object(pieces, _) = self.source {
            pieces.prefetch_change(near.chunk);
        }
    }

    /// The second step; the third one is `Asked::seek`.
    #[inline]
    pub fn ask(&self, near: Near, key: &[u8]) -> Asked<'a> {
        self.ask_word(near, prefix(key))
    }

    #[inline]
    fn ask_word(&self, Near { chunk, between }: Near, word: u64) -> Asked<'a> {
        let entries = self.entries(chunk);
        let mark = self.mark(chunk);
        #[cfg(debug_assertions)]
        assert!(
            super::mark::is_right(mark, &entries),
            "an entry begins at {mark} of chunk {chunk}"
        );
        let likely = between.map(|(first, bound)| {
            let each = bound.saturating_sub(first) / 4;
            let off = word.saturating_sub(first);
            (1..QUARTERS as u64).filter(|quarter| off >= quarter * each).count()
        });
        let quarter = entries.len() / QUARTERS;
        let from = match likely {
            Some(3) => Some(entries.len() - quarter.min(LOOKED_BYTES_MAX)),
            Some(0) => Some(0),
            _ if mark == 0 => None,
            Some(2) => Some(mark),
            _ => Some(mark.saturating_sub(quarter)),
        };
        if let Some(from) = from {
            let looked = quarter.min(LOOKED_BYTES_MAX);
            prefetch_bytes(&entries[from..entries.len().min(from + looked)]);
        }
        Asked { chunk, entries, mark, likely }
    }
}

impl Asked<'_> {
    /// Where `key` is (`Ok`), or where it belongs (`Err`): see [`View::seek`].
    #[inline]
    pub fn seek(&self, key: &[u8]) -> Result<Cursor, Cursor> {
        let Self { chunk, ref entries, mark, likely } = *self;
        let word = prefix(key);
        let place = match likely {
            Some(3) => seek_back(entries, key, word),
            Some(2) if mark == 0 => seek_back(entries, key, word),
            Some(0) => seek_on(entries, 0, key, word),
            _ if mark == 0 => seek_on(entries, 0, key, word),
            _ => seek_from(entries, mark, key, word),
        };
        place.map(|at| Cursor { chunk, at }).map_err(|at| Cursor { chunk, at })
    }
}

impl View<'_> {
    /// The mark of a chunk as it is, 0 where it has none.
    fn mark(&self, chunk: usize) -> usize {
        if let Some(dirty) = self.dirty.and_then(|dirty| dirty.get(&chunk)) {
            return usize::from(dirty.mark);
        }
        self.note(chunk).map_or(0, |note| usize::from(note.mark))
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
        let word = prefix(key);
        if let Source::Object(_, notes) = self.source
            && let Some((chunk, between)) = notes.looked_up(section, word)
        {
            return Some((chunk, Some(between)));
        }
        let chunks = self.chunks(section);
        if chunks.len() <= 1 {
            return (!chunks.is_empty()).then_some((chunks.start, None));
        }
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

/// Where `key` is among entries from the one at `at` on, before which all are below it, or where it belongs.
fn seek_on(entries: &[u8], at: usize, key: &[u8], word: u64) -> Result<usize, usize> {
    let mut at = at + skip_below(&entries[at..], word);
    while let Some(Span { key: (begin, end), end: behind, .. }) = span(entries, at) {
        let other = &entries[begin..end];
        match prefix(other).cmp(&word).then_with(|| other.cmp(key)) {
            Ordering::Less => at = behind,
            Ordering::Equal => return Ok(at),
            Ordering::Greater => break,
        }
    }
    Err(at)
}

/// As [`seek_on`], from a place in the middle where an entry begins: on or back.
fn seek_from(entries: &[u8], mark: usize, key: &[u8], word: u64) -> Result<usize, usize> {
    let Some(Span { key: (begin, end), .. }) = span(entries, mark) else {
        return seek_back(&entries[..mark], key, word);
    };
    let other = &entries[begin..end];
    match prefix(other).cmp(&word).then_with(|| other.cmp(key)) {
        Ordering::Less => seek_on(entries, mark, key, word),
        Ordering::Equal => Ok(mark),
        Ordering::Greater => seek_back(&entries[..mark], key, word),
    }
}

/// As [`seek_on`], from the end of a chunk.
fn seek_back(entries: &[u8], key: &[u8], word: u64) -> Result<usize, usize> {
    let mut at = skip_above(entries, word);
    while at > 0
        && let Some(before) = begin_of(entries, at)
        && let Some(Span { key: (begin, end), .. }) = span(entries, before)
    {
        let other = &entries[begin..end];
        match prefix(other).cmp(&word).then_with(|| other.cmp(key)) {
            Ordering::Greater => at = before,
            Ordering::Equal => return Ok(before),
            Ordering::Less => break,
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
