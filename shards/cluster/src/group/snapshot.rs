//! Owns snapshots as far as the group sees them: whether one is needed, and what holds while it comes in.

use raft::SnapshotStatus;
use raft::eraftpb::Message;

use super::error::GroupError;
use super::recovered::Position;
use super::replica::Group;

impl Group {
    /// Asks before the store drops what it has: the header is the message that is stepped at the end. From here on the
    /// group has an empty log, and does not campaign until the message is stepped; it votes by the end of the log that it had.
    pub(super) fn install_begin(&mut self, header: &Message) -> Result<(), GroupError> {
        let raft = &self.raw.raft;
        let metadata = header.get_snapshot().get_metadata();
        let (index, term) = (metadata.index, metadata.term);
        let commit = raft.raft_log.committed;
        let members = metadata.get_conf_state();
        let is_member = [&members.voters, &members.learners, &members.voters_outgoing]
            .iter()
            .any(|list| list.contains(&self.node));
        // A late snapshot of an older leader, or one of a place that the log has reached, would set the group back.
        let has = raft.raft_log.match_term(index, term);
        if header.term < raft.term || index <= commit || has || !is_member || self.is_leader() {
            return Err(GroupError::NotNeeded { index, commit });
        }
        if !self.installing {
            self.restart_empty()?;
        }
        self.incoming = Some(Position { index, term });
        Ok(())
    }

    /// The stream to `to` has ended. It is probed just behind the snapshot, also where that did not come through: it may have had all of it
    /// before, which the leader did not know of, and who does not have it says so and is sent another.
    pub(super) fn snapshot_done(&mut self, to: u64) {
        self.raw.report_snapshot(to, SnapshotStatus::Finish);
        self.after_raft();
    }
}
