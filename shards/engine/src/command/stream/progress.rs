//! Owns how far a group has come in a stream: the number of entries up to an id, where that can be told.

use super::group::Group;
use super::id::StreamId;
use super::meta::{Meta, first_entry_id};
use crate::collection::View;

/// What is needed to tell it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    meta: Meta,
    first_id: StreamId,
}

impl Progress {
    pub(super) fn new(view: &View<'_>, meta: Meta) -> Self {
        Self { meta, first_id: first_entry_id(view) }
    }

    /// A group is given the entry `id`: its number of entries read goes up, is found anew, or is not known any more.
    pub(super) fn deliver(&self, group: &mut Group, id: StreamId) {
        if id <= group.last_id {
            return;
        }
        match group.read {
            Some(read) if !self.has_gap_from(id) => group.read = Some(read + 1),
            _ if self.meta.added > 0 => group.read = self.distance(id),
            _ => {}
        }
        group.last_id = id;
    }

    /// Entries that a group has not been given yet.
    pub(super) fn lag(&self, group: &Group) -> Option<i64> {
        if self.meta.added == 0 {
            return Some(0);
        }
        let read = match group.read {
            Some(read) if !self.has_gap_from(group.last_id) => read,
            _ => self.distance(group.last_id)?,
        };
        Some(signed(self.meta.added).wrapping_sub(read))
    }

    /// Whether an entry was deleted at `id` or behind it, with others before.
    fn has_gap_from(&self, id: StreamId) -> bool {
        let deleted = self.meta.deleted_id;
        self.meta.length > 0
            && deleted != StreamId::ZERO
            && self.first_id <= deleted
            && id <= deleted
    }

    /// Entries ever added up to `id`.
    fn distance(&self, id: StreamId) -> Option<i64> {
        let Meta { last_id, deleted_id, added, length } = self.meta;
        if added == 0 {
            return Some(0);
        }
        if length == 0 && id <= last_id {
            return Some(signed(added));
        }
        if id >= last_id {
            return (id == last_id).then_some(signed(added));
        }
        if deleted_id == StreamId::ZERO || deleted_id < self.first_id {
            let before = signed(added).wrapping_sub(signed(length));
            if id < self.first_id {
                return Some(before);
            }
            if id == self.first_id {
                return Some(before.wrapping_add(1));
            }
        }
        None
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
