//! Owns what a stream keeps beside its entries: its last id, and how many were added and deleted.
//!
//! ```text
//! meta    last id u128, greatest deleted id u128, entries added u64, entries at that time u64
//! ```
//!
//! An entry that is added does not write it: entries that came since then are those beyond the number noted, and the last one has the last
//! id. All other changes of the entries write it.

use super::ENTRIES;
use super::id::StreamId;
use crate::collection::View;

const META_BYTES: usize = 16 + 16 + 8 + 8;

/// What is told of a stream as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    /// The greatest id there ever was, or what XSETID made of it.
    pub(super) last_id: StreamId,
    /// The greatest id that XDEL has removed.
    pub(super) deleted_id: StreamId,
    /// Entries that were ever added.
    pub(super) added: u64,
    /// Entries that are there.
    pub(super) length: u64,
}

impl Meta {
    /// What is true of a stream.
    pub(super) fn of(view: &View<'_>) -> Self {
        let Some(bytes) = view.meta().first_chunk::<META_BYTES>() else { return Self::default() };
        let id = |at: usize| {
            let number = u128::from_le_bytes(bytes[at..at + 16].try_into().expect("sixteen"));
            StreamId::from_key(&number.to_be_bytes())
        };
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
        let (last_id, deleted_id) = (id(0), id(16));
        let (added, noted) = (number(32), number(40));
        let length = view.count(ENTRIES);
        let mut meta = Self { last_id, deleted_id, added, length };
        if length > noted {
            meta.added += length - noted;
            meta.last_id = last_entry_id(view);
        }
        meta
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(META_BYTES);
        for id in [self.last_id, self.deleted_id] {
            bytes.extend_from_slice(&u128::from_be_bytes(id.key()).to_le_bytes());
        }
        for number in [self.added, self.length] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}

/// The id of the last entry; zero when there is none.
pub(super) fn last_entry_id(view: &View<'_>) -> StreamId {
    let last = view.last(ENTRIES).and_then(|last| view.entry(last));
    last.map_or(StreamId::ZERO, |entry| StreamId::from_key(&entry.key))
}

/// The id of the first entry; zero when there is none.
pub(super) fn first_entry_id(view: &View<'_>) -> StreamId {
    let first = view.first(ENTRIES).and_then(|first| view.entry(first));
    first.map_or(StreamId::ZERO, |entry| StreamId::from_key(&entry.key))
}
