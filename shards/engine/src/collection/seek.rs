//! Owns finding an entry by its key, in a section that is in the order of the keys, and by a look at each in one that is not.

use super::chunk::{HEAD_BYTES, Span, begin_of, span};
use super::view::{Cursor, Source, View};
use super::{Section, prefix};
use hyperion_store::{Between, Notes, Pieces, prefetch_bytes};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

/// Bytes of a chunk that are loaded at once, at most.
const LOOKED_BYTES_MAX: usize = 1024;
/// Bytes that are loaded beyond where a key is expected.
const LOOKED_BYTES_MORE: usize = 64;
const QUARTERS: usize = 4;
/// Bits of a distance between keys that are looked at, less one.
const PLACE_BITS: u32 = 31;

/// The chunk that a key is in or belongs to.
#[derive(Clone, Copy)]
pub struct Near {
    chunk: usize,
    /// What its note and the next one's say, where these are at hand.
    between: Option<Between>,
    /// It was looked up ahead: what will be looked at first is on its way.
    is_ahead: bool,
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
        match &self.chunk_for(section, key) {
            Some(near) => self.ask(near, key).seek(key).map_err(Some),
            None => Err(None),
        }
    }

    /// The first of three steps of [`View::seek`], so that what one look-up waits for comes while another one is at work. `None`: the section
    /// has no chunk.
    pub fn near(&self, section: Section, key: &[u8]) -> Option<Near> {
        let near = self.chunk_for(section, key);
        if let Some(found) = &near
            && let Source::Object(pieces, _) = self.source
            && !found.is_ahead
        {
            pieces.prefetch(found.chunk);
        }
        near
    }

    /// A section in which commands that run later look for entries. `None`: they are to look for themselves.
    #[must_use]
    pub fn ahead_in(&self, section: Section) -> Option<Ahead<'a>> {
        let Source::Object(pieces, notes) = self.source else { return None };
        let chunks = self.chunks(section);
        (chunks.len() > 1).then_some(Ahead { pieces, notes, begin: chunks.start, end: chunks.end })
    }

    /// Whether the chunk for a prefix was looked up ahead.
    #[cfg(test)]
    pub(crate) fn is_known(&self, section: Section, word: u64) -> bool {
        matches!(self.source, Source::Object(_, notes) if notes.looked_up(section, word).is_some())
    }

    /// The second step; the third one is `Asked::seek`.
    #[inline]
    pub fn ask(&self, near: &Near, key: &[u8]) -> Asked<'a> {
        let Near { chunk, ref between, is_ahead } = *near;
        // Put together where it stays: what was just written is slow to move.
        let mut asked = Asked { chunk, entries: self.entries(chunk), mark: 0, likely: None };
        let bytes = asked.entries.len();
        asked.mark = match between {
            Some(between) if self.dirty.is_none() => usize::from(between.mark),
            _ => self.mark(chunk),
        };
        #[cfg(debug_assertions)]
        assert!(
            super::mark::is_right(asked.mark, &asked.entries),
            "an entry begins at {} of chunk {chunk}",
            asked.mark
        );
        if let Some(between) = between {
            let word = prefix(key);
            asked.likely = Some(quarter_of(between, word));
            if !is_ahead && let Some(looked) = looked_at(bytes, asked.mark, between, word) {
                prefetch_bytes(&asked.entries[looked]);
            }
        }
        asked
    }
}

/// A section of a large collection, in which entries are looked for ahead of their commands.
#[derive(Clone, Copy)]
pub struct Ahead<'a> {
    pieces: Pieces<'a>,
    notes: &'a Notes,
    begin: usize,
    end: usize,
}

impl Ahead<'_> {
    /// As [`View::near`], for a command that runs later and looks for a key with this prefix: it need not look for the chunk again. `None`: it is
    /// to look for itself.
    #[inline(always)]
    pub fn near(&self, word: u64) -> Option<Between> {
        let between = self.notes.look_up_ahead(self.begin..self.end, word)?;
        self.pieces.prefetch(between.chunk);
        Some(between)
    }

    /// The second step: what the command will look at and change comes from the memory. Gives the bytes of the chunk's entries.
    #[inline]
    pub fn ask(&self, between: &Between, word: u64) -> usize {
        let entries = &self.pieces.ask_change(between.chunk)[HEAD_BYTES..];
        if let Some(looked) = looked_at(entries.len(), between.mark.into(), between, word) {
            prefetch_bytes(&entries[looked]);
        }
        entries.len()
    }
}

/// The quarter of a chunk in which a key with this prefix is, if keys rise evenly.
#[inline]
fn quarter_of(between: &Between, word: u64) -> usize {
    let each = between.high.saturating_sub(between.low) / QUARTERS as u64;
    let off = word.saturating_sub(between.low);
    (1..QUARTERS as u64).filter(|quarter| off >= quarter * each).count()
}

