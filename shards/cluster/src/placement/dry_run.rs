//! Owns what a plan would cost: which bytes go where, and how long that takes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::NodeId;
use crate::config::{Config, Role};

use super::map::{META, Placement, Step};
use super::plan::Plan;

/// The copy of one partition that is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transfer {
    /// The partition.
    pub partition: u32,
    /// Who is likely to send it.
    pub from: NodeId,
    /// Who gets it.
    pub to: NodeId,
    /// Its length; 0 for a log alone.
    pub bytes: u64,
}

/// What a change would move.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DryRun {
    /// The copies that are made, in their order.
    pub transfers: Vec<Transfer>,
    /// All of their bytes.
    pub bytes: u64,
    /// How long the slowest node of each round takes, rounds added up.
    pub seconds: u64,
    /// Leaders that are handed over.
    pub leaders: usize,
    /// Replicas that go.
    pub removed: usize,
}

/// Works out what a plan that begins at `current` would cost.
///
/// Units: `partition_bytes` is `[partitions]`, one copy each, one that is missing counts as empty; `bytes_a_second` bounds what one
/// node sends, and what it gets.
#[must_use]
pub fn dry_run(
    current: &Placement,
    plan: &Plan,
    config: &Config,
    partition_bytes: &[u64],
    bytes_a_second: u64,
) -> DryRun {
    let mut now = current.clone();
    let mut result = DryRun::default();
    for round in &plan.rounds {
        let mut busy: BTreeMap<NodeId, u64> = BTreeMap::new();
        for step in round {
            match *step {
                Step::AddLearner { group, node } if group != META => {
                    let holders = now.group(group).map_or(&[][..], |group| &group.voters);
                    let from = holders.first().copied().unwrap_or_default();
                    let index = usize::try_from(group - 1).unwrap_or(usize::MAX);
                    let has_data = config.node(node).is_some_and(|node| node.role == Role::Data);
                    let bytes = partition_bytes.get(index).copied().unwrap_or(0);
                    let bytes = if has_data { bytes } else { 0 };
                    *busy.entry(from).or_insert(0) += bytes;
                    *busy.entry(node).or_insert(0) += bytes;
                    result.bytes += bytes;
                    result.transfers.push(Transfer { partition: group - 1, from, to: node, bytes });
                }
                Step::Transfer { .. } => result.leaders += 1,
                Step::Remove { .. } | Step::Promote { instead_of: Some(_), .. } => {
                    result.removed += 1;
                }
                Step::AddLearner { .. } | Step::Promote { .. } => {}
            }
            now.apply(*step).expect("a plan fits the placement that it was made from");
        }
        let slowest = busy.values().max().copied().unwrap_or(0);
        result.seconds += slowest.div_ceil(bytes_a_second.max(1));
        now.adopt_order(&plan.target);
    }
    result
}
