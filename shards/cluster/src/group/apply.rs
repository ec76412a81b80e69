//! Owns the way from committed to applied.

use raft::eraftpb::{ConfChange, ConfChangeV2, Entry, EntryType};

use super::alone::only_member;
use super::effect::Effect;
use super::replica::{Group, is_change};
use super::tail::entry_bytes;

impl Group {
    /// The index up to which entries may be applied. A leader does not wait for its own sync: what a majority holds is
    /// committed. Only a change of members waits, because raft hands it out when it is durable here.
    fn apply_limit(&self) -> u64 {
        let raft = &self.raw.raft;
        let log = &raft.raft_log;
        let durable = log.committed.min(log.persisted);
        if !self.is_leader() {
            return durable;
        }
        if raft.pending_conf_index > log.persisted {
            return log.committed.min(raft.pending_conf_index - 1).max(durable);
        }
        log.committed
    }

    /// Hands out what became committed.
    pub(super) fn hand_out(&mut self, effects: &mut Vec<Effect>) {
        let limit = self.apply_limit();
        if limit > self.handed {
            self.handed = limit;
            effects.push(Effect::Apply { group: self.id, up_to: limit });
        }
    }

    /// Takes the entries that raft calls committed and durable: changes of members act now.
    pub(super) fn take_committed(&mut self, entries: &[Entry], effects: &mut Vec<Effect>) {
        let term = self.raw.raft.term;
        for entry in entries {
            if entry.term == term {
                self.uncommitted_bytes = self.uncommitted_bytes.saturating_sub(entry_bytes(entry));
            }
            if is_change(entry) {
                self.change_members(entry, effects);
            }
        }
    }

    fn change_members(&mut self, entry: &Entry, effects: &mut Vec<Effect>) {
        if entry.index <= self.tail().conf().index {
            // The members as recorded have it already.
            return;
        }
        // A change that cannot be made changes nothing, and does so on every replica.
        let state = match entry.get_entry_type() {
            EntryType::EntryConfChange => {
                parse::<ConfChange>(&entry.data).map(|change| self.raw.apply_conf_change(&change))
            }
            _ => parse::<ConfChangeV2>(&entry.data).map(|change| {
                match only_member(&change).and_then(|node| self.leave_only(node)) {
                    Some(state) => Ok(state),
                    None => self.raw.apply_conf_change(&change),
                }
            }),
        };
        let Some(Ok(mut state)) = state else { return };
        if self.planted.joint_in_one_step
            && !state.get_voters_outgoing().is_empty()
            && let Ok(left) = self.raw.apply_conf_change(&ConfChangeV2::default())
        {
            state = left;
        }
        let conf = super::conf::Conf::from_raft(entry.index, &state);
        self.named_term = entry.term;
        self.election.set_rank(&conf);
        self.raw.mut_store().set_conf(conf.clone());
        self.state_due = true;
        let leaves = self.is_leader() && !conf.is_voter(self.node);
        effects.push(Effect::Members { group: self.id, conf });
        if leaves {
            // The others learn that it is committed; then somebody else has to lead.
            self.raw.raft.bcast_append();
            let term = self.raw.raft.term;
            self.raw.raft.become_follower(term, raft::INVALID_ID);
        }
        self.after_raft();
    }

    /// The store has applied up to `index`.
    pub(super) fn applied(&mut self, index: u64) {
        assert!(
            index <= self.handed,
            "applied {index} is past what was handed out {}",
            self.handed
        );
        if index > self.applied {
            self.applied = index;
            self.raw.mut_store().set_applied(index);
        }
        self.tell_applied();
    }

    /// Raft counts as applied only what is durable here.
    pub(super) fn tell_applied(&mut self) {
        let log = &self.raw.raft.raft_log;
        let index = self.applied.min(log.committed).min(log.persisted);
        if index > log.applied {
            self.raw.advance_apply_to(index);
        }
    }
}

fn parse<M: protobuf::Message>(bytes: &[u8]) -> Option<M> {
    M::parse_from_bytes(bytes).ok()
}
