//! Owns the partitions that go on here without what was given up with other nodes: at the copy that is left, or empty where there is none.

use crate::engine::Engine;
use hyperion_cluster::NodeId;
use hyperion_cluster::change::Anew;
use hyperion_cluster::config::Leaving;
use hyperion_cluster::group::{Conf, RecoveredGroup};
use hyperion_model::GroupId;

impl Engine {
    /// Lets the partitions go on that the cluster says go on here; `true` when nothing is left to do.
    pub(super) fn go_on_without_lost(&mut self) -> bool {
        let Some(replication) = &self.replication else { return true };
        let Some(state) = &replication.known else { return true };
        let (node, here) = (NodeId(replication.node), self.core);
        let is_here =
            |group: GroupId| group.partition().is_some_and(|it| self.map.owner(it) == here);
        let wanted: Vec<(GroupId, Anew)> = state
            .anew()
            .iter()
            .map(|(group, anew)| (GroupId(*group), *anew))
            .filter(|(group, anew)| anew.node == node && is_here(*group))
            .collect();
        let mut is_done = true;
        for (group, anew) in wanted {
            is_done &= self.go_on_with(group, anew);
        }
        for group in self.left_of_two() {
            if let Some(replication) = &mut self.replication {
                is_done &= replication.groups.go_on_alone(group);
            }
        }
        is_done
    }

    /// Partitions whose members had become this node and one that is given up with its data, when the cluster's map did not know it yet: so
    /// it does not say that they go on here. A node that keeps logs alone has no data to go on with.
    fn left_of_two(&self) -> Vec<GroupId> {
        let Some(replication) = self.replication.as_ref().filter(|_| !self.store.is_log_only())
        else {
            return Vec::new();
        };
        let Some(state) = &replication.known else { return Vec::new() };
        let is_lost = |node: u64| {
            let node = u32::try_from(node).ok().and_then(|node| state.config().node(NodeId(node)));
            node.is_some_and(|node| node.leaving == Some(Leaving::Lost))
        };
        let here = replication.hosted.iter().copied().filter(|group| group.partition().is_some());
        let here = here.filter(|group| !state.anew().contains_key(&group.0));
        here.filter(|group| replication.groups.is_left_of_two(*group, is_lost)).collect()
    }

    /// `false`: it is to be tried again.
    fn go_on_with(&mut self, group: GroupId, anew: Anew) -> bool {
        let Some(replication) = &mut self.replication else { return true };
        let node = u64::from(replication.node);
        if let Some(conf) = replication.groups.conf(group) {
            let is_alone = |conf: &Conf| !conf.is_joint() && conf.voters == [node];
            if is_alone(conf) {
                return true;
            }
            if !replication.groups.has_no_copy(group) {
                return replication.groups.go_on_alone(group);
            }
            if !self.drop_replica(group) {
                return false;
            }
        }
        self.host(group, RecoveredGroup::anew(node, anew.begins_at())).is_ok()
    }
}
