//! Owns collections: values of entries in an order, however many. Commands of hashes, lists, sets, sorted sets and streams are made of them.
//!
//! An entry is a key and a value, both bytes, one may be empty. Entries lie in sections, which their owner numbers; in each section they
//! are either in the order of their keys ([`View::seek`]) or in the order in which they were put ([`View::at`]). A small collection of
//! one section is one packed record; others are an object: a head chunk with the owner's own bytes (`meta`), then the chunks of each
//! section in turn. [`View`] reads, [`Edit`] changes: what it is told takes effect all at once in [`Edit::commit`], or never.
//!
//! ```text
//! chunk   kind u8, number of entries u16, entries       kind: the section; HEAD; with PART: the rest of the entry before
//! entry   length of the key, length of the value (both LEB128), key, value, length of these four backwards
//! ```

mod append;
mod bulk;
mod chunk;
mod commit;
mod dirty;
mod edit;
pub mod ends;
pub mod few;
mod mark;
mod merge;
mod notes;
pub mod packed;
mod seek;
mod view;
mod walk;

pub use edit::Edit;
pub use ends::End;
pub use merge::MergeChange;
pub use seek::Ahead;
pub use view::{Cursor, Entry, View, meta_of};
pub use walk::Iter;

/// A section of a collection, below [`SECTIONS_MAX`].
pub type Section = u8;

/// Sections of a collection.
pub const SECTIONS_MAX: usize = 6;

/// How the chunks of a collection are cut.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Bytes of a packed collection, at most. 0: always an object.
    pub packed_bytes_max: usize,
    /// Entries of a packed collection, at most.
    pub packed_entries_max: usize,
    /// Bytes of a chunk, at most; one of a single entry may be longer, and those of very large collections four times as long.
    pub chunk_bytes_max: usize,
}

impl Layout {
    /// For entries that are looked up by key.
    pub const KEYED: Self =
        Self { packed_bytes_max: 1024, packed_entries_max: 128, chunk_bytes_max: 1024 };
    /// For entries that are taken from the ends.
    pub const LISTED: Self =
        Self { packed_bytes_max: 1024, packed_entries_max: 128, chunk_bytes_max: 4096 };
    /// For entries that come at one end and are kept beside others; always an object.
    pub const STREAMED: Self =
        Self { packed_bytes_max: 0, packed_entries_max: 0, chunk_bytes_max: 4096 };
}

/// The first eight bytes of a key as a number in the order of the keys; a shorter key ends in zeros.
#[must_use]
#[inline]
pub fn prefix(key: &[u8]) -> u64 {
    if let Some(first) = key.first_chunk::<8>() {
        return u64::from_be_bytes(*first);
    }
    let mut word = [0; 8];
    word[..key.len()].copy_from_slice(key);
    u64::from_be_bytes(word)
}
