//! Owns the state of one group: what Raft must not forget, what is applied, and the entries that are not.

use super::{Replicated, format, partition_of};
use crate::error::StoreError;
use crate::log::Location;
use crate::record::{Extras, Kind};
use crate::store::Store;
use hyperion_model::{GroupId, PartitionId, slot_of};
use std::collections::VecDeque;

/// What Raft keeps of a group, beside its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// The term that was seen last.
    pub term: u64,
    /// The node that was voted for in it; 0: none.
    pub vote: u64,
    /// The highest index that is known to be committed.
    pub commit: u64,
    /// The last entry that is not kept for others any more, and its term.
    pub truncated_index: u64,
    /// Its term.
    pub truncated_term: u64,
    /// The voters and learners, as the driver writes them.
    pub voters: Vec<u8>,
}

/// Records of an entry that lie together: those behind the opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) opening: Location,
    pub(super) records: u32,
    /// Bytes that its amendments are carried out with, at most; 0: it has none.
    pub(super) room: usize,
}

/// An entry, as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) term: u64,
    pub(super) first: Part,
    /// Only a command that reads what it wrote itself has more.
    pub(super) more: Vec<Part>,
}

impl Entry {
    pub(super) fn parts(&self) -> impl DoubleEndedIterator<Item = Part> + '_ {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }
}

/// One group.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) state: GroupState,
    /// Index and term of the last entry that took effect.
    pub(super) applied: (u64, u64),
    /// The snapshot of another replica is being taken over.
    pub(super) is_installing: bool,
    /// The newest entry that the keys of the last installation may hold: until it is applied, heads are asked which amendments they have.
    pub(super) horizon: u64,
    /// The replica was given up.
    pub(super) is_gone: bool,
    /// Records of the log that tell of it: the last whole one, and a short one behind it.
    pub(super) whole_at: Option<Location>,
    pub(super) short_at: Option<Location>,
    /// Those that did not take effect yet, in order, from behind the last that did.
    pub(super) entries: VecDeque<Entry>,
    /// Something lies in the log that must be void before an entry is appended.
    pub(super) must_cut: bool,
}

impl Group {
    pub(super) fn last_index(&self) -> u64 {
        self.applied.0 + self.entries.len() as u64
    }
}

impl Replicated {
    /// A group that is there.
    ///
    /// # Panics
    /// When it is not.
    pub(super) fn group(&mut self, group: GroupId) -> &mut Group {
        self.groups.get_mut(&group).unwrap_or_else(|| panic!("there is no {group:?} here"))
    }
}

impl Store {
    /// What was last set for a group, if the store has it.
    #[must_use]
    pub fn group_state(&self, group: GroupId) -> Option<&GroupState> {
        let there = self.replicated.groups.get(&group).filter(|group| !group.is_gone);
        there.map(|group| &group.state)
    }

    /// From now on the store keeps the entries of partitions until they are applied, and no keys: to be told before it is recovered, at each
    /// start alike.
    pub fn keep_log_only(&mut self) {
        self.replicated.log_only = true;
    }

    /// Whether it does.
    #[must_use]
    pub fn is_log_only(&self) -> bool {
        self.replicated.log_only
    }

    /// Whether the log tells of a group, be it that its replica was given up.
    #[must_use]
    pub fn knows_group(&self, group: GroupId) -> bool {
        self.replicated.groups.contains_key(&group)
    }

    /// Index and term of the last entry that took effect.
    #[must_use]
    pub fn applied(&self, group: GroupId) -> (u64, u64) {
        self.replicated.groups.get(&group).map_or((0, 0), |group| group.applied)
    }

    /// Index of the last entry, whether it took effect or not.
    #[must_use]
    pub fn last_index(&self, group: GroupId) -> u64 {
        self.replicated.groups.get(&group).map_or(0, Group::last_index)
    }

    /// Where the oldest entry of these groups begins that did not take effect: what observed more than that must wait.
    #[must_use]
    pub fn oldest_unapplied(&self, groups: impl IntoIterator<Item = GroupId>) -> Option<u64> {
        let oldest = |group: GroupId| self.replicated.groups.get(&group)?.entries.front();
        let positions = groups.into_iter().filter_map(oldest);
        positions.map(|entry| self.log.position(entry.first.opening)).min()
    }

    /// Keeps the state of a group. The first call makes its partition a replicated one, with the keys that it has. Of a commit
    /// index alone nothing is written: what is applied is told by itself. See [`Store::write_group_state`].
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    ///
    /// # Panics
    /// When another core has the partition.
    pub fn set_group_state(
        &mut self,
        group: GroupId,
        state: &GroupState,
    ) -> Result<(), StoreError> {
        let before = self.replicated.groups.get(&group).filter(|before| !before.is_gone);
        let known =
            before.map(|before| GroupState { commit: state.commit, ..before.state.clone() });
        if known.as_ref() == Some(state) {
            self.replicated.group(group).state.commit = state.commit;
            return Ok(());
        }
        self.write_group_state(group, state)
    }

