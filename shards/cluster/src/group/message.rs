//! Owns what a message must be before raft sees it: raft asserts where a peer may be wrong.

use raft::eraftpb::{Message, MessageType};
use raft::{CAMPAIGN_TRANSFER, INVALID_ID, StateRole};

use super::calm::BeatOut;
use super::error::GroupError;
use super::lease::Acks;
use super::recovered::Position;
use super::repaired::Claim;
use super::replica::Group;

/// What becomes of a message.
enum Verdict {
    Step,
    /// Silently: it is late, or this replica keeps its quiet time.
    Drop,
}

impl Group {
    /// Takes a message of a peer. `now_ns` was read after the message had been received.
    pub(super) fn step(&mut self, mut message: Message, now_ns: u64) -> Result<(), GroupError> {
        let from = message.from;
        match self.check(&mut message, now_ns)? {
            Verdict::Drop => return Ok(()),
            Verdict::Step => {}
        }
        self.take_anew(&message)?;
        let kind = message.get_msg_type();
        let term = message.term;
        let (everywhere, commit) = (message.index, message.commit);
        // An answer of a node that is no member any more is no error.
        let _ = self.raw.step(message);
        let is_leaders = matches!(
            kind,
            MessageType::MsgAppend | MessageType::MsgHeartbeat | MessageType::MsgSnapshot
        );
        let raft = &self.raw.raft;
        if is_leaders && raft.term == term && raft.leader_id == from {
            self.election.heard_leader(now_ns);
            if kind == MessageType::MsgHeartbeat {
                self.everywhere = self.everywhere.max(everywhere);
            }
            if kind == MessageType::MsgAppend {
                self.settle_doubt(commit);
            }
        }
        self.after_raft();
        Ok(())
    }

    fn check(&mut self, message: &mut Message, now_ns: u64) -> Result<Verdict, GroupError> {
        let from = message.from;
        let malformed = |what| Err(GroupError::Malformed { from, what });
        if message.to != self.node || from == self.node || from == INVALID_ID {
            return malformed("it is not for this node");
        }
        let last = self.raw.raft.raft_log.last_index();
        match message.get_msg_type() {
            MessageType::MsgAppend => {
                let mut before = (message.index, message.log_term);
                for entry in &message.entries {
                    if entry.index != before.0 + 1
                        || entry.term < before.1
                        || entry.term > message.term
                    {
                        return malformed("its entries have gaps");
                    }
                    before = (entry.index, entry.term);
                }
                self.check_contradiction(message)?;
            }
            MessageType::MsgHeartbeat => {
                // A replica that has lost its log's end would otherwise stop over a commit index that it had.
                message.commit = message.commit.min(last);
            }
            MessageType::MsgAppendResponse => {
                let of_now = message.term == self.raw.raft.term;
                if of_now && self.is_leader() && !message.reject && message.index > last {
                    return malformed("it acknowledges what was never sent");
                }
            }
            MessageType::MsgHeartbeatResponse => {
                let term = self.raw.raft.term;
                #[cfg(test)]
                self.faults.receipt(message, now_ns);
                if !self.acks.acknowledge(message, term) {
                    return malformed("its heartbeat was never sent");
                }
            }
            MessageType::MsgRequestVote | MessageType::MsgRequestPreVote => {
                return Ok(if self.check_vote(message, now_ns) {
                    Verdict::Step
                } else {
                    Verdict::Drop
                });
            }
            MessageType::MsgSnapshot => {
                let metadata = message.get_snapshot().get_metadata();
                let at = Position { index: metadata.index, term: metadata.term };
                if self.incoming != Some(at) {
                    // Its records are not here.
                    return Ok(Verdict::Drop);
                }
            }
            MessageType::MsgTimeoutNow => {
                // A campaign needs a durable and whole log; the next try of the leader finds it.
                return Ok(if self.is_able() && self.doubt.is_none() {
                    Verdict::Step
                } else {
                    Verdict::Drop
                });
            }
            MessageType::MsgRequestVoteResponse | MessageType::MsgRequestPreVoteResponse => {
                if !self.hears_vote(message) {
                    return Ok(Verdict::Drop);
                }
            }
            _ => return malformed("nodes do not send this kind"),
        }
        Ok(Verdict::Step)
    }

    /// Whether raft is to see a campaign. A leader counts on the silence of those who heard it.
    fn check_vote(&mut self, message: &mut Message, now_ns: u64) -> bool {
        let forced = message.context.as_ref() == CAMPAIGN_TRANSFER;
        let quiet = self.election.is_quiet(now_ns) && !forced;
        #[cfg(test)]
        let quiet = quiet && !self.faults.votes_inside_lease;
        let claim = Claim::of(message);
        self.hear_end(message.from, claim);
        if self.is_worthless() {
            if message.term < self.raw.raft.term {
                // It hears which term it is.
                return true;
            }
            if quiet || !self.compare_repaired(claim, message) {
                return false;
            }
        } else {
            let candidate = Position { index: message.index, term: message.log_term };
            if quiet
                || !self.trusts(claim)
                || !self.may_vote()
                || candidate.log_order() < self.floor.log_order()
            {
                return false;
            }
        }
        let raft = &mut self.raw.raft;
        if raft.state != StateRole::Leader {
            // Raft counts ticks, of which a busy turn leaves out some. By the clock the leader has been silent for the
            // quiet time, and it is no leader to protect any more.
            raft.leader_id = INVALID_ID;
        }
        true
    }

    /// Whether it can compare logs: by its own, or by the end of the one it has dropped.
    fn may_vote(&self) -> bool {
        self.raw.raft.raft_log.last_index() > 0 || self.floor.index > 0
    }

    /// Whether this replica could lead. Raft asserts that a new leader's log is durable.
    pub(super) fn is_able(&self) -> bool {
        let log = &self.raw.raft.raft_log;
        !self.installing
            && !self.is_worthless()
            && log.last_index() > 0
            && self.last().log_order() >= self.floor.log_order()
            && self.raw.raft.promotable()
            && log.persisted == log.last_index()
    }

    /// One tick.
    pub(super) fn tick(&mut self, now_ns: u64, beats: &mut Vec<BeatOut>) -> bool {
        let ready = if self.is_leader() {
            self.tick_leader(now_ns, beats)
        } else {
            let able = self.is_able() || self.may_tell();
            self.election.tick(&mut self.raw.raft, able, now_ns)
        };
        if ready {
            self.after_raft();
        }
        ready
    }

    /// A heartbeat carries the time of sending, and the index that all members have.
    pub(super) fn stamp(message: &mut Message, everywhere: u64, now_ns: u64) {
        if message.get_msg_type() == MessageType::MsgHeartbeat {
            Acks::stamp(message, now_ns);
            message.index = everywhere;
        }
    }
}
