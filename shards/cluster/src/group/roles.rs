//! Owns leading: what a leader takes, and what the outside hears of who leads.

use raft::eraftpb::{Entry, Message, MessageType};

use super::effect::Effect;
use super::error::Refusal;
use super::lease::Lease;
use super::limits::READS_MAX;
use super::recovered::Position;
use super::replica::Group;
use super::tail::entry_bytes;

impl Group {
    /// Whether it leads and has committed in its term, and told so.
    pub(super) fn check_serving(&self) -> Result<(), Refusal> {
        if !self.is_leader() {
            return Err(Refusal::NotLeader { leader: self.leader() });
        }
        if !self.told.serves || self.told.leads != Some(self.raw.raft.term) {
            return Err(Refusal::NotServing);
        }
        Ok(())
    }

    /// Where the next proposal will stand. Raft 0.7 forwards a follower's proposals: here they are refused.
    pub(super) fn next_position(&self) -> Result<Position, Refusal> {
        self.check_serving()?;
        if let Some(to) = self.raw.raft.lead_transferee {
            return Err(Refusal::Transferring { to });
        }
        let bytes = self.uncommitted_bytes + self.queue.bytes;
        if bytes >= self.bounds.uncommitted_bytes {
            return Err(Refusal::Full { bytes });
        }
        let log = &self.raw.raft.raft_log;
        let index = log.last_index() + self.queue.entries.len() as u64 + 1;
        Ok(Position { index, term: self.raw.raft.term })
    }

    pub(super) fn propose(&mut self, payload: Vec<u8>) -> Result<Position, Refusal> {
        let position = self.next_position()?;
        let entry = Entry { data: payload.into(), ..Entry::default() };
        if self.queue.entries.is_empty() {
            self.queue.first = position;
        }
        self.queue.bytes += entry_bytes(&entry);
        self.queue.entries.push(entry);
        Ok(position)
    }

    /// Gives raft the proposals of this turn in one step. When leadership was lost meanwhile they are void: the store
    /// has staged them, and cuts them.
    pub(super) fn flush(&mut self, effects: &mut Vec<Effect>) {
        if self.queue.entries.is_empty() {
            return;
        }
        let entries = std::mem::take(&mut self.queue.entries);
        let bytes = std::mem::take(&mut self.queue.bytes);
        let count = entries.len() as u64;
        let Position { index: first, term } = self.queue.first;
        let mut message = Message::default();
        message.set_msg_type(MessageType::MsgPropose);
        message.from = self.node;
        message.set_entries(entries.into());
        let leads = self.is_leader() && self.raw.raft.term == term;
        if leads && self.raw.raft.step(message).is_ok() {
            assert_eq!(
                self.raw.raft.raft_log.last_index(),
                first + count - 1,
                "raft took them in place"
            );
            self.uncommitted_bytes += bytes;
            let last = first + count - 1;
            self.staged = match self.staged {
                Some((start, end, of)) if of == term && end + 1 == first => {
                    Some((start, last, term))
                }
                _ => Some((first, last, term)),
            };
            self.stored = last;
        } else {
            assert!(!leads, "a leader takes proposals that were checked");
            let (group, cut_from) = (self.id, Some(first));
            effects.push(Effect::Append { group, cut_from, entries: Vec::new() });
        }
    }

    /// A new leader, or none.
    pub(super) fn tell_loss(&mut self, effects: &mut Vec<Effect>) {
        let raft = &self.raw.raft;
        let leads = self.is_leader().then_some(raft.term);
        if let Some(term) = self.told.leads.filter(|_| self.told.leads != leads) {
            let (commit, last) = (raft.raft_log.committed, raft.raft_log.last_index());
            self.flush(effects);
            if self.told.serves {
                effects.push(Effect::LostLeader { group: self.id, term, commit, last });
            }
            (self.told.leads, self.told.serves) = (None, false);
            self.change = None;
            self.uncommitted_bytes = 0;
        }
        self.reads.lose(leads, self.id, effects);
        if leads.is_some() && self.told.leads.is_none() {
            self.told.leads = leads;
        }
    }

    pub(super) fn tell_roles(&mut self, effects: &mut Vec<Effect>) {
        let (leader, term) = (self.raw.raft.leader_id, self.raw.raft.term);
        if self.told.leader != (leader, term) {
            if self.told.leader.0 != leader {
                let leader = self.leader();
                effects.push(Effect::LeaderIs { group: self.id, leader, term });
            }
            self.told.leader = (leader, term);
        }
        let serves = self.is_leader()
            && self.told.leads == Some(term)
            && self.raw.raft.commit_to_current_term()
            && self.handed >= self.raw.raft.raft_log.committed;
        if serves && !self.told.serves {
            self.told.serves = true;
            effects.push(Effect::BecameLeader { group: self.id, term });
        }
    }

    /// Whether reads may be answered from what this replica has applied and staged, at `now_ns`.
    pub(super) fn lease(&self, now_ns: u64) -> Lease {
        let raft = &self.raw.raft;
        if self.check_serving().is_err()
            || raft.lead_transferee.is_some()
            || self.acks.is_handed_over(raft.term)
        {
            return Lease::Expired;
        }
        let until_ns = self.acks.until_ns(self.node, raft.term, self.tail().conf(), now_ns);
        if now_ns < until_ns { Lease::Valid { until_ns } } else { Lease::Expired }
    }

    pub(super) fn read_index(&mut self, token: u64) -> Result<(), Refusal> {
        // Raft drops such a read without a word before the leader has committed in its term.
        self.check_serving()?;
        if self.reads.len() >= READS_MAX {
            return Err(Refusal::Full { bytes: 0 });
        }
        self.reads.push(token);
        Ok(())
    }

    /// Hands leadership to `to`. Lease reads stop now.
    pub(super) fn transfer(&mut self, to: u64, effects: &mut Vec<Effect>) -> Result<(), Refusal> {
        self.check_serving()?;
        if to == self.node || !self.tail().conf().voters.contains(&to) {
            return Err(Refusal::Invalid(format!("node {to} is no other voter")));
        }
        // What is staged is given to raft first: afterwards it takes nothing.
        self.flush(effects);
        self.raw.transfer_leader(to);
        self.after_raft();
        Ok(())
    }
}
