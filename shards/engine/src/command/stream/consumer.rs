//! Owns the consumers of a group.
//!
//! ```text
//! key     number of the group u32, its own number u32 (both in their order)
//! value   seen u64, active u64 (Unix ms, all ones: never), entries pending u64, name
//! ```

use super::CONSUMERS;
use crate::collection::{Cursor, Edit, View};

const KEY_BYTES: usize = 8;
const VALUE_BYTES_MIN: usize = 24;
const NEVER: u64 = u64::MAX;

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Consumer {
    pub(super) number: u32,
    /// When it last asked for something, Unix ms.
    pub(super) seen_ms: u64,
    /// When it last got something, Unix ms.
    pub(super) active_ms: Option<u64>,
    /// Entries that it was given and has not acknowledged.
    pub(super) pending: u64,
    pub(super) name: Vec<u8>,
}

impl Consumer {
    pub(super) fn find(view: &View<'_>, group: u32, name: &[u8]) -> Option<Self> {
        Self::all(view, group).find(|consumer| consumer.name == name)
    }

    pub(super) fn numbered(view: &View<'_>, group: u32, number: u32) -> Option<Self> {
        let cursor = view.seek(CONSUMERS, &key(group, number)).ok()?;
        let entry = view.entry(cursor)?;
        Some(Self::read(&entry.key, &entry.value))
    }

    /// Those of a group in the order of their numbers.
    pub(super) fn all<'v>(view: &View<'v>, group: u32) -> impl Iterator<Item = Self> + use<'v> {
        let from = view.lower_bound(CONSUMERS, &key(group, 0));
        view.iter(CONSUMERS, from)
            .take_while(move |(_, entry)| entry.key.starts_with(&group.to_be_bytes()))
            .map(|(_, entry)| Self::read(&entry.key, &entry.value))
    }

    /// Where the first one of a group is.
    pub(super) fn first_place(view: &View<'_>, group: u32) -> Option<Cursor> {
        let cursor = view.lower_bound(CONSUMERS, &key(group, 0))?;
        view.entry(cursor)?.key.starts_with(&group.to_be_bytes()).then_some(cursor)
    }

    /// Those of a group in the order of their names.
    pub(super) fn by_name(view: &View<'_>, group: u32) -> Vec<Self> {
        let mut all: Vec<Self> = Self::all(view, group).collect();
        all.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// The consumer of a name, or a new one that is not put in yet, with whether it is new; `None` when there are too many.
    pub(super) fn find_or_new(
        view: &View<'_>,
        group: u32,
        name: &[u8],
        now_ms: u64,
    ) -> Option<(Self, bool)> {
        let mut most = None;
        for consumer in Self::all(view, group) {
            if consumer.name == name {
                return Some((consumer, false));
            }
            most = Some(consumer.number);
        }
        let number = most.map_or(Some(0), |most: u32| most.checked_add(1))?;
        let name = name.to_vec();
        Some((Self { number, seen_ms: now_ms, active_ms: None, pending: 0, name }, true))
    }

    /// So many more entries are pending for it.
    pub(super) fn count(&mut self, change: i64) {
        self.pending = self.pending.saturating_add_signed(change);
    }

    pub(super) fn put(&self, edit: &mut Edit<'_, '_>, group: u32) {
        let key = key(group, self.number);
        let place = edit.view().seek(CONSUMERS, &key);
        match place {
            Ok(cursor) => edit.replace(CONSUMERS, cursor, &self.value()),
            Err(at) => drop(edit.insert(CONSUMERS, at, &key, &self.value())),
        }
    }

    pub(super) fn remove(edit: &mut Edit<'_, '_>, group: u32, number: u32) {
        let place = edit.view().seek(CONSUMERS, &key(group, number));
        if let Ok(cursor) = place {
            edit.remove(CONSUMERS, cursor);
        }
    }

    fn value(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(VALUE_BYTES_MIN + self.name.len());
        for number in [self.seen_ms, self.active_ms.unwrap_or(NEVER), self.pending] {
            value.extend_from_slice(&number.to_le_bytes());
        }
        value.extend_from_slice(&self.name);
        value
    }

    fn read(key: &[u8], value: &[u8]) -> Self {
        let number = |at: usize| u64::from_le_bytes(value[at..at + 8].try_into().expect("eight"));
        Self {
            number: u32::from_be_bytes(key[4..KEY_BYTES].try_into().expect("four")),
            seen_ms: number(0),
            active_ms: Some(number(8)).filter(|&active| active != NEVER),
            pending: number(16),
            name: value[VALUE_BYTES_MIN..].to_vec(),
        }
    }
}

fn key(group: u32, number: u32) -> [u8; KEY_BYTES] {
    (u64::from(group) << 32 | u64::from(number)).to_be_bytes()
}
