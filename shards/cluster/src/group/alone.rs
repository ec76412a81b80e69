//! Owns the replica that goes on as the only member of its group, because all that it would ask are given up for good. Nothing of Raft allows
//! that; who calls it has a person's word that the others do not come back.

use raft::eraftpb::ConfChangeV2;

use super::conf::{Change, Conf, to_raft_change};
use super::recovered::Position;
use super::replica::Group;

impl Group {
    /// Makes this replica the only member, with all that its log has. `false`: not now, or not at all, because it leads, or has no whole copy.
    pub(super) fn go_on_alone(&mut self, now_ns: u64) -> bool {
        let last = self.last().index;
        let is_quiet = !self.raw.has_ready() && self.outstanding.is_empty() && self.stored == last;
        if self.is_leader() || self.has_no_copy() || !is_quiet {
            return false;
        }
        let members = self.tail().conf().clone();
        if members.is_joint() {
            let _ = self.raw.apply_conf_change(&ConfChangeV2::default());
        }
        let others = [&members.voters, &members.voters_outgoing, &members.learners];
        let others = others.into_iter().flatten().filter(|node| **node != self.node);
        let changes = others.map(|node| Change::Remove(*node));
        let mut state = None;
        for change in std::iter::once(Change::Voter(self.node)).chain(changes) {
            // One that is out already changes nothing.
            let outcome = self.raw.apply_conf_change(&to_raft_change(&[change]));
            state = outcome.ok().or(state);
        }
        let Some(state) = state else { return false };
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

    /// Whether nothing here is a state that the group ever had.
    pub(super) fn has_no_copy(&self) -> bool {
        self.installing || self.last().index == 0
    }
}
