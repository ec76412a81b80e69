//! Owns the map from groups to nodes, and what one step does to it.

use serde::{Deserialize, Serialize};

use crate::NodeId;

/// The number of the group that holds the config and this map; partition `p` is group `p + 1`.
pub const META: u32 = 0;

/// The replicas of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// Those that vote, the preferred leader first, one with a log alone last.
    pub voters: Vec<NodeId>,
    /// Those that catch up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learners: Vec<NodeId>,
}

/// Where the replicas of all groups are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// Shape: `[partitions + 1]`, in the order of the groups' numbers.
    pub groups: Vec<Replicas>,
}

/// One change of the replicas of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// A node begins to catch up.
    AddLearner {
        /// The group.
        group: u32,
        /// The node.
        node: NodeId,
    },
    /// A node that has caught up gets a vote; in one joint change with another one that loses it.
    Promote {
        /// The group.
        group: u32,
        /// The node.
        node: NodeId,
        /// Whose replica goes with the same change.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instead_of: Option<NodeId>,
    },
    /// A replica goes.
    Remove {
        /// The group.
        group: u32,
        /// The node.
        node: NodeId,
    },
    /// Another voter leads; the map stays as it is.
    Transfer {
        /// The group.
        group: u32,
        /// Who is to lead.
        to: NodeId,
    },
}

/// Why a step does not fit the map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// There is no such group.
    #[error("there is no group {0}; was the step meant for this cluster?")]
    GroupUnknown(u32),
    /// The map has it another way already.
    #[error("step {0:?} does not fit the map; work the next step out anew")]
    Unfit(Step),
}

impl Step {
    /// The group that it changes.
    #[must_use]
    pub fn group(self) -> u32 {
        match self {
            Self::AddLearner { group, .. }
            | Self::Promote { group, .. }
            | Self::Remove { group, .. }
            | Self::Transfer { group, .. } => group,
        }
    }
}

impl Replicas {
    /// Whether a node has a replica here, voting or not.
    #[must_use]
    pub fn has(&self, node: NodeId) -> bool {
        self.voters.contains(&node) || self.learners.contains(&node)
    }

    /// Whether both have the same voters, whoever leads.
    #[must_use]
    pub fn same_voters(&self, other: &Self) -> bool {
        self.voters.len() == other.voters.len()
            && self.voters.iter().all(|node| other.voters.contains(node))
    }
}

impl Placement {
    /// The replicas of a group.
    #[must_use]
    pub fn group(&self, group: u32) -> Option<&Replicas> {
        self.groups.get(usize::try_from(group).ok()?)
    }

    /// The groups of the partitions, with their numbers.
    pub fn partitions(&self) -> impl Iterator<Item = (u32, &Replicas)> {
        self.numbered().skip(1)
    }

    /// All groups, with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Replicas)> {
        (0..).zip(&self.groups)
    }

    /// How many replicas a node has, voting or not.
    #[must_use]
    pub fn replicas_of(&self, node: NodeId) -> usize {
        self.groups.iter().filter(|replicas| replicas.has(node)).count()
    }

    /// Whether a node has a vote anywhere.
    #[must_use]
    pub fn votes(&self, node: NodeId) -> bool {
        self.groups.iter().any(|replicas| replicas.voters.contains(&node))
    }

    /// Does what a step says.
    ///
    /// Errors: [`StepError`]; nothing has changed.
    pub fn apply(&mut self, step: Step) -> Result<(), StepError> {
        let group = step.group();
        let replicas = usize::try_from(group).ok().and_then(|index| self.groups.get_mut(index));
        let replicas = replicas.ok_or(StepError::GroupUnknown(group))?;
        let unfit = Err(StepError::Unfit(step));
        match step {
            Step::AddLearner { node, .. } if !replicas.has(node) => replicas.learners.push(node),
            Step::Promote { node, instead_of, .. } => {
                let learner = replicas.learners.iter().position(|learner| *learner == node);
                let old = instead_of
                    .map(|old| replicas.voters.iter().position(|voter| *voter == old).ok_or(old));
                match (learner, old.transpose()) {
                    (Some(learner), Ok(old)) => {
                        replicas.learners.remove(learner);
                        match old {
                            Some(old) => replicas.voters[old] = node,
                            None => replicas.voters.push(node),
                        }
                    }
                    _ => return unfit,
                }
            }
            Step::Remove { node, .. } if replicas.has(node) && replicas.voters != [node] => {
                replicas.voters.retain(|voter| *voter != node);
                replicas.learners.retain(|learner| *learner != node);
            }
            Step::Transfer { to, .. } if replicas.voters.contains(&to) => {}
            _ => return unfit,
        }
        Ok(())
    }

    /// Takes over whom the target prefers as leader, in every group that has its voters.
    pub fn adopt_order(&mut self, target: &Self) {
        for (replicas, wanted) in self.groups.iter_mut().zip(&target.groups) {
            if replicas.same_voters(wanted) {
                replicas.voters.clone_from(&wanted.voters);
            }
        }
    }
}
