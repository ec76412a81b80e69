//! Raft messages of many groups in one frame: mirrors of what the `raft` crate makes, so that its
//! own parser never sees bytes from the network.

use std::borrow::Cow;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;
use super::raft_snapshot::RaftSnapshot;
use crate::limits::{RAFT_CONTEXT_BYTES_MAX, RAFT_ENTRIES_MAX, RAFT_MESSAGES_MAX};

/// Highest number of a message's kind: `MsgRequestPreVoteResponse`.
const MESSAGE_KIND_MAX: usize = 18;
/// Kinds by which a node speaks to itself: hup, beat, unreachable, snap status, check quorum.
const MESSAGE_KINDS_LOCAL: [u8; 5] = [0, 1, 10, 11, 12];
/// Highest number of an entry's type: `EntryConfChangeV2`.
const ENTRY_TYPE_MAX: usize = 2;

/// One entry of a group's log. Source: `eraftpb.Entry`, without the deprecated `sync_log`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct RaftEntry<'a> {
    /// 0 normal, 1 conf change, 2 conf change v2: the numbers of `eraftpb.EntryType`.
    pub entry_type: u8,
    /// The term in which it was proposed.
    pub term: u64,
    /// Its place in the log.
    pub index: u64,
    /// What it changes.
    pub data: Cow<'a, [u8]>,
    /// What the proposer added.
    pub context: Cow<'a, [u8]>,
}

/// One message of one group. Source: `eraftpb.Message` of raft-proto 0.7, without the deprecated
/// `deprecated_priority`, which stands for `priority` only among releases of raft before 0.7.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct RaftMessage<'a> {
    /// The group.
    pub group: u32,
    /// The number of `eraftpb.MessageType`; never one by which a node speaks to itself.
    pub kind: u8,
    /// The node that it is for.
    pub to: u64,
    /// The node that sends it.
    pub from: u64,
    /// The sender's term; 0 where the message has none.
    pub term: u64,
    /// The term of the entry at `index`.
    pub log_term: u64,
    /// The index before the first entry, or the one that is answered for.
    pub index: u64,
    /// What is committed.
    pub commit: u64,
    /// The term of the entry at `commit`.
    pub commit_term: u64,
    /// Whether the sender says no.
    pub reject: bool,
    /// Where the sender's log may match.
    pub reject_hint: u64,
    /// The index from which the sender asks for a snapshot; 0 for none.
    pub request_snapshot: u64,
    /// The candidate's priority.
    pub priority: i64,
    /// What comes back with the answer, such as the id of a read.
    pub context: Cow<'a, [u8]>,
    /// Entries after `index`.
    pub entries: Vec<RaftEntry<'a>>,
    /// Where the log begins, for a node that is too far behind.
    pub snapshot: Option<RaftSnapshot<'a>>,
}

/// What the cores of a node have for one peer in one turn.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct RaftMessages<'a> {
    /// In the order in which they were made.
    pub messages: Vec<RaftMessage<'a>>,
}

impl<'a> Body<'a> for RaftMessages<'a> {
    const KIND: Kind = Kind::RaftMessages;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "count of messages", self.messages.len(), RAFT_MESSAGES_MAX)?;
        self.messages.iter().try_for_each(check)
    }
}

fn check(message: &RaftMessage<'_>) -> Result<(), BodyError> {
    let kind = Kind::RaftMessages;
    within(kind, "message's kind", usize::from(message.kind), MESSAGE_KIND_MAX)?;
    if MESSAGE_KINDS_LOCAL.contains(&message.kind) {
        return Err(BodyError::UnknownValue { kind });
    }
    within(kind, "context's length", message.context.len(), RAFT_CONTEXT_BYTES_MAX)?;
    within(kind, "count of entries", message.entries.len(), RAFT_ENTRIES_MAX)?;
    for entry in &message.entries {
        within(kind, "entry's type", usize::from(entry.entry_type), ENTRY_TYPE_MAX)?;
        within(kind, "context's length", entry.context.len(), RAFT_CONTEXT_BYTES_MAX)?;
    }
    message.snapshot.as_ref().map_or(Ok(()), |snapshot| snapshot.conf_state.check(kind))
}
