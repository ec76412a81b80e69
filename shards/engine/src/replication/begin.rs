//! Owns which replicas a core of a node begins with at a start.

use super::{Replica, convert::recovered};
use crate::engine::Engine;
use hyperion_cluster::NodeId;
use hyperion_cluster::group::RecoveredGroup;
use hyperion_cluster::placement::Placement;
use hyperion_cluster::state::ClusterState;
use hyperion_model::{CoreId, GroupId, PartitionMap};
use hyperion_store::RecoveredGroup as Found;

impl Engine {
    /// The replicas that this core begins with: those of `found`, which is what its log has; those that `founding` places here and the log
    /// does not know, where the node was there when the cluster was formed; and group 0, to which every node listens.
    ///
    /// # Errors
    /// A sentence, when the members of a group are not legible.
    pub fn replicas_at_start(
        &self,
        node: u32,
        found: Vec<Found>,
        founding: Option<&ClusterState>,
    ) -> Result<Vec<Replica>, String> {
        let (core, map) = (self.core(), self.map());
        let is_here = |group: GroupId| match group.partition() {
            Some(partition) => partition.0 < map.partitions() && map.owner(partition) == core,
            None => core == CoreId(0),
        };
        let mut replicas = Vec::new();
        for one in found.into_iter().filter(|one| is_here(one.group)) {
            let group = one.group;
            let replica =
                recovered(one).ok_or_else(|| format!("the members of {group:?} are not legible"));
            replicas.push(replica?);
        }
        if let Some(state) = founding {
            for (group, voters) in groups_of(state.placement(), node, core, map) {
                // One that was given up is known as well, and not founded again.
                if !self.store().knows_group(group) {
                    let recovered = RecoveredGroup::founded(&voters, 1);
                    replicas.push(Replica { group, recovered, held: Vec::new() });
                }
            }
        }
        let group = GroupId::METADATA;
        if is_here(group) && !replicas.iter().any(|replica| replica.group == group) {
            let recovered = RecoveredGroup::joining();
            replicas.push(Replica { group, recovered, held: Vec::new() });
        }
        Ok(replicas)
    }
}

/// The groups that have a replica on a core of a node, with their voters.
#[must_use]
pub fn groups_of(
    placement: &Placement,
    node: u32,
    core: CoreId,
    map: &PartitionMap,
) -> Vec<(GroupId, Vec<u64>)> {
    let mut groups = Vec::new();
    for (number, replicas) in placement.numbered() {
        let group = GroupId(number);
        let owner = group.partition().map_or(CoreId(0), |partition| map.owner(partition));
        if owner == core && replicas.voters.contains(&NodeId(node)) {
            groups.push((group, replicas.voters.iter().map(|node| u64::from(node.0)).collect()));
        }
    }
    groups
}