    /// As [`Store::set_group_state`], and it is written in any case: what follows in the log must not be found without it.
    ///
    /// # Errors
    /// The same.
    ///
    /// # Panics
    /// The same.
    pub fn write_group_state(
        &mut self,
        group: GroupId,
        state: &GroupState,
    ) -> Result<(), StoreError> {
        let local = self.group_local(group);
        let before = self.replicated.groups.get(&group).filter(|before| !before.is_gone);
        assert!(
            before.is_some() || local.is_none_or(|local| !self.has_prepared(local)),
            "a partition becomes {group:?}, and a transaction is prepared in it"
        );
        let mut applied = before.map_or((0, 0), |before| before.applied);
        let is_installing = before.is_some_and(|before| before.is_installing);
        if before.is_none() {
            applied = (state.truncated_index, state.truncated_term);
        }
        let horizon = before.map_or(0, |before| before.horizon);
        let value = format::whole_value(state, applied, (is_installing, false), horizon);
        let location = self.append_kept(Kind::Group, &group.0.to_le_bytes(), &value)?;
        self.replicated.is_used = true;
        if let Some(local) = local {
            self.replicated.partitions.resize(self.owned_count(), false);
            self.replicated.partitions[usize::from(local)] = true;
        }
        let kept = self.replicated.groups.entry(group).or_default();
        kept.state = state.clone();
        (kept.applied, kept.is_gone, kept.horizon) = (applied, false, horizon);
        self.take_whole(group, location);
        Ok(())
    }

    /// Values of the group's keys may have amendments of entries up to `horizon`, as those of an installation do: for a store that takes the
    /// keys of another over.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub fn set_horizon(&mut self, group: GroupId, horizon: u64) -> Result<(), StoreError> {
        let before = std::mem::replace(&mut self.replicated.group(group).horizon, horizon);
        let result = self.tell_whole(group);
        if result.is_err() {
            self.replicated.group(group).horizon = before;
        }
        result
    }

    /// The record at `location` tells all of a group from now on.
    pub(super) fn take_whole(&mut self, group: GroupId, location: Location) {
        self.log.add_live(location, self.log.last_size);
        let kept = self.replicated.group(group);
        let before = [kept.whole_at.replace(location), kept.short_at.take()];
        before.into_iter().flatten().for_each(|old| self.log.remove_live(old));
    }

    /// Tells what is applied, before anything follows from it.
    pub(super) fn tell_applied(
        &mut self,
        group: GroupId,
        applied: (u64, u64),
    ) -> Result<(), StoreError> {
        let value = format::short_value(applied);
        let location = self.append_kept(Kind::Group, &group.0.to_le_bytes(), &value)?;
        self.replicated.group(group).applied = applied;
        self.take_short(group, location);
        Ok(())
    }

    /// Makes a place in the log that nothing else has: a short record that says again what is applied. Gives the position before it.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    ///
    /// # Panics
    /// When the group was not set.
    pub fn mark_place(&mut self, group: GroupId) -> Result<u64, StoreError> {
        let before = self.log.appended_position();
        let value = format::short_value(self.replicated.group(group).applied);
        // Not from the reserve: states of groups must find room.
        let key = group.0.to_le_bytes();
        let location = self.log.append(Kind::Group, &Extras::default(), &key, &[&value])?;
        self.take_short(group, location);
        Ok(before)
    }

    /// The record at `location` tells what is applied from now on.
    fn take_short(&mut self, group: GroupId, location: Location) {
        self.log.add_live(location, self.log.last_size);
        if let Some(old) = self.replicated.group(group).short_at.replace(location) {
            self.log.remove_live(old);
        }
    }

    /// Tells all of a group once more.
    pub(super) fn tell_whole(&mut self, group: GroupId) -> Result<(), StoreError> {
        let kept = self.replicated.group(group);
        let flags = (kept.is_installing, kept.is_gone);
        let value = format::whole_value(&kept.state, kept.applied, flags, kept.horizon);
        let location = self.append_kept(Kind::Group, &group.0.to_le_bytes(), &value)?;
        self.take_whole(group, location);
        Ok(())
    }

    /// Appends a record that must find room even when little is left.
    pub(super) fn append_kept(
        &mut self,
        kind: Kind,
        key: &[u8],
        value: &[u8],
    ) -> Result<Location, StoreError> {
        let before = std::mem::replace(&mut self.log.may_use_reserve, true);
        let result = self.log.append(kind, &Extras::default(), key, &[value]);
        self.log.may_use_reserve = before;
        result
    }

    /// Whether a group has the key's partition.
    pub fn is_replicated(&self, key: &[u8]) -> bool {
        let local = self.local_of(slot_of(key));
        local.is_some_and(|local| self.replicated.has_partition(local))
    }

    pub(crate) fn is_replicated_at(&self, location: Location) -> bool {
        self.is_replicated(self.log.record(location).key)
    }

    /// Whether a transaction is prepared that changes the partition.
    fn has_prepared(&self, local: u16) -> bool {
        let prepared = self.transactions.prepared.values().flat_map(|it| &it.records);
        let local_at = |&at: &Location| self.local_of(slot_of(self.log.record(at).key));
        prepared.map(local_at).any(|other| other == Some(local))
    }

    /// Index of the group's partition among the owned ones; none for the config's group.
    ///
    /// # Panics
    /// When another core has the partition.
    pub(super) fn group_local(&self, group: GroupId) -> Option<u16> {
        if group.0 == 0 {
            return None;
        }
        let local = partition_of(group).and_then(|at| self.local_of_partition(PartitionId(at)));
        Some(local.unwrap_or_else(|| panic!("{group:?} belongs to another core")))
    }
}
