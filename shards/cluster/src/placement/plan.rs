//! Owns the whole way from a placement to the one that a config wants, in rounds.

use std::collections::{BTreeMap, BTreeSet};

use crate::NodeId;
use crate::config::Config;

use super::map::{Placement, Step};
use super::next::{Seen, next_steps};
use super::target::target;

/// The way to where the replicas should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where they should be.
    pub target: Placement,
    /// Steps that may be done side by side, round after round.
    pub rounds: Vec<Vec<Step>>,
}

impl Plan {
    /// All steps in their order.
    pub fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.rounds.iter().flatten().copied()
    }

    /// Whether everything is where it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rounds.is_empty()
    }
}

/// Works the whole way out, as if every learner caught up at once and the first voter of each group led it.
///
/// What is really done follows [`next_steps`], round by round, from what is seen then.
///
/// Panics: when the way does not end, which is a mistake of this module.
#[must_use]
pub fn plan(current: &Placement, config: &Config) -> Plan {
    let target = target(current, config);
    let mut now = current.clone();
    now.adopt_order(&target);
    let mut leaders: BTreeMap<u32, NodeId> = now
        .numbered()
        .filter_map(|(group, replicas)| Some((group, *replicas.voters.first()?)))
        .collect();
    let mut rounds = Vec::new();
    loop {
        let caught_up: BTreeSet<(u32, NodeId)> = now
            .numbered()
            .flat_map(|(group, replicas)| replicas.learners.iter().map(move |node| (group, *node)))
            .collect();
        let seen = Seen { leaders: &leaders, caught_up: &caught_up };
        let steps = next_steps(&now, &target, config, seen);
        if steps.is_empty() {
            return Plan { target, rounds };
        }
        for step in &steps {
            now.apply(*step).expect("a next step fits the map that it was made from");
            if let Step::Transfer { group, to } = *step {
                leaders.insert(group, to);
            }
        }
        now.adopt_order(&target);
        rounds.push(steps);
        let steps_max = 8 * (now.groups.len() + 1) * (config.nodes.len() + 1);
        assert!(
            rounds.len() < steps_max,
            "a plan of more than {steps_max} rounds goes in a circle"
        );
    }
}
