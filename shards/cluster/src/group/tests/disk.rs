//! Owns a node's log as a list of records: what is not durable may be lost from the end.

use std::collections::BTreeMap;

use hyperion_model::GroupId;

use super::random::Random;
use crate::group::{Entry, EntryType, GroupState, Position, RecoveredGroup};

/// What a group's entries have written: payload by index.
pub(super) type Records = BTreeMap<u64, Vec<u8>>;

/// One record of the log.
#[derive(Clone, Debug)]
pub(super) enum Record {
    Entry(GroupId, Entry),
    Cut(GroupId, u64),
    State(GroupId, GroupState),
    Installed(GroupId, Position, Records),
}

/// One group as the log tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) state: GroupState,
    pub(super) records: Records,
    /// Up to where `records` go.
    pub(super) applied: u64,
}

impl Image {
    pub(super) fn last(&self) -> u64 {
        let last = self.entries.last_key_value().map_or(0, |(index, _)| *index);
        last.max(self.applied)
    }

    pub(super) fn take(&mut self, record: Record) {
        match record {
            Record::Entry(group, entry) => {
                assert_eq!(entry.index, self.last() + 1, "{group:?}: an entry leaves a gap");
                self.entries.insert(entry.index, entry);
            }
            Record::Cut(group, from) => {
                assert!(
                    from > self.applied,
                    "{group:?}: the cut from {from} voids what is applied"
                );
                self.entries.split_off(&from);
            }
            Record::State(_, state) => {
                if state.installing && !self.state.installing {
                    (self.entries, self.records, self.applied) = Default::default();
                }
                self.state = state;
            }
            Record::Installed(_, at, records) => {
                self.entries.clear();
                (self.records, self.applied) = (records, at.index);
            }
        }
    }

    /// Lets entries up to `index` take effect; what each was.
    pub(super) fn apply(&mut self, index: u64) -> Vec<Entry> {
        let mut taken = Vec::new();
        while self.applied < index {
            let next = self.applied + 1;
            let entry = self.entries.get(&next);
            let entry = entry.unwrap_or_else(|| panic!("entry {next} is applied, but not there"));
            if entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty() {
                self.records.insert(next, entry.data.to_vec());
            }
            taken.push(entry.clone());
            self.applied = next;
        }
        taken
    }
}

/// A node's log.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    base: BTreeMap<GroupId, Image>,
    log: Vec<Record>,
    durable: usize,
}

impl Disk {
    pub(super) fn found(&mut self, group: GroupId, image: Image) {
        self.base.insert(group, image);
    }

    pub(super) fn push(&mut self, record: Record) {
        self.log.push(record);
    }

    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    pub(super) fn synced(&mut self, up_to: usize) {
        self.durable = self.durable.max(up_to);
    }

    /// A power cut keeps what is durable, and some of the rest from its start.
    pub(super) fn crash(&mut self, random: &mut Random) {
        let rest = (self.log.len() - self.durable) as u64;
        let kept = usize::try_from(random.below(rest + 1)).expect("a length");
        self.log.truncate(self.durable + kept);
        self.durable = self.log.len();
    }

    /// Replays the log: voided entries are gone, committed ones take effect, the rest is pending.
    pub(super) fn recover(&self) -> BTreeMap<GroupId, (Image, RecoveredGroup)> {
        let mut images = self.base.clone();
        for record in &self.log {
            let (Record::Entry(group, _)
            | Record::Cut(group, _)
            | Record::State(group, _)
            | Record::Installed(group, ..)) = record;
            images.entry(*group).or_default().take(record.clone());
        }
        images.into_iter().map(|(group, image)| (group, recovered(image))).collect()
    }
}

fn recovered(mut image: Image) -> (Image, RecoveredGroup) {
    let state = image.state.clone();
    let known = state.commit.max(state.truncated.index).min(image.last());
    if !state.installing {
        image.apply(known.max(image.applied));
    }
    let entries = image.entries.range(state.truncated.index + 1..).map(|(_, entry)| entry.clone());
    let recovered = RecoveredGroup {
        term: state.term,
        vote: state.vote,
        commit: state.commit,
        applied: image.applied,
        truncated: state.truncated,
        conf: state.conf,
        installing: state.installing,
        may_be_cut: false,
        floor: state.floor,
        repaired: state.repaired,
        entries: entries.collect(),
    };
    (image, recovered)
}
