//! Owns what a run is made with.

use crate::random::{Random, mix};
use hyperion_engine::Durability;

/// What is done wrong on purpose: the checks must find it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrong {
    /// Nothing.
    #[default]
    Nothing,
    /// A node that believes it leads answers reads without asking for its lease.
    ReadsWithoutLease,
    /// The clock of leases stands still while a node is stopped.
    ClockStopsInPauses,
    /// Writes are answered when the leader's own log has them.
    AnswersBeforeQuorum,
    /// A restarted node knows its term and not whom it voted for in it, nor that it has to keep silent at first.
    ForgetsVotes,
}

/// What a run leans to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lean {
    /// Nothing.
    #[default]
    Nothing,
    /// No misfortune at all.
    Calm,
    /// Nodes fall behind by more than the others keep.
    Snapshots,
    /// Nodes crash when they have just voted, and are back at once, on a slow network.
    Elections,
    /// Disks that fill up.
    FullDisks,
    /// All clients ask for the same partition, and it is its leader that is cut off or stands still for a little longer than a lease.
    Leaders,
    /// Commands about keys of several partitions.
    Spans,
}

/// What a run is made with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Nodes.
    pub nodes: u16,
    /// Cores of each.
    pub cores: u16,
    /// Partitions, each of which is a group.
    pub partitions: u16,
    /// Nodes that hold a copy of each partition.
    pub copies: u16,
    /// When a node takes something for kept.
    pub durability: Durability,
    /// How long clients and misfortunes go on, in ms.
    pub length_ms: u64,
    /// What it leans to.
    pub lean: Lean,
    /// What is done wrong.
    pub wrong: Wrong,
    /// A violation comes with all that happened before it.
    pub tells: bool,
}

impl Settings {
    /// What the run of a seed is made with on so many nodes, at least 1.
    #[must_use]
    pub fn of_seed(seed: u64, nodes: u16) -> Self {
        let mut random = Random::new(mix(seed ^ 0xc1a5_7e25));
        let lean = match random.below(8) {
            0 | 1 => Lean::Snapshots,
            2 => Lean::Elections,
            3 => Lean::FullDisks,
            4 => Lean::Leaders,
            _ => Lean::Nothing,
        };
        Self {
            nodes,
            cores: [1, 2, 2, 3][random.index(4)],
            partitions: [4, 8][random.index(2)],
            copies: if nodes > 3 && random.chance(500) { 3 } else { nodes },
            durability: if random.chance(600) { Durability::Always } else { Durability::Interval },
            length_ms: 4_000 + random.below(4_000),
            lean,
            wrong: Wrong::Nothing,
            tells: false,
        }
    }

    /// The same run with a fault, leaning to what brings it to light.
    #[must_use]
    pub fn of_seed_with(seed: u64, nodes: u16, wrong: Wrong) -> Self {
        let settings = Self { wrong, ..Self::of_seed(seed, nodes) };
        match wrong {
            Wrong::ForgetsVotes => Self { lean: Lean::Elections, ..settings },
            Wrong::ReadsWithoutLease | Wrong::ClockStopsInPauses => {
                Self { lean: Lean::Leaders, ..settings }
            }
            Wrong::AnswersBeforeQuorum | Wrong::Nothing => settings,
        }
    }
}
