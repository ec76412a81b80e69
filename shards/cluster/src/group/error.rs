//! Owns what the groups refuse.

use hyperion_model::GroupId;

/// Why a group does not take a proposal, a read or a transfer now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// This core holds no such group.
    #[error("group {0:?} is not on this core; ask the map again")]
    Unknown(GroupId),
    /// This replica does not lead; `leader` does, as far as it knows.
    #[error("not the leader; ask node {leader:?}")]
    NotLeader {
        /// The leader's node id.
        leader: Option<u64>,
    },
    /// It leads, but has not committed an entry of its own term yet.
    #[error("elected, but nothing of this term is committed yet; try again")]
    NotServing,
    /// Leadership is on its way to another node.
    #[error("leadership is on its way to node {to}; ask it")]
    Transferring {
        /// The next leader.
        to: u64,
    },
    /// As much waits for its commit, or lies in memory, as may.
    #[error("{bytes} bytes wait for their commit; wait for replies")]
    Full {
        /// Bytes that wait.
        bytes: usize,
    },
    /// Another change of members is under way.
    #[error("a change of members is under way; wait until it is applied")]
    ChangePending,
    /// The change of members makes no sense.
    #[error("the change of members is refused: {0}")]
    Invalid(String),
}

/// What is wrong with a recovered group, a message or a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// This core holds no such group.
    #[error("group {0:?} is not on this core")]
    Unknown(GroupId),
    /// The group is there already, or its number is past the limit.
    #[error("group {0:?} cannot be added; it is there already or out of range")]
    CannotAdd(GroupId),
    /// What was recovered contradicts itself.
    #[error("recovered state of group {group:?} is damaged: {what}")]
    Damaged {
        /// The group.
        group: GroupId,
        /// What contradicts what.
        what: String,
    },
    /// A peer sent what no correct peer sends.
    #[error("message of node {from} is refused: {what}")]
    Malformed {
        /// The sender.
        from: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A leader's entries are others than those that were committed here: all who voted for it have lost what is here.
    #[error("node {from} leads {group:?} with other entries than those that were committed here")]
    Overtaken {
        /// The group.
        group: GroupId,
        /// The leader.
        from: u64,
        /// This replica has no vote: it has given its log up, and takes all anew.
        begins_anew: bool,
        /// It was not said before.
        is_news: bool,
    },
    /// This replica was saved out of damaged files, and heard a leader: it has given its log up, and takes all anew.
    #[error("{group:?} was repaired here, and is taken anew: node {from} leads it")]
    TakesAnew {
        /// The group.
        group: GroupId,
        /// The leader.
        from: u64,
    },
    /// A snapshot that this replica does not need.
    #[error("snapshot at {index} is not needed; the replica is at {commit}")]
    NotNeeded {
        /// Index of the snapshot.
        index: u64,
        /// Commit index of the replica.
        commit: u64,
    },
}
