//! Owns the groups of a stream: a name, how far it has come, and a number that its consumers and pending entries carry.
//!
//! ```text
//! key     name
//! value   number u32, last id given u128, entries read i64, -1: not known
//! ```

use super::GROUPS;
use super::id::StreamId;
use crate::collection::{Cursor, Edit, View};

const GROUP_BYTES: usize = 4 + 16 + 8;

/// A group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) number: u32,
    /// The greatest id that a consumer of it was given.
    pub(super) last_id: StreamId,
    /// How many entries it was given, those before its beginning among them.
    pub(super) read: Option<i64>,
}

impl Group {
    pub(super) fn find(view: &View<'_>, name: &[u8]) -> Option<Self> {
        let cursor = view.seek(GROUPS, name).ok()?;
        Some(Self::read(&view.entry(cursor)?.value))
    }

    pub(super) fn all<'v>(view: &View<'v>) -> impl Iterator<Item = (Vec<u8>, Self)> + use<'v> {
        view.all(GROUPS).map(|(_, entry)| (entry.key.into_owned(), Self::read(&entry.value)))
    }

    /// A number that no group has; `None` when there are too many.
    pub(super) fn free_number(view: &View<'_>) -> Option<u32> {
        Self::all(view)
            .map(|(_, group)| group.number)
            .max()
            .map_or(Some(0), |most| most.checked_add(1))
    }

    pub(super) fn put(&self, edit: &mut Edit<'_, '_>, name: &[u8]) {
        let place = edit.view().seek(GROUPS, name);
        match place {
            Ok(cursor) => edit.replace(GROUPS, cursor, &self.bytes()),
            Err(at) => drop(edit.insert(GROUPS, at, name, &self.bytes())),
        }
    }

    pub(super) fn place(view: &View<'_>, name: &[u8]) -> Option<Cursor> {
        view.seek(GROUPS, name).ok()
    }

    fn bytes(&self) -> [u8; GROUP_BYTES] {
        let mut bytes = [0; GROUP_BYTES];
        bytes[..4].copy_from_slice(&self.number.to_le_bytes());
        bytes[4..20].copy_from_slice(&u128::from_be_bytes(self.last_id.key()).to_le_bytes());
        bytes[20..].copy_from_slice(&self.read.unwrap_or(-1).to_le_bytes());
        bytes
    }

    fn read(value: &[u8]) -> Self {
        let bytes = value.first_chunk::<GROUP_BYTES>().expect("a group is whole");
        let id = u128::from_le_bytes(bytes[4..20].try_into().expect("sixteen"));
        let read = i64::from_le_bytes(bytes[20..].try_into().expect("eight"));
        Self {
            number: u32::from_le_bytes(bytes[..4].try_into().expect("four")),
            last_id: StreamId::from_key(&id.to_be_bytes()),
            read: (read != -1).then_some(read),
        }
    }
}
