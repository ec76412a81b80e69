//! Owns which groups are on this core: replicas that are made when the cluster wants them here, and dropped when their group is without them.

use super::convert;
use super::{ReplicateError, Work};
use crate::effect::Effect;
use crate::engine::Engine;
use crate::serving::Leader;
use hyperion_cluster::NodeId;
use hyperion_cluster::group::{self, RecoveredGroup};
use hyperion_cluster::state::ClusterState;
use hyperion_model::{GroupId, PartitionId};
use std::sync::Arc;

impl Engine {
    /// Begins a replica, as it was recovered, founded, or joining.
    pub(super) fn host(
        &mut self,
        group: GroupId,
        recovered: RecoveredGroup,
    ) -> Result<(), ReplicateError> {
        if self.store.group_state(group).is_none() {
            let mut first = convert::first_state(&recovered);
            if group == GroupId::METADATA {
                let replication = self.replication.as_mut().expect("groups are begun");
                first.voters.extend_from_slice(&replication.meta.kept_bytes());
            }
            self.store.set_group_state(group, &first)?;
        }
        let is_whole = !recovered.installing && !recovered.repaired && recovered.applied > 0;
        let has_copy = is_whole && !self.store.is_log_only();
        let replication = self.replication.as_mut().expect("groups are begun");
        let now_ns = replication.now_ns;
        replication.groups.add(group, recovered, now_ns)?;
        replication.hosted.insert(group);
        if let Some(partition) = group.partition() {
            if let Some(serving) = &mut self.serving {
                serving.set_copy(partition, has_copy);
            }
            self.store.set_told(partition, false);
            self.elsewhere.remove(&partition);
            self.effects.push(Effect::Hosted { partition, is_here: true });
        }
        Ok(())
    }

    /// What the cluster holds now, told by the core that holds group 0: replicas that it wants here begin.
    pub fn set_cluster(&mut self, state: Arc<ClusterState>) {
        if let Some(replication) = &mut self.replication {
            replication.known = Some(state);
            replication.settled_calls = 0;
            self.go_on_without_lost();
            self.host_wanted();
        }
    }

    /// Begins the replicas that are wanted here and are not there; `true` when none was.
    pub(super) fn host_wanted(&mut self) -> bool {
        let Some(replication) = &self.replication else { return true };
        let Some(state) = &replication.known else { return true };
        let (node, hosted) = (NodeId(replication.node), &replication.hosted);
        let own = self.map.owned_by(self.core).map(GroupId::of);
        let is_wanted = |group: &GroupId| {
            let wanted = state.target().group(group.0);
            !hosted.contains(group) && wanted.is_some_and(|wanted| wanted.has(node))
        };
        let missing: Vec<GroupId> = own.filter(is_wanted).collect();
        let is_done = missing.is_empty();
        for group in missing {
            // What finds no room is tried again.
            if self.host(group, RecoveredGroup::joining()).is_err() {
                break;
            }
        }
        is_done
    }

    /// Drops, until nothing is left to do (`true`), the replicas that the cluster does not want here and whose groups are without them, as their leaders say who will know it after
    /// a crash too. That this replica knows it is not enough: where two voted and one is left, or each of two copies has another place, a
    /// leader that starts again and has not recorded that the change was committed needs the vote of who is out.
    pub(super) fn drop_unwanted(&mut self) -> bool {
        let Some(replication) = &self.replication else { return true };
        let Some(state) = &replication.known else { return true };
        let node = replication.node;
        let is_unwanted = |group: &GroupId| {
            let wanted = state.target().group(group.0);
            *group != GroupId::METADATA && wanted.is_some_and(|wanted| !wanted.has(NodeId(node)))
        };
        let is_over = |group: &GroupId| {
            let Some(conf) = replication.groups.conf(*group) else { return false };
            // Who lags behind does not hear of its end from its group either.
            let said = replication.reports.get(group);
            said.is_some_and(|it| it.conf_index >= conf.index && !it.names(node))
        };
        let unwanted: Vec<GroupId> =
            replication.hosted.iter().copied().filter(is_unwanted).collect();
        let is_done = unwanted.is_empty();
        let over: Vec<GroupId> = unwanted.into_iter().filter(is_over).collect();
        for group in over {
            if !self.drop_replica(group) {
                break;
            }
        }
        is_done
    }

