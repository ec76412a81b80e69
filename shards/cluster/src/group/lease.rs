//! Owns a leader's lease: until when a majority keeps silent, by the times at which it sent what they acknowledged.

use raft::Raft;
use raft::eraftpb::{Message, MessageType};

use super::conf::Conf;
use super::tail::Tail;
use super::timing::LEASE_NS;

/// Whether a leader may answer reads from its own state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// No other leader can have been elected before `until_ns`.
    Valid {
        /// CLOCK_BOOTTIME in ns. The reply has left before, or the lease is asked for again.
        until_ns: u64,
    },
    /// Ask with `read_index`.
    Expired,
}

/// Bytes before raft's own context in a heartbeat: the time of sending, term of the sender.
const STAMP_BYTES: usize = 16;

/// Times of sending of the newest heartbeat that each member has acknowledged, in one term.
#[derive(Debug, Default)]
pub(super) struct Acks {
    term: u64,
    /// Node, time of sending.
    sent: Vec<(u64, u64)>,
    /// Term in which a member was told to campaign at once. Such a campaign breaks the quiet time, and its messages may
    /// be late: there is no lease any more in that term.
    handed_over: u64,
}

impl Acks {
    /// Writes the time of sending into a heartbeat; the follower answers with the same bytes.
    pub(super) fn stamp(message: &mut Message, now_ns: u64) {
        let mut context = Vec::with_capacity(STAMP_BYTES + message.context.len());
        context.extend(now_ns.to_le_bytes());
        context.extend(message.term.to_le_bytes());
        context.extend_from_slice(&message.context);
        message.context = context.into();
    }

    /// Takes the time out of a heartbeat's answer; false when there is none.
    pub(super) fn acknowledge(&mut self, message: &mut Message, term: u64) -> bool {
        let Some((stamp, rest)) = message.context.split_first_chunk::<STAMP_BYTES>() else {
            return false;
        };
        let word = |at: usize| {
            let bytes = stamp[at..at + 8].try_into().expect("eight bytes");
            u64::from_le_bytes(bytes)
        };
        let (sent_ns, sent_term) = (word(0), word(8));
        message.context = rest.to_vec().into();
        if message.term == term && sent_term == term {
            self.note(message.from, sent_ns, term);
        }
        true
    }

    /// `from` has acknowledged in `term` what was sent to it at `sent_ns`.
    pub(super) fn note(&mut self, from: u64, sent_ns: u64, term: u64) {
        self.begin(term);
        match self.sent.iter_mut().find(|(node, _)| *node == from) {
            Some((_, newest)) => *newest = sent_ns.max(*newest),
            None => self.sent.push((from, sent_ns)),
        }
    }

    /// Whether `node` has acknowledged in `term` what was sent to it at `since_ns` or later.
    pub(super) fn has_since(&self, term: u64, node: u64, since_ns: u64) -> bool {
        self.term == term && self.sent.iter().any(|(of, ns)| *of == node && *ns >= since_ns)
    }

    fn begin(&mut self, term: u64) {
        if self.term != term {
            self.term = term;
            self.sent.clear();
        }
    }

    /// Remembers that a member was told to campaign.
    pub(super) fn note_transfer(&mut self, raft: &Raft<Tail>) {
        // While a transfer is under way there is no lease anyhow; here the message itself counts.
        if raft.lead_transferee.is_some()
            && raft.msgs.iter().any(|message| message.get_msg_type() == MessageType::MsgTimeoutNow)
        {
            self.handed_over = raft.term;
        }
    }

    pub(super) fn is_handed_over(&self, term: u64) -> bool {
        self.handed_over == term
    }

    /// End of the lease of `node` as leader of `term`; in a joint configuration both majorities count.
    pub(super) fn until_ns(&self, node: u64, term: u64, conf: &Conf, now_ns: u64) -> u64 {
        let sent = if self.term == term { &self.sent[..] } else { &[] };
        let majority = |voters: &[u64]| {
            let mut times: Vec<u64> = voters
                .iter()
                .map(|voter| {
                    if *voter == node {
                        return now_ns;
                    }
                    sent.iter().find(|(acker, _)| acker == voter).map_or(0, |(_, time)| *time)
                })
                .collect();
            times.sort_unstable_by(|one, other| other.cmp(one));
            times.get(voters.len() / 2).copied().unwrap_or(0)
        };
        let mut time = majority(&conf.voters);
        if conf.is_joint() {
            time = time.min(majority(&conf.voters_outgoing));
        }
        if time == 0 { 0 } else { time + LEASE_NS }
    }
}
