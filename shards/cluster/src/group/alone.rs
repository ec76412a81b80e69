//! Owns the replica that goes on as the only member of its group, because all that it would ask are given up for good. Nothing of Raft allows
//! that; who calls it has a person's word that the others do not come back.

use raft::eraftpb::{ConfChangeV2, ConfState, Entry};

use super::conf::{Change, Conf, to_raft_change};
use super::recovered::Position;
use super::replica::{Group, is_change};

/// What stands in a change of members whose one voter is the only member from then on.
const ONLY: &[u8] = b"only";

/// The only member from a change on, where that says so.
pub(super) fn only_member(change: &ConfChangeV2) -> Option<u64> {
    (*change.context == *ONLY).then(|| change.changes.first().map(|one| one.node_id))?
}

impl Group {
    /// Makes this replica the only member, with all that its log has. `false`: not now, or not at all, because it leads, or has no whole copy.
    pub(super) fn go_on_alone(&mut self, now_ns: u64) -> bool {
        let last = self.last().index;
        let is_quiet = !self.raw.has_ready() && self.outstanding.is_empty() && self.stored == last;
        if self.is_leader() || self.has_no_copy() || !is_quiet {
            return false;
        }
        let Some(state) = self.leave_only(self.node) else { return false };
        // Behind all changes of members that the log has: they are not made any more.
        let conf = Conf::from_raft(last, &state);
        assert_eq!(conf.voters, [self.node], "only this replica is left");
        self.election.set_rank(&conf);
        self.raw.mut_store().set_conf(conf);
        (self.change, self.doubt, self.floor) = (None, None, Position::default());
        self.repaired = None;
        (self.conf_durable, self.state_due) = (0, true);
        self.election.alone(now_ns);
        self.after_raft();
        true
    }

    /// Whether this is one of two voters, the other one given up, and led the last term since its start: then nothing is committed that it does not
    /// know of, and a change of members that it proposed is not made. A follower may lack what was committed before its leader applied the change
    /// to two.
    pub(super) fn is_left_of_two(&self, is_lost: impl Fn(u64) -> bool) -> bool {
        let conf = self.tail().conf();
        let [one, other] = conf.voters[..] else { return false };
        let is_of_them = one == self.node && is_lost(other) || other == self.node && is_lost(one);
        let log = &self.raw.raft.raft_log;
        let term = self.raw.raft.term;
        let is_own = |entry: &Entry| entry.index > log.committed && entry.term == term;
        let ahead = |entry: &Entry| {
            entry.index > conf.index.max(log.applied) && is_change(entry) && !is_own(entry)
        };
        is_of_them
            && self.led_term == term
            && !conf.is_joint()
            && !self.has_no_copy()
            && self.doubt.is_none()
            && self.repaired.is_none()
            && !log.all_entries().iter().any(ahead)
    }

    /// Makes a node the only member, whatever the members were.
    pub(super) fn leave_only(&mut self, node: u64) -> Option<ConfState> {
        let members = self.tail().conf().clone();
        if members.is_joint() {
            let _ = self.raw.apply_conf_change(&ConfChangeV2::default());
        }
        let others = [&members.voters, &members.voters_outgoing, &members.learners];
        let others = others.into_iter().flatten().filter(|other| **other != node);
        let changes = others.map(|other| Change::Remove(*other));
        let mut state = None;
        for change in std::iter::once(Change::Voter(node)).chain(changes) {
            // One that is out already changes nothing.
            let outcome = self.raw.apply_conf_change(&to_raft_change(&[change]));
            state = outcome.ok().or(state);
        }
        state
    }

    /// Whether this leader is the only member, and has not said so in its log since it leads. It may have gone on alone beside the log, which
    /// has changes of members then that were not made here: who gets the log would make them.
    /// Not asked behind a log that begins after the members: nobody is sent what was before.
    pub(super) fn is_unnamed(&self) -> bool {
        let (conf, term) = (self.tail().conf(), self.raw.raft.term);
        let is_only = !conf.is_joint() && conf.voters == [self.node] && conf.learners.is_empty();
        let is_in_log = conf.index > self.tail().truncated().index;
        self.is_leader() && is_only && is_in_log && self.named_term != term
    }

    /// Says in the log that this replica is the only member, before anybody else becomes one. Derived from the members and not remembered, so
    /// that a crash before it changes nothing.
    pub(super) fn name_only(&mut self) {
        let raft = &self.raw.raft;
        if self.is_unnamed() && !raft.has_pending_conf() && raft.lead_transferee.is_none() {
            let mut change = to_raft_change(&[Change::Voter(self.node)]);
            change.set_context(ONLY.to_vec().into());
            let _ = self.raw.propose_conf_change(Vec::new(), change);
        }
    }

    /// Whether nothing here is a state that the group ever had.
    pub(super) fn has_no_copy(&self) -> bool {
        self.installing || self.last().index == 0
    }
}
