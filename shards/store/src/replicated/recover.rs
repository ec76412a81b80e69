//! Owns what a start takes up of groups behind the walks: states, cuts, entries that did not take effect, and what the driver gets of them.

use super::format::{RUN_VALUE_BYTES, Run};
use super::group::{Entry, Group, GroupState};
use super::note::{Noted, NotedGroup};
use super::scan::Shown;
use crate::log::Location;
use crate::object::{Head, ValueType};
use crate::store::Store;
use hyperion_model::GroupId;
use std::collections::VecDeque;

/// An entry that lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredEntry {
    /// Its index.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: u64,
    /// Raft's type: 0 for what changes data.
    pub entry_type: u8,
    /// What it holds, for other replicas.
    pub payload: Vec<u8>,
}

/// A group that a start found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredGroup {
    /// Which one.
    pub group: GroupId,
    /// What was last set for it. The commit index is that, or what is applied; truncated is the entry before the first of `entries`,
    /// or the last entry where there are none.
    pub state: GroupState,
    /// Index and term of the last entry that took effect.
    pub applied: (u64, u64),
    /// It was being installed: it has a part of its keys, and neither votes nor serves until that is done anew.
    pub is_installing: bool,
    /// The newest entry whose amendments values of the last installation may have; 0 where all such entries took effect.
    pub horizon: u64,
    /// The newest entries, in order, up to the last one: all that did not take effect, and some before.
    pub entries: Vec<RecoveredEntry>,
}

impl Store {
    /// Takes up what the first walk found: states, cuts, and entries that did not take effect.
    pub(crate) fn settle_groups(&mut self) {
        let Some(mut replay) = self.replicated.replay.take() else { return };
        for (&id, noted) in &mut replay.groups {
            self.replicated.is_used = true;
            let amends = |noted: &Noted| noted.entry.parts().any(|part| part.room > 0);
            self.replicated.has_amended |= noted.entries.iter().any(amends);
            let local = self.local_of_group(id);
            let mut group = std::mem::take(&mut noted.group);
            for told in [group.whole_at, group.short_at].into_iter().flatten() {
                let size = self.log.record(told).size;
                self.log.add_live(told, size);
            }
            if let Some(local) = local.filter(|_| !group.is_gone) {
                self.replicated.partitions.resize(self.owned_count(), false);
                self.replicated.partitions[usize::from(local)] = true;
            }
            for cut in noted.cuts.drain(..) {
                self.keep_cut(cut.location, cut.segments);
            }
            group.must_cut = noted.open.is_some();
            // What does not follow on what is applied was lost with something before it.
            let applied = group.applied.0;
            noted.drop_before_gap();
            let follows = noted.entries.front().is_none_or(|first| first.index <= applied + 1);
            if !follows || noted.entries.back().is_some_and(|last| last.index < applied) {
                group.must_cut |= !follows;
                noted.entries.clear();
                noted.before = None;
            }
            let pending = noted.entries.iter().filter(|noted| noted.index > applied);
            group.entries = pending.map(|noted| noted.entry.clone()).collect();
            for part in group.entries.iter().flat_map(Entry::parts) {
                self.log.pin(part.opening);
                if part.room > 0 {
                    self.wait_for_amendments(part);
                }
                let records: Vec<Location> = self.records_of(part).collect();
                for location in records {
                    let size = self.log.record(location).size;
                    if let Some(local) = local {
                        self.wait_for(local, location, size);
                    }
                }
            }
            self.replicated.groups.insert(id, group);
        }
        self.replicated.replay = Some(replay);
    }

    /// The heads of long values in entries that did not take effect.
    pub(crate) fn pending_heads(&self) -> Vec<Head> {
        let groups = self.replicated.groups.values();
        let parts = groups.flat_map(|group| group.entries.iter()).flat_map(Entry::parts);
        parts.flat_map(|part| self.records_of(part)).filter_map(|at| self.object_head(at)).collect()
    }

    /// What the driver of the groups gets, and ends the recovery of groups.
    pub(crate) fn recovered_groups(&mut self) -> Vec<RecoveredGroup> {
        let Some(replay) = self.replicated.replay.take() else { return Vec::new() };
        let there = self.replicated.groups.iter().filter(|(_, group)| !group.is_gone);
        there
            .map(|(&id, group)| {
                let noted = &replay.groups[&id];
                let (truncated, entries) = self.recovered_entries(group, noted);
                let mut state = group.state.clone();
                state.commit = state.commit.max(group.applied.0).min(group.last_index());
                (state.truncated_index, state.truncated_term) = truncated;
                let (applied, is_installing) = (group.applied, group.is_installing);
                let horizon = if group.horizon > applied.0 { group.horizon } else { 0 };
                RecoveredGroup { group: id, state, applied, is_installing, horizon, entries }
            })
            .collect()
    }

    /// The newest entries whose payload can be told, and index and term of the one before.
    fn recovered_entries(
        &self,
        group: &Group,
        noted: &NotedGroup,
    ) -> ((u64, u64), Vec<RecoveredEntry>) {
        let (mut entries, mut before) = (VecDeque::new(), None);
        for entry in noted.entries.iter().rev() {
            let is_pending = entry.index > group.applied.0;
            let payload = (is_pending || entry.index > group.state.truncated_index)
                .then(|| self.payload_of(&entry.entry, is_pending));
            let Some(Some(payload)) = payload else {
                before = Some((entry.index, entry.entry.term));
                break;
            };
            entries.push_front(RecoveredEntry {
                index: entry.index,
                term: entry.entry.term,
                entry_type: entry.entry_type,
                payload,
            });
        }
        let Some(first) = entries.front().map(|first| first.index) else {
            return (group.applied, Vec::new());
        };
        let is_before = |&(index, _): &(u64, u64)| index + 1 == first;
        let state = (group.state.truncated_index, group.state.truncated_term);
        let known = [before, noted.before, Some(group.applied), Some(state), Some((0, 0))];
        let truncated = known.into_iter().flatten().find(is_before).unwrap_or_else(|| {
            let first = entries.pop_front().expect("looked at above");
            (first.index, first.term)
        });
        (truncated, entries.into())
    }

    /// The payload of an entry, from its records. `None`: a long value in it is gone, or, where it took effect, was amended since.
    fn payload_of(&self, entry: &Entry, is_pending: bool) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        for part in entry.parts() {
            let record = self.log.record(part.opening);
            let (run, _) = Run::read(&record)?;
            if run.is_opaque() || run.amends() {
                payload.extend_from_slice(&record.value[RUN_VALUE_BYTES..]);
                continue;
            }
            for at in self.records_of(part) {
                let is_amendable = |head: &Head| head.value_type != ValueType::STRING;
                let amendable = self.object_head(at).filter(is_amendable);
                let object = amendable.and_then(|head| self.objects.find(head.id));
                if !is_pending && object.is_some_and(|object| !object.is_as_created()) {
                    return None;
                }
                self.push_record(&mut payload, at, self.log.record(at).expiry_ms, Shown::Applied)?;
            }
        }
        Some(payload)
    }
}
