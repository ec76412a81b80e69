//! Owns machines that a person gives up with all that they alone had: which of their loss can be judged, and what a history may lose by it.
//!
//! The world knows more than any node: the newest members of each group, also as nodes that are down had them. A loss is planned only where
//! that says what it comes to. A partition whose only voter is lost begins empty: in its history that is one deletion of all keys between
//! the loss and the first lead of the partition that begins. A partition with one voter left which has the newest members has everything that
//! was acknowledged, and goes on without any allowance.

use super::clients::CHECKED;
use super::world::World;
use super::{Lean, MS, Wrong};
use crate::history::Operation;
use hyperion_cluster::change::{Left, Removal, remove};
use hyperion_cluster::config::{Config, Leaving, Usage};
use hyperion_cluster::group::Conf;
use hyperion_cluster::state::ClusterState;
use hyperion_model::{GroupId, PartitionId};

/// A partition that is to begin empty.
#[derive(Debug)]
pub(super) struct Loss {
    /// The machine that had it.
    node: usize,
    partition: PartitionId,
    /// Where the ledger has that its keys are lost.
    place: usize,
}

impl World {
    /// The config by which a person gives a machine up with its data, where the rules allow it and its loss can be judged; the machine is
    /// lost then, if it was not before.
    pub(super) fn lose_data(&mut self, state: &ClusterState, node: usize) -> Option<Config> {
        if !self.settings.loses || self.settings.lean == Lean::Spans {
            return None;
        }
        let entry = state.config().node(hyperion_cluster::NodeId(self.nodes[node].id))?;
        let (usage, evictions) = (Usage::default(), super::founding::evictions());
        let removal = Removal { node: &entry.name, leaving: Leaving::Lost };
        let next = remove(state.standing(&usage, &evictions), removal).ok()?;
        let left = state.left_by(&next);
        let is_judged = |&(group, left): &(u32, Left)| self.judges(node, group, left);
        let is_told = |group: GroupId| left.iter().any(|&(told, _)| told == group.0);
        let is_other = |partition| {
            let group = GroupId::of(partition);
            is_told(group) || self.goes_on_without(&next, group)
        };
        if left.is_empty() || !left.iter().all(is_judged) || !self.partitions().all(is_other) {
            return None;
        }
        if !self.nodes[node].member.is_lost {
            self.lose_machine(node);
        }
        self.say(|_| format!("node {} is given up with its data: {left:?}", node + 1));
        self.nodes[node].member.is_given_up = true;
        for (group, left) in left {
            match left {
                Left::Nothing(_) => self.may_begin_empty(node, group),
                _ => self.report.left_copies += 1,
            }
        }
        if self.settings.wrong == Wrong::LostComesBack {
            let after_ns = self.random.below(2_000 * MS);
            self.push(self.now_ns + after_ns, super::world::Event::Return(node));
        }
        Some(next)
    }

    /// A machine ends, and does not come back of itself.
    pub(super) fn lose_machine(&mut self, node: usize) {
        self.say(|_| format!("the machine of node {} is lost", node + 1));
        self.report.lost += 1;
        self.crash(node, self.is_durable());
        self.nodes[node].member.is_lost = true;
    }

    /// Whether it is known what a group comes to without a node.
    fn judges(&self, node: usize, group: u32, left: Left) -> bool {
        let Some(newest) = self.newest_members(GroupId(group)) else { return false };
        let lost = u64::from(self.nodes[node].id);
        match left {
            Left::Nothing(_) => !newest.is_joint() && newest.voters == [lost],
            Left::Copy(other) => {
                let other = u64::from(other.0);
                let mut voters = newest.voters.clone();
                voters.sort_unstable();
                let mut both = [lost, other];
                both.sort_unstable();
                // Who has heard of the newest members has what was agreed by those before.
                let place = super::peers::place_of(u32::try_from(other).expect("nodes are few"));
                let known = self.members_at(place, GroupId(group)).map(|conf| conf.index);
                !newest.is_joint()
                    && voters == both
                    && known == Some(newest.index)
                    && !self.has_third(GroupId(group), both)
            }
            Left::Part(_) | Left::Several => false,
        }
    }

    /// Whether a third node has something of a group.
    fn has_third(&self, group: GroupId, both: [u64; 2]) -> bool {
        let others =
            (0..self.nodes.len()).filter(|&it| !both.contains(&u64::from(self.nodes[it].id)));
        others.into_iter().any(|node| self.members_at(node, group).is_some())
    }

    /// Whether a group has a majority of its newest members without what a config gives up: what its placement says may be older.
    fn goes_on_without(&self, next: &Config, group: GroupId) -> bool {
        let Some(newest) = self.newest_members(group) else { return false };
        let is_gone = |node: &&u64| {
            let id = hyperion_cluster::NodeId(u32::try_from(**node).expect("nodes are few"));
            next.node(id).is_none_or(|node| node.leaving.is_some_and(Leaving::is_gone))
        };
        !newest.is_joint() && newest.voters.iter().filter(is_gone).count() * 2 < newest.voters.len()
    }

    /// The newest members of a group that any node has, be it up or down.
    fn newest_members(&self, group: GroupId) -> Option<Conf> {
        let all = (0..self.nodes.len()).filter_map(|node| self.members_at(node, group));
        all.max_by_key(|conf| conf.index)
    }

    /// The members of a group as a node has them, or had them when it ended.
    fn members_at(&self, node: usize, group: GroupId) -> Option<Conf> {
        let node = &self.nodes[node];
        if !node.is_up() {
            return node.member.confs.get(&group).cloned();
        }
        let core = usize::from(node.map.owner(group.partition()?).0);
        node.cores[core].engine.members(group).cloned()
    }

    /// A node ends: the members of its groups are kept in mind.
    pub(super) fn note_members(&mut self, node: usize) {
        if !self.settings.loses || !self.settings.members || !self.nodes[node].is_up() {
            return;
        }
        let groups = self.partitions().map(GroupId::of);
        let found = groups.filter_map(|group| Some((group, self.members_at(node, group)?)));
        self.nodes[node].member.confs = found.collect();
    }

    fn may_begin_empty(&mut self, node: usize, group: u32) {
        let Some(partition) = GroupId(group).partition() else { return };
        if self.losses.iter().any(|loss| loss.partition == partition) {
            return;
        }
        let keys = Operation::Flush(CHECKED.to_vec());
        let place = self.ledgers[usize::from(partition.0)].call(keys, self.now_ns);
        self.losses.push(Loss { node, partition, place });
    }

    /// A node leads a partition: one that had to begin empty has done so.
    pub(super) fn led_anew(&mut self, led: &[(PartitionId, u64)]) {
        let has_begun = |loss: &mut Loss| {
            // Terms that no group reaches by itself.
            led.iter().any(|&(partition, term)| partition == loss.partition && term >> 40 > 0)
        };
        for loss in self.losses.extract_if(.., has_begun).collect::<Vec<_>>() {
            self.report.emptied += 1;
            self.say(|_| format!("partition {} has begun empty", loss.partition.0));
            let ledger = &mut self.ledgers[usize::from(loss.partition.0)];
            ledger.answer(loss.place, crate::history::Answer::Ok, self.now_ns);
        }
    }

    /// A machine that was to be given up with its data is found, because that did not come to be: it has everything still.
    pub(super) fn keeps_data(&mut self, node: usize) {
        self.nodes[node].member.is_given_up = false;
        for loss in self.losses.extract_if(.., |loss| loss.node == node).collect::<Vec<_>>() {
            self.ledgers[usize::from(loss.partition.0)].forget(loss.place);
        }
    }
}
