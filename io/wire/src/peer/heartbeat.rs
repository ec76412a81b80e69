//! Heartbeats of all groups that a node leads and the peer follows, in one frame a tick.
//!
//! 28 bytes a group. Who sends and who receives is known from the link. A heartbeat that carries a
//! context (a read that waits for the quorum) goes as a Raft message instead.

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;
use crate::limits::HEARTBEATS_MAX;

/// The heartbeat of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct Heartbeat {
    /// The group.
    pub group: u32,
    /// The leader's term.
    pub term: u64,
    /// What the follower may commit: never more than the leader knows it to hold.
    pub commit: u64,
    /// The leader's clock when it was sent, in ns: the lease counts from there.
    pub stamp_ns: u64,
}

/// The answer for one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct HeartbeatAnswer {
    /// The group.
    pub group: u32,
    /// The follower's term.
    pub term: u64,
    /// What the follower has committed.
    pub commit: u64,
    /// The stamp of the heartbeat that is answered.
    pub stamp_ns: u64,
}

/// Heartbeats of many groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct Heartbeats {
    /// One for each group.
    pub heartbeats: Vec<Heartbeat>,
}

/// Answers for many groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct HeartbeatAnswers {
    /// One for each group.
    pub answers: Vec<HeartbeatAnswer>,
}

impl<'a> Body<'a> for Heartbeats {
    const KIND: Kind = Kind::Heartbeats;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "count of groups", self.heartbeats.len(), HEARTBEATS_MAX)
    }
}

impl<'a> Body<'a> for HeartbeatAnswers {
    const KIND: Kind = Kind::HeartbeatAnswers;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "count of groups", self.answers.len(), HEARTBEATS_MAX)
    }
}
