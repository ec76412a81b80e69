//! Owns evictions in replicated partitions: the leader deletes by entries, so that all copies keep the same keys.

use crate::engine::Engine;
use hyperion_model::{GroupId, slot_of};
use hyperion_store::Evicted;
use std::collections::VecDeque;

/// Entries that evict and have not taken effect: group and index, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Evicting {
    entries: VecDeque<(GroupId, u64)>,
}

impl Engine {
    /// Bytes that evictions on their way give back once they take effect, about: a key is taken to be as long as any other on this core.
    pub(crate) fn evicting_bytes(&mut self) -> u64 {
        let Some(replication) = &mut self.replication else { return 0 };
        let entries = &mut replication.evicting.entries;
        let (store, groups) = (&self.store, &replication.groups);
        // Those of a lead that was lost may be void.
        let is_over = |&(group, index): &(GroupId, u64)| {
            store.applied(group).0 >= index
                || groups.last_led(group).is_none_or(|last| last < index)
        };
        while entries.front().is_some_and(is_over) {
            entries.pop_front();
        }
        if entries.is_empty() {
            return 0;
        }
        let figures = store.figures();
        figures.live_bytes / figures.keys.max(1) * entries.len() as u64
    }

    /// How many evictions wait for other nodes.
    pub(crate) fn evicting_entries(&self) -> usize {
        self.replication.as_ref().map_or(0, |replication| replication.evicting.entries.len())
    }

    /// As [`Engine::evict_down_to`], of the keys in partitions that this core leads.
    pub(crate) fn evict_by_entries(
        &mut self,
        live_bytes: u64,
        count_max: usize,
    ) -> (usize, Evicted) {
        for evicted in 0..count_max {
            let on_the_way = self.evicting_bytes();
            if self.store.live_bytes().saturating_sub(on_the_way) <= live_bytes {
                return (evicted, Evicted::One);
            }
            let Some(replication) = &self.replication else { return (evicted, Evicted::NotYet) };
            let (map, locks, store) = (&self.map, &self.locks, &mut self.store);
            let group_of = |key: &[u8]| GroupId::of(map.partition_of(slot_of(key)));
            let next = store.next_evicted(|database, key| {
                locks.holds(database, key) || !replication.may_begin(group_of(key))
            });
            let (database, key) = match next {
                Ok(next) => next,
                Err(why) => return (evicted, why),
            };
            let group = group_of(&key);
            if !self.begin_entry_of(group) {
                return (evicted, Evicted::NotYet);
            }
            if self.store.evict_in_entry(database, &key).is_err() {
                self.store.drop_entry();
                return (evicted, Evicted::NoRoom);
            }
            match self.end_around(group) {
                Ok(true) => {
                    let index = self.store.last_index(group);
                    let replication = self.replication.as_mut().expect("looked at above");
                    replication.evicting.entries.push_back((group, index));
                }
                Ok(false) => {}
                Err(_) => return (evicted, Evicted::NoRoom),
            }
        }
        (count_max, Evicted::One)
    }
}
