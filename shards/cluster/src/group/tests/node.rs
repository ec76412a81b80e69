//! Owns one node: groups, its disk, and the engine's and the store's part, as small as they can be.

use std::collections::{BTreeMap, VecDeque};

use hyperion_model::GroupId;

use super::checks::Checks;
use super::disk::{Disk, Image, Record, Records};
use super::faults::Faults;
use crate::group::{
    Beat, BeatOut, Bounds, Effect, Groups, Lease, Message, Position, Ticket, entry,
};

/// A snapshot on its way to another node.
#[derive(Clone, Debug)]
pub(super) struct Bulk {
    pub(super) group: GroupId,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) message: Message,
    pub(super) records: Records,
}

/// What comes to a node.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Message(GroupId, Message),
    Beat(u64, Beat),
    Answer(u64, Beat),
}

/// What a turn sends out.
#[derive(Debug, Default)]
pub(super) struct Output {
    pub(super) messages: Vec<(GroupId, Message)>,
    pub(super) beats: Vec<BeatOut>,
    pub(super) answers: Vec<BeatOut>,
    pub(super) bulks: Vec<Bulk>,
    /// Tickets, with the length of the log that each needs durable.
    pub(super) syncs: Vec<(Ticket, usize)>,
}

pub(super) struct Node {
    pub(super) id: u64,
    pub(super) groups: Groups,
    pub(super) images: BTreeMap<GroupId, Image>,
    pub(super) disk: Disk,
    pub(super) inbox: VecDeque<Item>,
    /// Records that are coming in, until their message is stepped.
    pub(super) incoming: BTreeMap<GroupId, Records>,
    /// Writes without an answer: group and index.
    writes: BTreeMap<(GroupId, u64), ()>,
    /// Reads that asked a majority: what was acknowledged when they began.
    reads: BTreeMap<u64, (GroupId, u64)>,
    /// Reads that know their index and wait for it.
    reads_at: Vec<(GroupId, u64, u64)>,
    token: u64,
    pub(super) serves: BTreeMap<GroupId, u64>,
}

impl Node {
    pub(super) fn start(
        id: u64,
        seed: u64,
        bounds: Bounds,
        faults: Faults,
        disk: Disk,
        now_ns: u64,
    ) -> Self {
        let mut groups = Groups::new(id, seed, bounds);
        let mut images = BTreeMap::new();
        for (group, (image, recovered)) in disk.recover() {
            groups.add(group, recovered, now_ns).expect("the log is whole");
            images.insert(group, image);
        }
        groups.set_faults(faults);
        Self {
            id,
            groups,
            images,
            disk,
            inbox: VecDeque::new(),
            incoming: BTreeMap::new(),
            writes: BTreeMap::new(),
            reads: BTreeMap::new(),
            reads_at: Vec::new(),
            token: 0,
            serves: BTreeMap::new(),
        }
    }

    /// Proposes a write as the engine does: staged in the store's log at once.
    pub(super) fn write(&mut self, group: GroupId, payload: Vec<u8>) -> bool {
        let Ok(at) = self.groups.next_position(group) else { return false };
        let staged = entry(at.index, at.term, 0, payload.clone());
        self.log(Record::Entry(group, staged));
        let position = self.groups.propose(group, payload).expect("just asked");
        assert_eq!(position, at, "the place of a proposal is known before");
        self.writes.insert((group, at.index), ());
        true
    }

    /// Reads by the lease when there is one; false otherwise.
    pub(super) fn read_by_lease(
        &mut self,
        group: GroupId,
        now_ns: u64,
        checks: &mut Checks,
    ) -> bool {
        let Lease::Valid { until_ns } = self.groups.lease(group, now_ns) else { return false };
        assert!(until_ns > now_ns, "a valid lease is not over");
        checks.lease_reads += 1;
        checks.read("lease", group, self.id, checks.acknowledged(group), self.applied(group));
        true
    }

