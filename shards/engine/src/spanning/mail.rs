//! Owns what coordinators and leaders tell each other.

use crate::effect::{OwnedWrite, Want, Wanted};
use crate::lock::LockKey;
use hyperion_model::{CoreId, PartitionId, PartitionMap};

/// A transaction that spans groups: the node and the core of its coordinator, the start of that node, and a count; unique for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId {
    /// The node's number in the config.
    pub node: u32,
    /// Its core.
    pub core: u16,
    /// Differs from start to start.
    pub start: u16,
    /// Counts.
    pub count: u64,
}

/// A step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanMail {
    /// The transaction.
    pub id: SpanId,
    /// The partition that it is for, or of whose leader it comes where it is for the coordinator.
    pub partition: PartitionId,
    /// What is said.
    pub step: SpanStep,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpanStep {
    /// To a leader: lock these keys of the partition, all at once, and tell what is wanted of them.
    Lock {
        /// The keys.
        keys: Vec<LockKey>,
        /// What is wanted of each.
        want: Want,
    },
    /// To a leader: say whether the locks stood all the while, and let them go.
    Check,
    /// To a leader: make an entry of these writes that has no effect yet.
    Prepare {
        /// The partition that decides.
        decision: PartitionId,
        /// The writes of the partition.
        writes: Vec<OwnedWrite>,
    },
    /// To the leader of the partition that decides: it is committed with this entry.
    Decide {
        /// The partitions that have prepared.
        others: Vec<PartitionId>,
        /// The writes of the partition that decides.
        writes: Vec<OwnedWrite>,
    },
    /// To a leader: it is off.
    Abort,
    /// To a leader that has prepared: it is decided.
    Commit {
        /// The partition that decided.
        decision: PartitionId,
    },
    /// To the leader of the partition that decides: the writes took effect there.
    Committed {
        /// Where.
        by: PartitionId,
    },
    /// To the leader of the partition that decides: what became of it?
    Ask {
        /// The partition that has prepared.
        asker: PartitionId,
    },
    /// To a leader that has asked: it will never be decided.
    Aborted,
    /// To the coordinator: the keys are locked.
    Locked {
        /// For each key what was found.
        found: Vec<Option<Wanted>>,
        /// For each key what tells it from a later one; empty: none is watched.
        versions: Vec<u64>,
    },
    /// To the coordinator: what it asked for last is done.
    Done,
    /// To the coordinator: it is not, and the keys are not locked.
    Refused {
        /// An error line, its code first; none: it may be begun anew.
        error: Option<String>,
    },
    /// To the coordinator: whether it is decided is not known.
    Lost,
    /// To a leader: these keys of the partition are not watched any more, once each.
    Unwatch {
        /// The keys.
        keys: Vec<LockKey>,
    },
}

impl SpanMail {
    /// The core of the node that it is for.
    #[must_use]
    pub fn core(&self, map: &PartitionMap) -> CoreId {
        match self.step {
            SpanStep::Locked { .. }
            | SpanStep::Done
            | SpanStep::Refused { .. }
            | SpanStep::Lost => CoreId(self.id.core),
            _ => map.owner(self.partition),
        }
    }
}
