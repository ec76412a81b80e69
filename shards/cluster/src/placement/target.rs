//! Owns where replicas should be: as near as can be to where they are, and balanced.

use crate::NodeId;
use crate::config::{Config, Role};

use super::balance::Balance;
use super::leaders::balance_leaders;
use super::map::{Placement, Replicas};
use super::meta::meta_voters;

/// The node that keeps a log alone, if there is one that stays.
pub(super) fn witness(config: &Config) -> Option<NodeId> {
    let mut voters = config.nodes.iter().filter(|node| node.role == Role::Voter);
    voters.find(|node| node.leaving.is_none()).map(|node| node.id)
}

/// The placement of a new cluster.
#[must_use]
pub fn initial(config: &Config) -> Placement {
    let groups = vec![Replicas::default(); config.partitions as usize + 1];
    target(&Placement { groups }, config)
}

/// Where the replicas should be with a config, seen from where they are.
///
/// Replicas are balanced within one a node, leaders as well as the replicas allow. Of the replicas that may stay, as few move as
/// balance asks for; those of nodes that leave all do. Copies of a partition stand in different racks where balance allows it.
///
/// Panics: when the config keeps more copies than nodes, which its rules refuse.
#[must_use]
pub fn target(current: &Placement, config: &Config) -> Placement {
    let meta = current.groups.first().map_or(&[][..], |meta| &meta.voters);
    let meta = Replicas { voters: meta_voters(meta, config), learners: Vec::new() };
    let mut balance = Balance::new(current, config);
    balance.settle();
    let mut sets = balance.into_sets();
    balance_leaders(&mut sets);
    let witness = witness(config).filter(|_| config.replication.is_multiple_of(2));
    let mut groups = vec![meta];
    groups.extend(sets.into_iter().map(|mut voters| {
        voters.extend(witness);
        Replicas { voters, learners: Vec::new() }
    }));
    Placement { groups }
}
