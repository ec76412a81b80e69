//! Owns who listens to group 0: every node of the config that does not vote there follows it without a vote.

use crate::NodeId;
use crate::config::Config;

use super::map::{META, Replicas, Step};
use super::next::next_step;

/// What the leader of group 0 does next about its members, which are `now`.
///
/// Each node of the config is a member, so that each has what group 0 holds; one that is out of the config goes when `may_go` says so: it
/// is to hear of its removal first. A step that takes a vote from a node that stays leaves it listening.
#[must_use]
pub fn next_meta_step(
    now: &Replicas,
    wanted: &Replicas,
    leader: NodeId,
    config: &Config,
    caught_up: impl Fn(NodeId) -> bool,
    may_go: impl Fn(NodeId) -> bool,
) -> Option<Step> {
    if let Some(node) = config.nodes.iter().find(|node| !now.has(node.id)) {
        return Some(Step::AddLearner { group: META, node: node.id });
    }
    let mut voting = now.clone();
    voting.learners.retain(|node| wanted.voters.contains(node));
    let step = next_step(META, &voting, wanted, leader, config, caught_up);
    step.or_else(|| {
        let is_gone = |node: &&NodeId| config.node(**node).is_none() && may_go(**node);
        let gone = now.learners.iter().find(is_gone)?;
        Some(Step::Remove { group: META, node: *gone })
    })
}
