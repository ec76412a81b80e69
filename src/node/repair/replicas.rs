//! Owns what a repair makes of replicas: where others have the group too, their terms go past all that they may have promised and they are marked, so that
//! what is left of them counts for nothing (`cluster`'s `repaired.rs`).

use std::path::Path;

use hyperion_cluster::NodeId;
use hyperion_cluster::group::{self, Conf};
use hyperion_cluster::placement::Placement;
use hyperion_cluster::state::ClusterState;
use hyperion_engine::mark_repaired;
use hyperion_model::{GroupId, PartitionMap};
use hyperion_store::{GroupState, RecoveredGroup};

use super::super::open::Data;
use super::super::open_error::{OpenError, failed};
use super::offline::Offline;
use crate::cluster::agreed_in;
use crate::config::Resolved;

/// What a repair knows of the cluster that the node belongs to.
pub(in crate::node) struct Belonging {
    pub(in crate::node) node: u32,
    /// A partition has one copy.
    pub(in crate::node) has_one_copy: bool,
    /// What was last agreed on.
    pub(in crate::node) agreed: Option<ClusterState>,
}

/// Marks the replicas of damaged cores. Gives how many of them others have too.
pub(super) fn mark(cores: &mut [Offline], data: &Data, belonging: &Belonging) -> usize {
    let map = PartitionMap::spread(data.manifest.partitions, data.manifest.cores);
    let core_of = |group: GroupId| group.partition().map_or(0, |it| map.owner(it).0);
    let mut count = 0;
    for core in cores.iter_mut().filter(|core| core.is_damaged()) {
        let found = &mut core.recovered.groups;
        for group in (0..=u32::from(data.manifest.partitions)).map(GroupId) {
            let is_known = found.iter().any(|it| it.group == group);
            if core_of(group) == core.core && !is_known {
                found.extend(belonging.forgotten(group));
            }
        }
        count += found.iter_mut().filter_map(|it| belonging.mark(it)).count();
    }
    count
}

impl Belonging {
    /// As config and data folder say; `None` on a node that is alone.
    ///
    /// Errors: what was agreed on is not legible.
    pub(in crate::node) fn of(config: &Resolved, data: &Path) -> Result<Option<Self>, OpenError> {
        if config.is_alone() {
            return Ok(None);
        }
        Ok(Some(Self {
            node: config.node().id.0,
            has_one_copy: config.config.replication == 1,
            agreed: agreed_in(data).map_err(failed(data))?,
        }))
    }

    /// A replica that should be here and of which no word is left. It must not begin as if the group were new.
    fn forgotten(&self, group: GroupId) -> Option<RecoveredGroup> {
        let agreed = self.agreed.as_ref()?;
        let placed = agreed.placement().group(group.0)?;
        let node = NodeId(self.node);
        let is_wanted = agreed.target().group(group.0).is_some_and(|wanted| wanted.has(node));
        let is_here = placed.has(node) || is_wanted || group == GroupId::METADATA;
        let voters: Vec<u64> = placed.voters.iter().map(|node| u64::from(node.0)).collect();
        if !is_here || self.is_sole(group, &Conf::of_voters(&voters)) {
            return None;
        }
        let conf = Conf::of_voters(&voters);
        let voters = group::GroupState { conf, ..Default::default() }.encode_members();
        Some(RecoveredGroup {
            group,
            state: GroupState { voters, ..GroupState::default() },
            applied: (0, 0),
            is_installing: false,
            horizon: 0,
            entries: Vec::new(),
        })
    }

    /// Whether this node has the only copy of a group: by its members as they were read, by the config file, and by where what was last agreed on has the
    /// copies and wants them. Each may be old, from before others came or from before the group went to them.
    fn is_sole(&self, group: GroupId, conf: &Conf) -> bool {
        let is_only = |map: &Placement| {
            map.group(group.0)
                .is_some_and(|it| it.voters == [NodeId(self.node)] && it.learners.is_empty())
        };
        let is_agreed = self.agreed.as_ref();
        let is_agreed = is_agreed.is_none_or(|it| is_only(it.placement()) && is_only(it.target()));
        self.has_one_copy && is_agreed && !conf.is_joint() && conf.voters == [u64::from(self.node)]
    }

    fn mark(&self, found: &mut RecoveredGroup) -> Option<()> {
        let (state, _) = group::GroupState::decode_members(&found.state.voters)?;
        if self.is_sole(found.group, &state.conf) {
            return None;
        }
        mark_repaired(&mut found.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::tests::config;
    use hyperion_cluster::config::Node;

    fn three(replication: u32) -> Config {
        let mut config = config();
        for (number, name) in [(2, "b"), (3, "c")] {
            let uuid = format!("0000000{name}-bbbb-4ccc-8ddd-eeeeeeeeeeee");
            let mut node = Node::first(name, uuid);
            node.id = NodeId(number);
            config.nodes.push(node);
        }
        "sharding".clone_into(&mut config.mode);
        config.replication = replication;
        config
    }

    #[test]
    fn a_copy_is_the_only_one_where_all_that_is_known_says_so() {
        let formed = ClusterState::form(&ClusterState::form_command(&three(1))).expect("a config");
        let node = formed.placement().group(1).expect("a partition").voters[0].0;
        let group = GroupId(1);
        let here = |agreed: Option<ClusterState>| Belonging { node, has_one_copy: true, agreed };
        let own = Conf::of_voters(&[u64::from(node)]);
        assert!(here(None).is_sole(group, &own), "the group alone says so");
        assert!(here(Some(formed.clone())).is_sole(group, &own));
        assert!(!here(Some(formed.clone())).is_sole(group, &Conf::of_voters(&[1, 2, 3])));
        assert!(!here(Some(formed.clone())).is_sole(GroupId::METADATA, &own), "all have that");
        let said_otherwise = Belonging { has_one_copy: false, ..here(Some(formed.clone())) };
        assert!(!said_otherwise.is_sole(group, &own), "the config names more copies");
        let elsewhere = Belonging { node: node % 3 + 1, ..here(Some(formed.clone())) };
        let conf = Conf::of_voters(&[u64::from(elsewhere.node)]);
        assert!(!elsewhere.is_sole(group, &conf), "it went to another node");
        // Copies are on their way to the others.
        let (mut next, mut growing) = (formed.config().next(), formed);
        next.replication = 3;
        "sharding+duplication".clone_into(&mut next.mode);
        let command = growing.set_command(next, None);
        growing.apply(&command);
        assert_eq!(growing.config().replication, 3, "it was taken");
        assert_eq!(growing.placement().group(1).map(|it| it.voters.len()), Some(1));
        assert!(!here(Some(growing)).is_sole(group, &own));
    }
}
