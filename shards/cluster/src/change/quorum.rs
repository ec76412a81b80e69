//! Owns that no change takes the majority from a group.

use std::collections::BTreeSet;

use crate::NodeId;
use crate::config::{Config, Leaving, Node, Problem};
use crate::placement::{META, Placement};

use super::lost::{Left, left_of};

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
        .filter(|node| node.leaving.is_some_and(Leaving::is_gone))
        .map(|node| node.id)
        .collect();
    // Also where it was to be made anew from others before.
    let is_new = |id: &NodeId| {
        let said = |config: &Config| config.node(*id).and_then(|node| node.leaving);
        said(current) != said(proposed)
    };
    if !dead.iter().any(is_new) {
        return;
    }
    let may_lose =
        proposed.nodes.iter().any(|node| is_new(&node.id) && node.leaving == Some(Leaving::Lost));
    let lost: Vec<u32> = placement
        .numbered()
        .filter(|(_, replicas)| {
            let alive = replicas.voters.iter().filter(|node| !dead.contains(node)).count();
            alive * 2 <= replicas.voters.len()
        })
        .map(|(group, _)| group)
        .collect();
    let Some(first) = lost.first() else { return };
    if may_lose && *first != META {
        return check_left(placement, proposed, problems);
    }
    let what = if *first == META {
        "group 0, which holds the config,".to_owned()
    } else {
        format!("{} partitions, such as {},", lost.len(), first - 1)
    };
    for (index, node) in proposed.nodes.iter().enumerate() {
        if dead.contains(&node.id) && is_new(&node.id) {
            let hint = if *first == META {
                "bring the node back; if it is lost for good, `hyperiond recover --unsafe` on the survivor with the longest log says what is lost with it"
                    .to_owned()
            } else {
                format!(
                    "bring the node back; if its disk is lost for good, POST /nodes/remove {{\"node\": {:?}, \"dead\": true, \"lose_data\": true}} goes on without what it alone had, and says what that is",
                    node.name
                )
            };
            problems.push(Problem::at(
                format!("/nodes/{index}/leaving"),
                format!("without {:?} {what} would have no majority of its replicas", node.name),
                hint,
            ));
        }
    }
}

/// A partition goes on alone where one copy is left, or none: of several nobody can tell here which one has all.
fn check_left(placement: &Placement, proposed: &Config, problems: &mut Vec<Problem>) {
    let left = left_of(placement, placement, proposed);
    let Some((group, _)) = left.iter().find(|(_, left)| *left == Left::Several) else { return };
    let lost = |node: &Node| node.leaving == Some(Leaving::Lost);
    for (index, node) in proposed.nodes.iter().enumerate().filter(|(_, node)| lost(node)) {
        problems.push(Problem::at(
            format!("/nodes/{index}/leaving"),
            format!(
                "without {:?} several copies of partition {} are left that are no majority, and which of them has all is not known",
                node.name,
                group - 1
            ),
            "bring one of the lost nodes back; if all are lost for good, `hyperiond recover --unsafe` on the survivor with the longest log goes on with that one alone",
        ));
    }
}
