//! Owns what becomes of a replica that has more than all who decide: a leader's entries are others than those that were committed here.
//!
//! No leader whose voters have kept what they acknowledged sends such. A power cut, with commits that are synced later, may take the end of the
//! logs of all voters, or of the only one, and not of those that follow without a vote. Raft takes that for a broken log and ends the
//! process, or, where it only sees that it has so many entries, acknowledges entries that it does not have.

use raft::eraftpb::Message;

use super::error::GroupError;
use super::replica::Group;

impl Group {
    /// Whether an append says that other entries stand where committed ones do here.
    fn contradicts(&self, append: &Message) -> bool {
        let log = &self.raw.raft.raft_log;
        let is_other = |index: u64, term: u64| {
            // Raft gives 0 where it does not know.
            log.term(index).is_ok_and(|own| own != 0 && own != term)
        };
        append.term >= self.raw.raft.term
            && append.index <= log.committed
            && (is_other(append.index, append.log_term)
                || append
                    .entries
                    .iter()
                    .take_while(|entry| entry.index <= log.committed)
                    .any(|entry| is_other(entry.index, entry.term)))
    }

    /// Refuses an append that contradicts what was committed here. A replica without a vote gives its log up and asks for all anew; a voter keeps what it
    /// has, and follows nobody, until a person has decided.
    pub(super) fn check_contradiction(&mut self, append: &Message) -> Result<(), GroupError> {
        // What a repair has saved is no word against a leader's.
        if self.is_worthless() || !self.contradicts(append) {
            return Ok(());
        }
        let begins_anew = !self.tail().conf().is_voter(self.node);
        if begins_anew {
            self.restart_empty()?;
        }
        let is_news = begins_anew || !std::mem::replace(&mut self.is_overtaken, true);
        Err(GroupError::Overtaken { group: self.id, from: append.from, begins_anew, is_news })
    }
}