    /// Drops a replica with all that it has. `false`: there is no room to say so.
    pub(super) fn drop_replica(&mut self, group: GroupId) -> bool {
        self.lose_pending(group);
        self.lose_reads(group, u64::MAX);
        if self.store.remove_group(group).is_err() {
            return false;
        }
        let Some(replication) = &mut self.replication else { return true };
        replication.groups.remove(group);
        replication.hosted.remove(&group);
        replication.pending.remove(&group);
        replication.work.retain(|work| match work {
            Work::Effect(effect) => group_of(effect) != group,
            Work::Ticket(_) => true,
        });
        replication.sending.retain(|it| it.group != group);
        replication.receiving.retain(|it| it.group != group);
        replication.handovers.drop_group(group);
        if let Some(partition) = group.partition() {
            if let Some(serving) = &mut self.serving {
                serving.set_copy(partition, false);
                if matches!(serving.leader(partition), Leader::Own | Leader::Changing) {
                    self.leader_changed(group, Leader::Nobody);
                }
            }
            self.store.set_told(partition, false);
            self.elsewhere.insert(partition);
            self.all_changed();
            self.effects.push(Effect::Hosted { partition, is_here: false });
        }
        true
    }

    /// Whether no core of this node has a copy of a partition.
    #[must_use]
    pub fn is_elsewhere(&self, partition: PartitionId) -> bool {
        self.elsewhere.contains(&partition)
    }

    /// Another core of this node has a replica of a partition, or has none any more. Whether that may answer is asked there.
    pub fn set_hosted(&mut self, partition: PartitionId, is_here: bool) {
        if let Some(serving) = &mut self.serving {
            serving.set_copy(partition, is_here);
        }
        if is_here {
            self.elsewhere.remove(&partition);
        } else {
            self.elsewhere.insert(partition);
        }
    }

    /// The members of a group of this core, as they are in force here.
    #[must_use]
    pub fn members(&self, group: GroupId) -> Option<&group::Conf> {
        self.replication.as_ref()?.groups.conf(group)
    }

    /// Whether a node has a copy of a partition that this core leads.
    #[must_use]
    pub fn shares_led(&self, node: u64) -> bool {
        let leads = |group: &&GroupId| {
            let serving = self.serving.as_ref();
            let leader = group.partition().and_then(|it| Some(serving?.leader(it)));
            leader == Some(Leader::Own)
        };
        let hosted = self.replication.iter().flat_map(|replication| &replication.hosted);
        let mut members = hosted.filter(leads).filter_map(|&group| self.members(group));
        members.any(|conf| conf.is_member(node))
    }

    /// Replicas on this core, group 0 among them.
    #[must_use]
    pub fn replica_count(&self) -> usize {
        self.replication.as_ref().map_or(0, |replication| replication.hosted.len())
    }
}

fn group_of(effect: &group::Effect) -> GroupId {
    use group::Effect as Asked;
    match effect {
        Asked::State { group, .. }
        | Asked::Staged { group, .. }
        | Asked::Append { group, .. }
        | Asked::Send { group, .. }
        | Asked::Apply { group, .. }
        | Asked::Members { group, .. }
        | Asked::SnapshotWanted { group, .. }
        | Asked::InstallSnapshot { group, .. }
        | Asked::BecameLeader { group, .. }
        | Asked::LostLeader { group, .. }
        | Asked::LeaderIs { group, .. }
        | Asked::ReadAt { group, .. }
        | Asked::ReadLost { group, .. } => *group,
    }
}
