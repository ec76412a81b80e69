//! Owns the entries that a group has given away and that were not acknowledged.
//!
//! ```text
//! key     number of the group u32, id u128 (both in their order)
//! value   number of the consumer u32, last given at u64 (Unix ms), times given u64
//! ```

use super::PENDING;
use super::id::{ID_BYTES, StreamId};
use crate::collection::{Cursor, Edit, View};

const KEY_BYTES: usize = 4 + ID_BYTES;
const VALUE_BYTES: usize = 4 + 8 + 8;

/// An entry that is pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) consumer: u32,
    /// When it was last given, Unix ms.
    pub(super) given_ms: u64,
    /// How often it was given.
    pub(super) times: u64,
}

impl Pending {
    pub(super) fn find(view: &View<'_>, group: u32, id: StreamId) -> Option<(Cursor, Self)> {
        let cursor = view.seek(PENDING, &key(group, id)).ok()?;
        Some((cursor, Self::read(&view.entry(cursor)?.value)))
    }

    /// Those of a group from an id on.
    pub(super) fn from<'v>(
        view: &View<'v>,
        group: u32,
        start: StreamId,
    ) -> impl Iterator<Item = (Cursor, StreamId, Self)> + use<'v> {
        let from = view.lower_bound(PENDING, &key(group, start));
        view.iter(PENDING, from)
            .take_while(move |(_, entry)| entry.key.starts_with(&group.to_be_bytes()))
            .map(|(cursor, entry)| {
                (cursor, StreamId::from_key(&entry.key[4..]), Self::read(&entry.value))
            })
    }

    /// The last one of a group.
    pub(super) fn last(view: &View<'_>, group: u32) -> Option<StreamId> {
        let cursor = match view.seek(PENDING, &key(group, StreamId::MAX)) {
            Ok(cursor) => cursor,
            Err(at) => view.previous(PENDING, at?)?,
        };
        let entry = view.entry(cursor)?;
        entry.key.starts_with(&group.to_be_bytes()).then(|| StreamId::from_key(&entry.key[4..]))
    }

    /// How old it is.
    pub(super) fn idle_ms(&self, now_ms: u64) -> i64 {
        i64::try_from(now_ms.saturating_sub(self.given_ms)).unwrap_or(i64::MAX)
    }

    /// Replaces the one at a cursor.
    pub(super) fn replace(&self, edit: &mut Edit<'_, '_>, cursor: Cursor) {
        edit.replace(PENDING, cursor, &self.bytes());
    }

    /// Puts in those of ids that follow each other, where the group has none from the first one on.
    pub(super) fn put_all(&self, edit: &mut Edit<'_, '_>, group: u32, ids: &[StreamId]) {
        let Some(first) = ids.first() else { return };
        let at = edit.view().seek(PENDING, &key(group, *first)).map_or_else(|at| at, Some);
        let value = self.bytes();
        edit.insert_all(PENDING, at, ids.iter().map(|id| (key(group, *id), value)));
    }

    fn bytes(&self) -> [u8; VALUE_BYTES] {
        let mut bytes = [0; VALUE_BYTES];
        bytes[..4].copy_from_slice(&self.consumer.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.given_ms.to_le_bytes());
        bytes[12..].copy_from_slice(&self.times.to_le_bytes());
        bytes
    }

    fn read(value: &[u8]) -> Self {
        let bytes = value.first_chunk::<VALUE_BYTES>().expect("a pending entry is whole");
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
        Self {
            consumer: u32::from_le_bytes(bytes[..4].try_into().expect("four")),
            given_ms: number(4),
            times: number(12),
        }
    }
}

/// The key and the value of one, for who puts in all.
pub(super) fn place_of(
    pending: &Pending,
    group: u32,
    id: StreamId,
) -> ([u8; KEY_BYTES], [u8; VALUE_BYTES]) {
    (key(group, id), pending.bytes())
}

fn key(group: u32, id: StreamId) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..4].copy_from_slice(&group.to_be_bytes());
    key[4..].copy_from_slice(&id.key());
    key
}
