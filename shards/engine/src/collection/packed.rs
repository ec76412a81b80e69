//! Owns changes of one entry of a packed collection: its record is written anew from the bytes of the old one, and nothing is made of them.
//! What a packed record does not take is for [`super::Edit`] from the beginning.

use super::chunk::{self, HEAD_BYTES, Span, span};
use super::edit::ENTRY_HEAD_BYTES;
use super::{Layout, Section};
use std::ops::Range;

/// The entries of a packed collection; of one that is not there, none.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    section: Section,
    count: usize,
    entries: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Reads the bytes of a packed record. `None`: it has entries of another section.
    #[inline]
    pub fn read(bytes: &'a [u8], section: Section) -> Option<Self> {
        match *bytes {
            [] => Some(Self { section, count: 0, entries: &[] }),
            [kind, low, high, ref entries @ ..] if kind == section => {
                Some(Self { section, count: u16::from_le_bytes([low, high]).into(), entries })
            }
            _ => None,
        }
    }

    /// Each entry: where it is, its key, and its value.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = (Range<usize>, &'a [u8], &'a [u8])> + use<'a> {
        let (entries, mut at) = (self.entries, 0);
        std::iter::from_fn(move || {
            let Span { key, value, end } = span(entries, at)?;
            let place = std::mem::replace(&mut at, end)..end;
            Some((place, &entries[key.0..key.1], &entries[value.0..value.1]))
        })
    }

    /// Where the entry with this key is, and its value.
    #[inline]
    pub fn find(&self, key: &[u8]) -> Option<(Range<usize>, &'a [u8])> {
        // Most others differ in their last byte, if not in their length.
        let is_it =
            |other: &[u8]| other.len() == key.len() && other.last() == key.last() && other == key;
        self.iter().find(|(_, other, _)| is_it(other)).map(|(place, _, value)| (place, value))
    }

    /// Bytes of the entries.
    pub fn bytes(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is too large for one record with another entry of `bytes` bytes.
    #[inline]
    pub fn outgrows(&self, bytes: usize, layout: &Layout) -> bool {
        self.entries.len() + bytes + ENTRY_HEAD_BYTES > layout.packed_bytes_max
            || self.count >= layout.packed_entries_max
    }

    /// Writes what it is with an entry put in at a place, and without the one at another, if there is one.
    ///
    /// # Panics
    /// When the place lies within what is left out.
    #[inline]
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        without: Option<Range<usize>>,
        (at, key, value): (usize, &[u8], &[u8]),
    ) {
        let entries = self.entries;
        let count = self.count + 1 - usize::from(without.is_some());
        out.reserve(HEAD_BYTES + entries.len() + key.len() + value.len() + ENTRY_HEAD_BYTES);
        out.extend_from_slice(&chunk::head(self.section, count));
        let Range { start, end } = without.unwrap_or(at..at);
        if at <= start {
            out.extend_from_slice(&entries[..at]);
            chunk::push(out, key, value);
            out.extend_from_slice(&entries[at..start]);
            out.extend_from_slice(&entries[end..]);
        } else {
            out.extend_from_slice(&entries[..start]);
            out.extend_from_slice(&entries[end..at]);
            chunk::push(out, key, value);
            out.extend_from_slice(&entries[at..]);
        }
    }
}
