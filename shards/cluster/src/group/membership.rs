//! Owns changes of members: proposed, left again when joint, and when a learner may vote.

use raft::eraftpb::ConfChangeV2;
use raft::{Changer, ProgressState};

use super::conf::{Change, to_raft_change};
use super::error::Refusal;
use super::limits::{CAUGHT_UP_ENTRIES, MEMBERS_MAX};
use super::replica::Group;

impl Group {
    /// Whether a change of members is under way, or may be: of entries that a leader took over, it does not know until they are applied.
    pub(super) fn is_changing(&self) -> bool {
        let is_pending = self.change.is_some() || self.raw.raft.has_pending_conf();
        is_pending || self.is_unnamed() || self.tail().conf().is_joint()
    }

    /// Takes a change of members, which is proposed in the next `ready`, after the proposals before it.
    pub(super) fn propose_change(&mut self, changes: &[Change]) -> Result<(), Refusal> {
        self.next_position()?;
        let raft = &self.raw.raft;
        let conf = self.tail().conf();
        if self.is_changing() {
            return Err(Refusal::ChangePending);
        }
        if changes.is_empty() {
            return Err(Refusal::Invalid("nothing changes; name a node".to_owned()));
        }
        if conf.voters.len() + conf.learners.len() + changes.len() > MEMBERS_MAX / 2 {
            return Err(Refusal::Invalid(format!("more than {} members", MEMBERS_MAX / 2)));
        }
        let change = to_raft_change(changes);
        let mut changer = Changer::new(raft.prs());
        let outcome = if changes.len() > 1 {
            changer.enter_joint(false, &change.changes).map(|_| ())
        } else {
            changer.simple(&change.changes).map(|_| ())
        };
        outcome.map_err(|error| Refusal::Invalid(error.to_string()))?;
        self.change = Some(changes.to_vec());
        Ok(())
    }

    /// Proposes the change that waits. Only here, so that no entry of raft's own comes between the store's staged ones.
    pub(super) fn flush_change(&mut self) {
        if let Some(changes) = self.change.take()
            && self.is_leader()
        {
            // It is dropped when leadership is on its way; whoever asked for it looks at the members.
            let _ = self.raw.propose_conf_change(Vec::new(), to_raft_change(&changes));
        }
    }

    /// Leaves a joint configuration as soon as it is applied. Derived from the state and not remembered, so that a leader
    /// elected in the middle of a change goes on with it.
    pub(super) fn leave_joint(&mut self) {
        let raft = &self.raw.raft;
        let due = self.is_leader()
            && self.change.is_none()
            && self.tail().conf().is_joint()
            && !raft.has_pending_conf()
            && raft.lead_transferee.is_none();
        if due {
            let _ = self.raw.propose_conf_change(Vec::new(), ConfChangeV2::default());
        }
    }

    /// Whether `node` has spoken to this leader lately.
    pub(super) fn is_heard(&self, node: u64) -> bool {
        let progress = self.raw.raft.prs().get(node);
        self.is_leader() && progress.is_some_and(|progress| progress.recent_active)
    }

    /// Whether `node` has every entry, by what it acknowledged to this leader, and has spoken lately.
    pub(super) fn has_all(&self, node: u64) -> bool {
        let raft = &self.raw.raft;
        let last = raft.raft_log.last_index();
        self.is_heard(node) && raft.prs().get(node).is_some_and(|it| it.matched == last)
    }

    /// Leads no more, and campaigns again as soon as the quiet time allows.
    pub(super) fn step_down(&mut self, now_ns: u64) {
        if self.is_leader() {
            let term = self.raw.raft.term;
            self.raw.raft.become_follower(term, raft::INVALID_ID);
            self.election.hurry(now_ns);
            self.after_raft();
        }
    }

    /// Whether `node` has nearly all entries, by what it acknowledged to this leader.
    pub(super) fn is_caught_up(&self, node: u64) -> bool {
        let raft = &self.raw.raft;
        self.is_leader()
            && raft.prs().get(node).is_some_and(|progress| {
                // Where nothing is written, raft goes on probing one that has had a snapshot and lacks nothing.
                (progress.state == ProgressState::Replicate || self.has_all(node))
                    && progress.matched + CAUGHT_UP_ENTRIES >= raft.raft_log.last_index()
                    && progress.matched >= raft.raft_log.store().truncated().index
            })
    }
}
