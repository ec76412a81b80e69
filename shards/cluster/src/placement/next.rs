//! Owns the next steps from where the replicas are to where they should be.

use std::collections::{BTreeMap, BTreeSet};

use crate::NodeId;
use crate::config::{Config, Leaving, Role};

use super::map::{META, Placement, Replicas, Step};

/// Groups that move data at the same time.
pub const GROUPS_AT_A_TIME: usize = 4;
/// Of those, the groups for which one node catches up.
const INCOMING_A_NODE: usize = 2;

/// What is seen of the groups now.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Who leads each group, as far as it is known.
    pub leaders: &'a BTreeMap<u32, NodeId>,
    /// The learners that have caught up.
    pub caught_up: &'a BTreeSet<(u32, NodeId)>,
}

/// What may be done now, at most one step a group, group 0 first.
///
/// Promised, whoever fails meanwhile: a vote is taken away only together with one that is given to who has caught up, or when
/// there are more than the target has, from who is given up before others; the leader hands over before its replica goes; at most [`GROUPS_AT_A_TIME`] groups
/// catch up. A group is left alone while nobody is seen to lead it.
#[must_use]
pub fn next_steps(
    placement: &Placement,
    target: &Placement,
    config: &Config,
    seen: Seen<'_>,
) -> Vec<Step> {
    let mut incoming: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut open = 0;
    for replicas in &placement.groups {
        open += usize::from(!replicas.learners.is_empty());
        for learner in &replicas.learners {
            *incoming.entry(*learner).or_insert(0) += 1;
        }
    }
    let mut steps = Vec::new();
    for ((group, replicas), wanted) in placement.numbered().zip(&target.groups) {
        let Some(leader) = seen.leaders.get(&group).copied() else { continue };
        let caught_up = |node| seen.caught_up.contains(&(group, node));
        match next_step(group, replicas, wanted, leader, config, caught_up) {
            Some(Step::AddLearner { node, .. }) => {
                let busy = incoming.entry(node).or_insert(0);
                // Group 0 waits for nobody: a vote there makes the rest safer.
                if group != META && (open >= GROUPS_AT_A_TIME || *busy >= INCOMING_A_NODE) {
                    continue;
                }
                *busy += 1;
                open += 1;
                steps.push(Step::AddLearner { group, node });
            }
            Some(step) => steps.push(step),
            None => {}
        }
    }
    steps
}

/// What the leader of one group does next about its replicas, which are `now`; see [`next_steps`] for what is promised.
#[must_use]
pub fn next_step(
    group: u32,
    now: &Replicas,
    wanted: &Replicas,
    leader: NodeId,
    config: &Config,
    caught_up: impl Fn(NodeId) -> bool,
) -> Option<Step> {
    let is_voter = |node: NodeId| config.node(node).is_some_and(|node| node.role == Role::Voter);
    if let Some(node) = now.learners.iter().find(|node| !wanted.voters.contains(node)) {
        return Some(Step::Remove { group, node: *node });
    }
    let mut gone: Vec<NodeId> =
        now.voters.iter().filter(|node| !wanted.voters.contains(node)).copied().collect();
    // A vote of who is given up goes first: behind one of a node that serves it could be the one without which there is no majority.
    let serves = |node: &NodeId| {
        config.node(*node).is_some_and(|node| !node.leaving.is_some_and(Leaving::is_gone))
    };
    gone.sort_by_key(serves);
    let stays = |node: &&NodeId| wanted.voters.contains(node) && !is_voter(**node);
    let heir = wanted.voters.iter().filter(stays).find(|node| now.voters.contains(node)).copied();
    if let Some(node) = wanted.voters.iter().find(|node| !now.voters.contains(node)).copied() {
        if !now.learners.contains(&node) {
            return Some(Step::AddLearner { group, node });
        }
        if !caught_up(node) {
            return None;
        }
        // A copy of data goes for a copy of data, a log for a log.
        let mut gone_alike = gone.iter().filter(|old| is_voter(**old) == is_voter(node)).copied();
        let instead_of = gone_alike.find(|old| *old != leader).or_else(|| {
            gone.iter().find(|old| **old == leader && is_voter(**old) == is_voter(node)).copied()
        });
        return match (instead_of, heir) {
            (Some(old), Some(heir)) if old == leader => Some(Step::Transfer { group, to: heir }),
            // Nobody else holds the data: both vote until the lead has gone over.
            (Some(old), None) if old == leader => {
                Some(Step::Promote { group, node, instead_of: None })
            }
            (instead_of, _) => Some(Step::Promote { group, node, instead_of }),
        };
    }
    match gone.first().copied() {
        Some(old) if old == leader => heir.map(|to| Step::Transfer { group, to }),
        Some(node) => Some(Step::Remove { group, node }),
        None => {
            let to = *wanted.voters.first()?;
            (to != leader && now.learners.is_empty()).then_some(Step::Transfer { group, to })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Step, next_step};
    use crate::NodeId;
    use crate::config::Leaving;
    use crate::config::tests::cluster;
    use crate::placement::Replicas;

    /// Of three copies one is to stay, and one of the others is on a node that is lost: when the vote of the one that serves went first,
    /// two were left, the lost one of them, and nobody led the partition any more.
    #[test]
    fn the_vote_of_who_is_given_up_goes_first() {
        for leaving in [Leaving::Dead, Leaving::Lost] {
            let mut config = cluster(3, 1);
            config.nodes[2].leaving = Some(leaving);
            let replicas = |voters: &[u32]| Replicas {
                voters: voters.iter().copied().map(NodeId).collect(),
                learners: Vec::new(),
            };
            let step = |now: &[u32], leader| {
                next_step(4, &replicas(now), &replicas(&[2]), NodeId(leader), &config, |_| true)
            };
            let removes = |node| Some(Step::Remove { group: 4, node: NodeId(node) });
            for leader in [1, 2] {
                assert_eq!(step(&[1, 2, 3], leader), removes(3), "{leaving:?}, {leader} leads");
            }
            assert_eq!(step(&[1, 2], 2), removes(1));
            assert_eq!(step(&[1, 2], 1), Some(Step::Transfer { group: 4, to: NodeId(2) }));
        }
    }
}
