//! Owns replicas that a repair saved out of damaged files: keys may have older values than the log says, entries, votes and members may be gone.
//!
//! What is left counts for nothing: the replica acknowledges no entry, and as soon as it hears a leader it gives its log up and takes all anew.
//! Before it starts, the repair sets its term past all that it may have promised, so that no leader is heard that was elected without it
//! being asked. While nobody leads, it is in doubt (`doubt.rs`), and its log counts as shorter than any that is whole: it votes for the best of
//! all voters', of which it has heard each since its start, and leads where all were repaired and its log is the longest. Once the
//! leader's keys are here it is in doubt like one that lost its log's end, until it has what the leader committed in its own term.
//!
//! Its campaigns say that the log is empty, so that nobody who is whole votes for it, whatever its version, and beside it where the log ends.

use raft::eraftpb::{Message, MessageType};

use super::error::GroupError;
use super::recovered::Position;
use super::replica::Group;

/// How far a repair sets a term forward: further than elections that a lost record may have told of, at several a second for months, and far less than
/// what groups are apart that begin anew.
pub const REPAIRED_TERMS: u64 = 1 << 24;

/// How far a repaired replica has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repaired {
    /// It has what was saved.
    Saved,
    /// It has what a leader gave, and may lack what that one did not know to be committed.
    Renewed,
}

/// What a log is worth in an election: the greater one has all that is in the other and may be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Claim {
    is_whole: bool,
    /// Term and index of the last entry.
    end: (u64, u64),
}

impl Claim {
    /// What a campaign says.
    pub(super) fn of(campaign: &Message) -> Self {
        // Nobody campaigns with an empty log.
        let is_whole = (campaign.index, campaign.log_term) != (0, 0);
        let saved = (campaign.request_snapshot, campaign.reject_hint);
        Self { is_whole, end: if is_whole { (campaign.log_term, campaign.index) } else { saved } }
    }
}

impl Group {
    /// Whether what is here counts for nothing.
    pub(super) fn is_worthless(&self) -> bool {
        self.repaired == Some(Repaired::Saved)
    }

    /// What its own log is worth.
    pub(super) fn claim(&self) -> Claim {
        Claim { is_whole: !self.is_worthless(), end: self.last().log_order() }
    }

    /// Whether it may campaign, if only to tell the others what its log is worth. Who knows of no other voter may have forgotten them.
    pub(super) fn may_tell(&self) -> bool {
        let log = &self.raw.raft.raft_log;
        self.is_worthless()
            && self.others().next().is_some()
            && self.raw.raft.promotable()
            && log.persisted == log.last_index()
    }

    /// Makes a campaign say what the log is worth.
    pub(super) fn say_repaired(&self, message: &mut Message) {
        let campaigns = matches!(
            message.get_msg_type(),
            MessageType::MsgRequestVote | MessageType::MsgRequestPreVote
        );
        if campaigns && self.is_worthless() {
            (message.request_snapshot, message.reject_hint) = (message.log_term, message.index);
            (message.log_term, message.index, message.commit, message.commit_term) = (0, 0, 0, 0);
        }
    }

    /// Whether this worthless replica votes for a candidate whose log is worth `claim`, as far as logs decide. Raft then finds one that is as long as its own.
    pub(super) fn compare_repaired(&self, claim: Claim, campaign: &mut Message) -> bool {
        let is_best = self.others().next().is_some() && self.claim() <= claim && self.trusts(claim);
        if is_best {
            (campaign.log_term, campaign.index) = claim.end.max(self.last().log_order());
        }
        is_best
    }

    /// Gives the log up when a leader is heard: whoever leads has better. Its next message finds nothing here.
    pub(super) fn take_anew(&mut self, message: &Message) -> Result<(), GroupError> {
        let is_leaders =
            matches!(message.get_msg_type(), MessageType::MsgAppend | MessageType::MsgHeartbeat);
        if !is_leaders
            || !self.is_worthless()
            || self.has_no_copy()
            || message.term < self.raw.raft.term
        {
            return Ok(());
        }
        self.restart_empty()?;
        Err(GroupError::TakesAnew { group: self.id, from: message.from })
    }

    /// A leader's keys and the place of them are here. What the log had before, the others have.
    pub(super) fn renew(&mut self) {
        if self.repaired.is_some() {
            (self.repaired, self.floor) = (Some(Repaired::Renewed), Position::default());
        }
    }

    /// It leads: from now on what it has is what the group has.
    pub(super) fn lead_repaired(&mut self) {
        if let Some(repaired) = self.repaired.take() {
            self.led_repaired = repaired == Repaired::Saved;
            (self.floor, self.state_due) = (Position::default(), true);
        }
    }
}
