//! What the leader of a group tells all nodes of its members: who holds copies is known from the groups' own logs alone.

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;
use crate::limits::{HEARTBEATS_MAX, RAFT_NODES_MAX};

/// One group that the sender leads.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct GroupReport {
    /// The group.
    pub group: u32,
    /// The leader's term.
    pub term: u64,
    /// The index of the last change of members that is committed.
    pub conf_index: u64,
    /// Bytes of one copy of what it holds, about.
    pub bytes: u64,
    /// Those that vote, the leader first; of both sets while a change is under way.
    pub voters: Vec<u32>,
    /// Those that follow without a vote.
    pub learners: Vec<u32>,
    /// Whether a change is under way, or may be.
    pub is_joint: bool,
}

/// Groups that the sender leads.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct GroupReports {
    /// One for each.
    pub reports: Vec<GroupReport>,
}

/// Groups that the sender leads, and the config that it goes by in changing their members.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct ReportsAsOf {
    /// The epoch of that config.
    pub epoch: u64,
    /// One for each.
    pub reports: Vec<GroupReport>,
}

impl<'a> Body<'a> for GroupReports {
    const KIND: Kind = Kind::GroupReports;

    fn check(&self) -> Result<(), BodyError> {
        check(Self::KIND, &self.reports)
    }
}

impl<'a> Body<'a> for ReportsAsOf {
    const KIND: Kind = Kind::ReportsAsOf;

    fn check(&self) -> Result<(), BodyError> {
        check(Self::KIND, &self.reports)
    }
}

fn check(kind: Kind, reports: &[GroupReport]) -> Result<(), BodyError> {
    within(kind, "count of groups", reports.len(), HEARTBEATS_MAX)?;
    reports.iter().try_for_each(|report| {
        within(kind, "count of voters", report.voters.len(), RAFT_NODES_MAX)?;
        within(kind, "count of learners", report.learners.len(), RAFT_NODES_MAX)
    })
}
