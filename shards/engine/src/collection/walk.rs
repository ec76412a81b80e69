//! Owns walking through the entries of a section: from one to the next, by number, and in order.

use super::Section;
use super::chunk::{Span, begin_of, span};
use super::view::{Cursor, Entry, Source, View};
use std::borrow::Cow;
use std::collections::BTreeMap;

impl<'a> View<'a> {
    /// The first entry of a section.
    #[must_use]
    pub fn first(&self, section: Section) -> Option<Cursor> {
        let chunks = self.chunks(section);
        let mut filled = chunks.clone().filter(|&chunk| self.chunk_count(chunk) > 0);
        filled.next().map(|chunk| Cursor { chunk, at: 0 })
    }

    /// The last entry of a section.
    #[must_use]
    pub fn last(&self, section: Section) -> Option<Cursor> {
        let mut filled = self.chunks(section).rev().filter(|&chunk| self.chunk_count(chunk) > 0);
        let chunk = filled.next()?;
        let entries = self.entries(chunk);
        Some(Cursor { chunk, at: begin_of(&entries, entries.len())? })
    }

    /// The entry at a cursor's place, or the next one: what a cursor behind the last entry of a chunk stands for.
    #[must_use]
    pub fn settle(&self, section: Section, cursor: Cursor) -> Option<Cursor> {
        if cursor.at < self.entries(cursor.chunk).len() {
            return Some(cursor);
        }
        let end = self.chunks(section).end;
        let mut filled = (cursor.chunk + 1..end).filter(|&chunk| self.chunk_count(chunk) > 0);
        filled.next().map(|chunk| Cursor { chunk, at: 0 })
    }

    /// The entry behind one.
    #[must_use]
    pub fn next(&self, section: Section, cursor: Cursor) -> Option<Cursor> {
        let end = span(&self.entries(cursor.chunk), cursor.at)?.end;
        self.settle(section, Cursor { at: end, ..cursor })
    }

    /// The entry before one, or before the place behind a chunk's last one.
    #[must_use]
    pub fn previous(&self, section: Section, cursor: Cursor) -> Option<Cursor> {
        if cursor.at > 0 {
            let at = begin_of(&self.entries(cursor.chunk), cursor.at)?;
            return Some(Cursor { at, ..cursor });
        }
        let begin = self.chunks(section).start;
        let mut filled = (begin..cursor.chunk).rev().filter(|&chunk| self.chunk_count(chunk) > 0);
        let chunk = filled.next()?;
        let entries = self.entries(chunk);
        Some(Cursor { chunk, at: begin_of(&entries, entries.len())? })
    }

    /// The entry with `index` others of its section before it. Time: a step for each block of notes; for each chunk, where an edit has
    /// changed some.
    #[must_use]
    pub fn at(&self, section: Section, index: u64) -> Option<Cursor> {
        let count = self.count(section);
        if index >= count {
            return None;
        }
        let (chunk, left) = self.chunk_at(section, index)?;
        let entries = self.entries(chunk);
        let in_chunk = self.chunk_count(chunk) as u64;
        let mut at;
        if left <= in_chunk / 2 {
            at = 0;
            for _ in 0..left {
                at = span(&entries, at)?.end;
            }
        } else {
            at = entries.len();
            for _ in left..in_chunk {
                at = begin_of(&entries, at)?;
            }
        }
        Some(Cursor { chunk, at })
    }

    /// The chunk of the entry with `index` others of its section before it, which is there, and how many of those are in the chunk.
    fn chunk_at(&self, section: Section, index: u64) -> Option<(usize, u64)> {
        if let Source::Object(_, notes) = self.source
            && self.dirty.is_none_or(BTreeMap::is_empty)
        {
            let all = index + (0..section).map(|before| notes.total(before)).sum::<u64>();
            return notes.find_sum(all).map(|(chunk, before)| (chunk, all - before));
        }
        let mut left = index;
        for chunk in self.chunks(section) {
            let count = self.chunk_count(chunk) as u64;
            if left < count {
                return Some((chunk, left));
            }
            left -= count;
        }
        None
    }

    /// How many entries of the section the chunks before one hold.
    fn count_before(&self, section: Section, chunk: usize) -> u64 {
        let chunks = self.chunks(section);
        let Source::Object(_, notes) = self.source else {
            return (chunks.start..chunk).map(|chunk| self.chunk_count(chunk) as u64).sum();
        };
        let (mut count, mut less) = (notes.sum_before(chunk), notes.sum_before(chunks.start));
        let dirty = self.dirty.into_iter().flat_map(|dirty| dirty.range(chunks.start..chunk));
        for (_, dirty) in dirty {
            count += dirty.count as u64;
            less += dirty.count_before as u64;
        }
        count - less
    }

    /// How many entries of the section come before the cursor. Time: a step for each block of notes.
    #[must_use]
    pub fn index_of(&self, section: Section, cursor: Cursor) -> u64 {
        let before = self.count_before(section, cursor.chunk);
        let entries = self.entries(cursor.chunk);
        let (mut at, mut count) = (0, 0);
        while at < cursor.at {
            let Some(span) = span(&entries, at) else { break };
            (at, count) = (span.end, count + 1);
        }
        before + count
    }

    /// The entries of a section from `from` on, in order.
    #[must_use]
    pub fn iter(&self, section: Section, from: Option<Cursor>) -> Iter<'a> {
        let chunks = self.chunks(section);
        let (chunk, at) = from.map_or((chunks.end, 0), |from| (from.chunk, from.at));
        let entries = if from.is_some() { self.entries(chunk) } else { Cow::Borrowed(&[][..]) };
        Iter { view: *self, entries, chunk, at, end: chunks.end }
    }

    /// All entries of a section, in order.
    #[must_use]
    pub fn all(&self, section: Section) -> Iter<'a> {
        self.iter(section, self.first(section))
    }
}

/// Entries in order. Each step costs a few nanoseconds.
pub struct Iter<'a> {
    view: View<'a>,
    entries: Cow<'a, [u8]>,
    chunk: usize,
    at: usize,
    end: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (Cursor, Entry<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.at >= self.entries.len() {
            self.chunk += 1;
            if self.chunk >= self.end {
                return None;
            }
            self.at = 0;
            if !self.view.is_part(self.chunk) {
                self.entries = self.view.entries(self.chunk);
            } else {
                self.entries = Cow::Borrowed(&[]);
            }
        }
        let cursor = Cursor { chunk: self.chunk, at: self.at };
        let Span { key, value, end } = span(&self.entries, self.at)?;
        self.at = end;
        let entry = match &self.entries {
            Cow::Borrowed(entries) => Entry {
                key: Cow::Borrowed(&entries[key.0..key.1]),
                value: Cow::Borrowed(&entries[value.0..value.1]),
            },
            Cow::Owned(entries) => Entry {
                key: Cow::Owned(entries[key.0..key.1].to_vec()),
                value: Cow::Owned(entries[value.0..value.1].to_vec()),
            },
        };
        Some((cursor, entry))
    }
}