    pub(super) fn read_by_index(&mut self, group: GroupId, checks: &Checks) {
        self.token += 1;
        if self.groups.read_index(group, self.token).is_ok() {
            self.reads.insert(self.token, (group, checks.acknowledged(group)));
        }
    }

    pub(super) fn applied(&self, group: GroupId) -> u64 {
        self.images.get(&group).map_or(0, |image| image.applied)
    }

    fn log(&mut self, record: Record) {
        let (Record::Entry(group, _)
        | Record::Cut(group, _)
        | Record::State(group, _)
        | Record::Installed(group, ..)) = &record;
        self.images.entry(*group).or_default().take(record.clone());
        self.disk.push(record);
    }

    pub(super) fn ready(&mut self, checks: &mut Checks, output: &mut Output) {
        let mut effects = Vec::new();
        let ticket = self.groups.ready(&mut effects);
        for effect in effects {
            self.carry_out(effect, checks, output);
        }
        if let Some(ticket) = ticket {
            output.syncs.push((ticket, self.disk.len()));
        }
    }

    fn carry_out(&mut self, effect: Effect, checks: &mut Checks, output: &mut Output) {
        match effect {
            Effect::State { group, state, .. } => self.log(Record::State(group, state)),
            Effect::Staged { group, first, last, term } => {
                let entries = &self.images[&group].entries;
                let staged = (first..=last).all(|index| entries[&index].term == term);
                assert!(staged, "{first}..={last} of term {term} are staged");
            }
            Effect::Append { group, cut_from, entries } => {
                if let Some(from) = cut_from {
                    self.writes.retain(|(of, index), ()| *of != group || *index < from);
                    self.log(Record::Cut(group, from));
                }
                for entry in entries {
                    self.log(Record::Entry(group, entry));
                }
            }
            Effect::Send { group, message, .. } => output.messages.push((group, *message)),
            Effect::Apply { group, up_to } => self.apply(group, up_to, checks),
            Effect::Members { .. } => checks.changes += 1,
            Effect::SnapshotWanted { group, to, message, at, .. } => {
                let image = &self.images[&group];
                assert!(image.applied >= at.index, "a snapshot is of what is applied");
                let records = image.records.clone();
                let message = *message;
                output.bulks.push(Bulk { group, from: self.id, to, message, records });
            }
            Effect::InstallSnapshot { group, at, .. } => self.install(group, at, checks),
            Effect::BecameLeader { group, term } => {
                checks.leads(group, term, self.id);
                self.serves.insert(group, term);
            }
            Effect::LostLeader { group, .. } => {
                self.serves.remove(&group);
                self.writes.retain(|(of, _), ()| *of != group);
            }
            Effect::LeaderIs { group, leader, term } => {
                if let Some(leader) = leader {
                    checks.leads(group, term, leader);
                }
            }
            Effect::ReadAt { token, index, .. } => {
                if let Some((group, acknowledged)) = self.reads.remove(&token) {
                    checks.read("index", group, self.id, acknowledged, index);
                    self.reads_at.push((group, index, acknowledged));
                }
            }
            Effect::ReadLost { token, .. } => {
                self.reads.remove(&token);
            }
        }
    }

    fn apply(&mut self, group: GroupId, up_to: u64, checks: &mut Checks) {
        let image = self.images.get_mut(&group).expect("the group is here");
        for entry in image.apply(up_to) {
            checks.applies(group, self.id, &entry);
            if self.writes.remove(&(group, entry.index)).is_some() {
                checks.acknowledge(group, entry.index);
            }
        }
        self.groups.applied(group, up_to);
        self.reads_at.retain(|(of, index, _)| {
            let waits = *of != group || *index > up_to;
            checks.index_reads += u64::from(!waits);
            waits
        });
    }

    fn install(&mut self, group: GroupId, at: Position, checks: &mut Checks) {
        let mut records = self.incoming.remove(&group).expect("the records came first");
        // Later ones come again by their entries.
        records.split_off(&(at.index + 1));
        checks.snapshots += 1;
        self.log(Record::Installed(group, at, records));
    }
}
