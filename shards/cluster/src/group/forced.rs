//! Owns what tests do to groups, and what they tell of one.

use hyperion_model::GroupId;

use super::groups::Groups;
use super::tests::faults::Faults;

impl Groups {
    pub(super) fn set_faults(&mut self, faults: Faults) {
        for group in self.groups.iter_mut().flatten() {
            group.faults = faults;
        }
    }

    pub(super) fn election_timeout_ticks(&self, id: GroupId) -> usize {
        self.get(id).map_or(0, |group| group.raw.raft.randomized_election_timeout())
    }

    pub(super) fn force_pre_candidate(&mut self, id: GroupId) {
        let group = self.group(id).expect("the group is here");
        group.raw.raft.become_pre_candidate();
        group.after_raft();
    }

    /// As if raft had counted a whole election timeout.
    pub(super) fn hasten(&mut self, id: GroupId) {
        let raft = &mut self.group(id).expect("the group is here").raw.raft;
        raft.election_elapsed = raft.randomized_election_timeout();
    }

    /// All about a group, for a test that fails.
    pub(super) fn tell(&self, id: GroupId) -> String {
        let Some(group) = self.get(id) else { return String::new() };
        let (raft, log) = (&group.raw.raft, &group.raw.raft.raft_log);
        format!(
            "node {} {:?} leader {} term {} last {} {} commit {} persisted {} applied {} handed {} timeout {}/{} {:?} {:?} {:?} pending conf {} progress {:?}",
            self.node,
            raft.state,
            raft.leader_id,
            raft.term,
            log.last_index(),
            log.last_term(),
            log.committed,
            log.persisted,
            log.applied,
            group.handed,
            raft.election_elapsed,
            raft.randomized_election_timeout(),
            group.state(),
            group.told,
            group.election,
            raft.pending_conf_index,
            raft.prs().iter().map(|(id, one)| (*id, one.state, one.matched)).collect::<Vec<_>>(),
        )
    }
}