/// Where a key with this prefix is among so many bytes of entries, if keys rise evenly.
#[inline]
fn place_of(between: &Between, word: u64, bytes: usize) -> usize {
    let span = between.high.saturating_sub(between.low).max(1);
    let off = word.saturating_sub(between.low).min(span);
    // Both fit 32 bits, and so do the bytes.
    let shift = span.ilog2().saturating_sub(PLACE_BITS);
    usize::try_from((off >> shift) * bytes as u64 / (span >> shift)).unwrap_or(bytes)
}

/// What will most likely be looked at of so many bytes of entries: from where the search begins to a little beyond where the key should be.
#[inline]
fn looked_at(bytes: usize, mark: usize, between: &Between, word: u64) -> Option<Range<usize>> {
    let place = place_of(between, word, bytes);
    let (before, behind) =
        (place.saturating_sub(LOOKED_BYTES_MORE), bytes.min(place + LOOKED_BYTES_MORE));
    let range = match quarter_of(between, word) {
        3 => before.max(bytes.saturating_sub(LOOKED_BYTES_MAX))..bytes,
        0 => 0..behind.min(LOOKED_BYTES_MAX),
        _ if mark == 0 => return None,
        2 => mark..bytes.min(behind.clamp(mark + LOOKED_BYTES_MORE, mark + LOOKED_BYTES_MAX)),
        // The entry at the mark is looked at first.
        _ => {
            let least = (mark + 1).saturating_sub(LOOKED_BYTES_MAX);
            before.clamp(least, mark.saturating_sub(LOOKED_BYTES_MORE).max(least))
                ..bytes.min(mark + 1)
        }
    };
    Some(range)
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
        self.chunk_for(section, key).map(|near| near.chunk)
    }

    /// The first entry whose key is not below `key`.
    #[must_use]
    pub fn lower_bound(&self, section: Section, key: &[u8]) -> Option<Cursor> {
        match self.seek(section, key) {
            Ok(cursor) => Some(cursor),
            Err(cursor) => self.settle(section, cursor?),
        }
    }

    /// The last chunk of a section whose first key is not above `key`, or the first one.
    fn chunk_for(&self, section: Section, key: &[u8]) -> Option<Near> {
        let word = prefix(key);
        if let Source::Object(_, notes) = self.source
            && let Some(between) = notes.looked_up(section, word)
        {
            let chunk = between.chunk;
            return Some(Near { chunk, between: Some(between), is_ahead: true });
        }
        let chunks = self.chunks(section);
        let only = Near { chunk: chunks.start, between: None, is_ahead: false };
        if chunks.len() <= 1 {
            return (!chunks.is_empty()).then_some(only);
        }
        let Source::Object(_, notes) = self.source else { return Some(only) };
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
        let between = notes.get(chunk).zip(bound).map(|(note, high)| Between {
            chunk,
            low: note.key,
            high,
            mark: note.mark,
        });
        Some(Near { chunk, between, is_ahead: false })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_lies_in_the_chunk() {
        let words = [0, 1, 63, 1 << 20, 1 << 40, u64::MAX / 3, u64::MAX - 1, u64::MAX];
        for bytes in [0, 1, 63, 64, 65, 700, 1023, 4096, 65_000] {
            for mark in [0, 1, bytes / 3, bytes / 2, bytes].map(|mark| mark.min(bytes)) {
                for (low, high, word) in words
                    .iter()
                    .flat_map(|low| words.iter().map(move |high| (*low, *high)))
                    .flat_map(|(low, high)| words.map(|word| (low, high, word)))
                {
                    let mark_word = u16::try_from(mark).unwrap();
                    let between = Between { chunk: 1, low, high, mark: mark_word };
                    let place = place_of(&between, word, bytes);
                    assert!(place <= bytes, "{place} of {bytes}: {between:?} {word}");
                    if let Some(range) = looked_at(bytes, mark, &between, word) {
                        let is_within = range.start <= range.end && range.end <= bytes;
                        assert!(is_within, "{range:?} of {bytes}: {between:?} {word}");
                        assert!(range.len() <= LOOKED_BYTES_MAX, "{range:?} of {bytes}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_key_in_the_middle_of_a_distance_is_expected_in_the_middle_of_the_chunk() {
        let between = Between { chunk: 1, low: 1 << 60, high: 3 << 60, mark: 500 };
        assert_eq!(place_of(&between, 2 << 60, 1000), 500);
        assert_eq!(looked_at(1000, 500, &between, 2 << 60), Some(500..564));
        assert_eq!(looked_at(1000, 500, &between, (3 << 60) - 1), Some(935..1000));
        assert_eq!(looked_at(1000, 500, &between, 1 << 60), Some(0..64));
    }
}
