//! Owns what becomes of a group's pending entries in one command: noted one by one, and put in all at once.

use super::PENDING;
use super::consumer::Consumer;
use super::id::StreamId;
use super::pending::{Pending, place_of};
use crate::collection::{Edit, MergeChange, View};
use std::collections::BTreeMap;

/// Changes of a group's pending entries.
#[derive(Debug)]
pub(super) struct Giving {
    group: u32,
    /// What is pending from now on; `None`: it is not any more.
    changes: BTreeMap<StreamId, Option<Pending>>,
    /// By how many entries the consumers' own numbers change.
    counts: BTreeMap<u32, i64>,
}

impl Giving {
    pub(super) fn new(group: u32) -> Self {
        Self { group, changes: BTreeMap::new(), counts: BTreeMap::new() }
    }

    /// What is pending of an id, with all changes so far.
    pub(super) fn find(&self, view: &View<'_>, id: StreamId) -> Option<Pending> {
        let stored = || Pending::find(view, self.group, id).map(|(_, pending)| pending);
        self.changes.get(&id).copied().unwrap_or_else(stored)
    }

    /// An entry is pending as `pending` says; it was as `before` says, which [`Giving::find`] gave.
    pub(super) fn set(&mut self, id: StreamId, before: Option<Pending>, pending: Pending) {
        self.discount(before);
        *self.counts.entry(pending.consumer).or_default() += 1;
        self.changes.insert(id, Some(pending));
    }

    /// An entry is not pending any more.
    pub(super) fn remove(&mut self, id: StreamId, before: Pending) {
        self.discount(Some(before));
        self.changes.insert(id, None);
    }

    fn discount(&mut self, before: Option<Pending>) {
        if let Some(before) = before {
            *self.counts.entry(before.consumer).or_default() -= 1;
        }
    }

    /// Puts all of it in. The record of `own`, if it is given, is its caller's to write.
    pub(super) fn put(self, edit: &mut Edit<'_, '_>, own: Option<&mut Consumer>) {
        let Self { group, changes, counts } = self;
        let places: Vec<_> = changes
            .iter()
            .map(|(id, pending)| {
                let (key, value) = place_of(&pending.unwrap_or_default(), group, *id);
                (key, pending.is_some().then_some(value))
            })
            .collect();
        let changes: Vec<MergeChange<'_>> = places
            .iter()
            .map(|(key, value)| (&key[..], value.as_ref().map(|value| &value[..])))
            .collect();
        edit.merge(PENDING, &changes);
        let mut own = own;
        for (number, change) in counts {
            match &mut own {
                Some(own) if own.number == number => own.count(change),
                _ => {
                    let consumer = Consumer::numbered(&edit.view(), group, number);
                    if let Some(mut consumer) = consumer.filter(|_| change != 0) {
                        consumer.count(change);
                        consumer.put(edit, group);
                    }
                }
            }
        }
    }
}
