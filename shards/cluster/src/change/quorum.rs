//! Owns that no change takes the majority from a group.

use std::collections::BTreeSet;

use crate::NodeId;
use crate::config::{Config, Leaving, Problem};
use crate::placement::{META, Placement};

/// Refuses to give nodes up whose loss leaves a group without a majority.
pub(super) fn check_quorum(
    current: &Config,
    placement: &Placement,
    proposed: &Config,
    problems: &mut Vec<Problem>,
) {
    let dead: BTreeSet<NodeId> = proposed
        .nodes
        .iter()
        .filter(|node| node.leaving == Some(Leaving::Dead))
        .map(|node| node.id)
        .collect();
    let is_new =
        |id: &NodeId| current.node(*id).is_none_or(|node| node.leaving != Some(Leaving::Dead));
    if !dead.iter().any(is_new) {
        return;
    }
    let lost: Vec<u32> = placement
        .numbered()
        .filter(|(_, replicas)| {
            let alive = replicas.voters.iter().filter(|node| !dead.contains(node)).count();
            alive * 2 <= replicas.voters.len()
        })
        .map(|(group, _)| group)
        .collect();
    let Some(first) = lost.first() else { return };
    let what = if *first == META {
        "group 0, which holds the config,".to_owned()
    } else {
        format!("{} partitions, such as {},", lost.len(), first - 1)
    };
    for (index, node) in proposed.nodes.iter().enumerate() {
        if node.leaving == Some(Leaving::Dead) && is_new(&node.id) {
            problems.push(Problem::at(
                format!("/nodes/{index}/leaving"),
                format!("without {:?} {what} would have no majority of its replicas", node.name),
                "bring the node back; if it is lost for good, `hyperiond recover --unsafe` on the survivor with the longest log says what is lost with it",
            ));
        }
    }
}
