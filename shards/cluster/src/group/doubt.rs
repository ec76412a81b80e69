//! Owns doubt: a replica whose log may have lost its end, as in a power cut with commits that are synced later, may not vote as if it
//! still had all that it once acknowledged.
//!
//! What it has lost may be committed, with its acknowledgement in the majority. So it is in doubt until it has what the leader of a later
//! time has committed in its own term, which is all that was committed before. While nobody leads, it counts for a candidate, itself too,
//! whose log is the longest of all voters', of which it has heard every one since its start: what is left of a committed entry
//! anywhere is in that one. Candidates tell the ends of their logs, and who votes for them that its own is no longer, so each campaign brings
//! all nearer to knowing.
//!
//! Not covered: a change of the voters that is lost with the end of the log. Its new voters are not waited for.

use std::collections::BTreeMap;

use raft::eraftpb::Message;
use raft::{INVALID_ID, StateRole};

use super::repaired::Claim;
use super::replica::Group;

/// Ends of the other voters' logs, as heard since the start.
#[derive(Debug, Default)]
pub(super) struct Doubt {
    heard: BTreeMap<u64, Claim>,
}

impl Doubt {
    /// What a replica begins with that may have lost the end of its log. One that votes alone has nobody to ask.
    pub(super) fn at_start(may_be_cut: bool, node: u64, voters: &[u64]) -> Option<Self> {
        (may_be_cut && voters != [node]).then(Self::default)
    }
}

impl Group {
    /// A candidate tells what its log is worth.
    pub(super) fn hear_end(&mut self, candidate: u64, claim: Claim) {
        if let Some(doubt) = &mut self.doubt {
            doubt.heard.insert(candidate, claim);
        }
    }

    /// Whether a log of this worth has all that may be committed, as far as this replica is to answer for that.
    pub(super) fn trusts(&self, claim: Claim) -> bool {
        let Some(doubt) = &self.doubt else { return true };
        self.others().all(|voter| doubt.heard.get(&voter).is_some_and(|heard| *heard <= claim))
    }

    /// The other voters, as far as known here.
    pub(super) fn others(&self) -> impl Iterator<Item = u64> + '_ {
        let conf = self.tail().conf();
        let voters = conf.voters.iter().chain(&conf.voters_outgoing).copied();
        voters.filter(|voter| *voter != self.node)
    }

    /// Takes an answer to a campaign of this replica; `false`: a vote that counts for nothing yet, because its own would have to be beside it.
    /// Whoever votes for it has no longer log, which those that do not campaign themselves tell in no other way.
    pub(super) fn hears_vote(&mut self, answer: &Message) -> bool {
        let campaigns =
            matches!(self.raw.raft.state, StateRole::PreCandidate | StateRole::Candidate);
        if answer.reject || !campaigns {
            return true;
        }
        let own = self.claim();
        self.hear_end(answer.from, own);
        self.trusts(own) && !(self.is_worthless() && self.has_no_copy())
    }

    /// The leader's entries were taken; it had committed up to `commit`.
    pub(super) fn settle_doubt(&mut self, commit: u64) {
        let log = &self.raw.raft.raft_log;
        let has_all = log.committed >= commit && log.term(log.committed) == Ok(self.raw.raft.term);
        if self.doubt.is_some() && has_all && !self.is_worthless() {
            self.doubt = None;
            self.state_due |= self.repaired.take().is_some();
        }
    }

    /// A node may have come back without what it has acknowledged: it is asked again. Raft never looks below what it believes to be there.
    pub(super) fn doubt_peer(&mut self, node: u64) {
        let raft = &mut self.raw.raft;
        if node == INVALID_ID || node == raft.id {
            return;
        }
        if let Some(progress) = raft.mut_prs().get_mut(node) {
            // What is probed first is where it should be.
            progress.matched = 0;
        }
    }
}
