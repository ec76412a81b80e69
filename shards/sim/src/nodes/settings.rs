//! Owns what a run is made with.

use crate::random::{Random, mix};
use hyperion_engine::{Durability, Reads};

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
    /// Several members of a group change in one step, by the majority of those after it alone.
    JointInOneStep,
    /// A replica gets its vote as soon as it is there.
    PromotesEarly,
    /// A replica that the placement wants is founded with the voters of the placement, in the place of joining the group.
    FoundsReplicas,
    /// A node whose disk was emptied comes back as itself.
    EmptiedDisk,
    /// Where a replica was given up, the next start goes on with what an earlier one had found of it.
    TrustsOldData,
    /// A node votes by a log whose end a power cut has taken.
    TrustsCutLogs,
    /// What a repair has saved out of damaged files votes and leads as if it were whole.
    TrustsRepaired,
    /// What has expired by a leader's clock is hidden from its clients, and deleted by nobody.
    OnlyHides,
    /// A machine that was given up with its data comes back with that, and serves it.
    LostComesBack,
}

impl Wrong {
    /// Each with its word.
    pub const WORDS: [(Self, &str); 13] = [
        (Self::ReadsWithoutLease, "lease"),
        (Self::ClockStopsInPauses, "clock"),
        (Self::AnswersBeforeQuorum, "quorum"),
        (Self::ForgetsVotes, "vote"),
        (Self::JointInOneStep, "joint"),
        (Self::PromotesEarly, "learner"),
        (Self::FoundsReplicas, "founds"),
        (Self::EmptiedDisk, "emptied"),
        (Self::TrustsOldData, "old"),
        (Self::TrustsCutLogs, "cut"),
        (Self::TrustsRepaired, "repaired"),
        (Self::OnlyHides, "hides"),
        (Self::LostComesBack, "lost"),
    ];
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
    /// The network is parted, or who leads ends, the moment that members of a group change.
    Moves,
    /// Commands about keys of several partitions.
    Spans,
    /// Whoever has told that something is gone stands still or ends, and what there is of it is asked for until somebody else leads.
    Expiry,
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
    /// By what leaders answer reads.
    pub reads: Reads,
    /// How long clients and misfortunes go on, in ms.
    pub length_ms: u64,
    /// Nodes come and go, and replicas move.
    pub members: bool,
    /// Where nodes come and go, some are lost with what nobody else has, and are given up with it.
    pub loses: bool,
    /// What it leans to.
    pub lean: Lean,
    /// Clients keep their values in fields of large hashes, one a partition.
    pub collections: bool,
    /// Some values expire; who leads sweeps.
    pub expires: bool,
    /// Files of nodes are damaged, and what can be saved is older; where nodes stay what they are.
    pub damages: bool,
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
        let expires = mix(seed ^ 0xe591_4e50).is_multiple_of(2);
        let aims = expires && lean == Lean::Nothing && mix(seed ^ 0xe591_a135).is_multiple_of(2);
        let lean = if aims { Lean::Expiry } else { lean };
        let members = nodes > 1 && mix(seed ^ 0x3e3b_e125).is_multiple_of(2);
        let settings = Self {
            nodes,
            cores: [1, 2, 2, 3][random.index(4)],
            partitions: [4, 8][random.index(2)],
            copies: if nodes > 3 && random.chance(500) { 3 } else { nodes },
            durability: if random.chance(600) { Durability::Always } else { Durability::Interval },
            reads: Reads::Lease,
            length_ms: 4_000 + random.below(4_000),
            members: false,
            loses: mix(seed ^ 0x105e_da7a).is_multiple_of(2),
            lean,
            collections: mix(seed ^ 0xc011_ec75).is_multiple_of(3),
            expires,
            damages: nodes > 2 && mix(seed ^ 0xda3a_9e5d).is_multiple_of(3),
            wrong: Wrong::Nothing,
            tells: false,
        };
        if members { settings.with_members(seed) } else { settings }
    }

    /// The same run in which nodes come and go.
    #[must_use]
    pub fn with_members(self, seed: u64) -> Self {
        let most = u64::from(self.nodes.min(4));
        let copies = 1 + u16::try_from(mix(seed ^ 0xc0b1e5) % most).expect("it is small");
        let aims = self.lean == Lean::Nothing && mix(seed ^ 0xa1e5).is_multiple_of(2);
        let lean = if aims { Lean::Moves } else { self.lean };
        Self { members: true, copies, lean, ..self }
    }

    /// The same run with the nodes that were there first.
    #[must_use]
    pub fn without_members(self) -> Self {
        let copies = if self.members { self.nodes } else { self.copies };
        let lean = if self.lean == Lean::Moves { Lean::Nothing } else { self.lean };
        Self { members: false, copies, lean, ..self }
    }

    /// The same run in which nothing expires.
    #[must_use]
    pub fn without_expiry(self, seed: u64) -> Self {
        let lean = if self.lean == Lean::Expiry { Lean::Nothing } else { self.lean };
        let settings = Self { expires: false, lean, ..self };
        if self.members { settings.with_members(seed) } else { settings }
    }

    /// The same run with a fault, leaning to what brings it to light.
    #[must_use]
    pub fn of_seed_with(seed: u64, nodes: u16, wrong: Wrong) -> Self {
        let settings = Self { wrong, ..Self::of_seed(seed, nodes) };
        let collections =
            settings.collections && matches!(wrong, Wrong::Nothing | Wrong::OnlyHides);
        let loses = match wrong {
            Wrong::Nothing => settings.loses,
            _ => wrong == Wrong::LostComesBack,
        };
        let settings = Self { collections, loses, ..settings };
        let settings = match wrong {
            Wrong::Nothing => settings,
            Wrong::OnlyHides => Self { expires: true, ..settings },
            _ => settings.without_expiry(seed),
        };
        let damages = settings.damages && wrong == Wrong::Nothing;
        let settings = Self { damages, ..settings };
        match wrong {
            Wrong::ForgetsVotes => Self { lean: Lean::Elections, ..settings }.without_members(),
            Wrong::ReadsWithoutLease | Wrong::ClockStopsInPauses => {
                Self { lean: Lean::Leaders, ..settings }.without_members()
            }
            Wrong::AnswersBeforeQuorum => settings.without_members(),
            Wrong::TrustsRepaired => Self { damages: true, ..settings }.without_members(),
            Wrong::OnlyHides => Self { lean: Lean::Expiry, ..settings }.without_members(),
            Wrong::TrustsCutLogs => {
                Self { durability: Durability::Interval, ..settings }.without_members()
            }
            // Votes of three change places where there is a fourth node, and more than one.
            Wrong::JointInOneStep => Self {
                nodes: nodes.max(5),
                copies: 3,
                members: true,
                lean: Lean::Moves,
                ..settings
            },
            Wrong::PromotesEarly
            | Wrong::FoundsReplicas
            | Wrong::EmptiedDisk
            | Wrong::TrustsOldData
            | Wrong::LostComesBack => settings.with_members(seed),
            Wrong::Nothing => settings,
        }
    }
}
