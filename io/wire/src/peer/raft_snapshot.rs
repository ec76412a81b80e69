//! Where a group stands when its log begins: mirrors of Raft's `Snapshot` and `ConfState`.

use std::borrow::Cow;

use speedy::{Readable, Writable};

use super::body::within;
use super::error::BodyError;
use super::kind::Kind;
use crate::limits::RAFT_NODES_MAX;

/// Who votes and who learns in a group. Source: `eraftpb.ConfState` of raft-proto 0.7.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct ConfState {
    /// Nodes that vote.
    pub voters: Vec<u64>,
    /// Nodes that follow without a vote.
    pub learners: Vec<u64>,
    /// Nodes that voted before a change that is under way; empty when none is.
    pub voters_outgoing: Vec<u64>,
    /// Nodes that become learners when the change is done.
    pub learners_next: Vec<u64>,
    /// Whether the change ends by itself.
    pub auto_leave: bool,
}

impl ConfState {
    pub(super) fn check(&self, kind: Kind) -> Result<(), BodyError> {
        let Self { voters, learners, voters_outgoing, learners_next, .. } = self;
        for nodes in [voters, learners, voters_outgoing, learners_next] {
            within(kind, "count of nodes", nodes.len(), RAFT_NODES_MAX)?;
        }
        Ok(())
    }
}

/// The head of a snapshot; what it holds goes over the bulk link. Source: `eraftpb.Snapshot` and
/// `SnapshotMetadata`, in one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct RaftSnapshot<'a> {
    /// The last index that it contains.
    pub index: u64,
    /// The term of that index.
    pub term: u64,
    /// The group's configuration there.
    pub conf_state: ConfState,
    /// What the driver adds, such as the transfer that brings the content.
    pub data: Cow<'a, [u8]>,
}
