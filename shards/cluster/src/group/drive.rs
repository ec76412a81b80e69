//! Owns one group's part of a turn: what raft wants becomes effects, and messages wait for what must be durable first.

use raft::eraftpb::{Entry, Message, MessageType};
use raft::{Ready, StateRole};

use super::conf::Conf;
use super::effect::{Effect, Ticket};
use super::recovered::Position;
use super::replica::{Group, Outstanding, is_change};
use super::timing::COMMIT_RECORD_NS;

/// What a turn gives every group.
pub(super) struct Turn<'a> {
    pub(super) now_ns: u64,
    /// Names what this turn asks to be stored.
    pub(super) ticket: Ticket,
    pub(super) effects: &'a mut Vec<Effect>,
}

impl Group {
    /// Carries out all that is due. True when something has to become durable under the turn's ticket.
    pub(super) fn drive(&mut self, turn: &mut Turn) -> bool {
        self.note_busy();
        self.tell_loss(turn.effects);
        self.flush(turn.effects);
        self.leave_joint();
        self.name_only();
        self.flush_change();
        if self.is_leader() {
            self.reads.start(&mut self.raw);
        }
        let released = std::mem::take(&mut self.released);
        self.send(released, turn.effects);
        let mut stores = false;
        while self.raw.has_ready() {
            let ready = self.raw.ready();
            stores |= self.handle(ready, turn);
        }
        self.tell_loss(turn.effects);
        self.hand_out(turn.effects);
        self.tell_roles(turn.effects);
        self.after_raft();
        self.truncate(turn.now_ns);
        if self.record_state(turn) {
            self.hold(Vec::new(), self.number, true, turn);
            stores = true;
        }
        stores
    }

    /// Whether the state waits to be stored.
    pub(super) fn is_record_due(&self, now_ns: u64) -> bool {
        self.state_due
            || self.unrecorded_since.is_some_and(|since| now_ns >= since + COMMIT_RECORD_NS)
    }

    fn handle(&mut self, mut ready: Ready, turn: &mut Turn) -> bool {
        let mut stores = false;
        if !ready.snapshot().is_empty() {
            self.install(&ready, turn.effects);
            stores = true;
        }
        let entries = ready.take_entries();
        if let Some(state) = ready.hs() {
            self.raw.mut_store().set_hard_state(state.clone());
            self.state_due |= self.needs_sync();
            self.unrecorded_since.get_or_insert(turn.now_ns);
        }
        self.state_due |= entries.iter().any(is_change);
        self.cut_before_state(&entries, turn);
        stores |= self.record_state(turn);
        stores |= self.append(entries, turn.effects);
        let committed = ready.take_committed_entries();
        let reads = ready.take_read_states();
        let number = ready.number();
        self.number = number;
        let mut messages = ready.take_messages();
        messages.append(&mut ready.take_persisted_messages());
        self.raw.advance_append_async(ready);
        messages = super::batch::join(messages);
        for message in &mut messages {
            Self::stamp(message, self.everywhere, turn.now_ns);
            self.say_repaired(message);
        }
        self.hold(messages, number, stores, turn);
        self.take_committed(&committed, turn.effects);
        for state in &reads {
            self.reads.confirm(state, self.id, turn.effects);
        }
        stores
    }

    /// Whether the term or the vote is not the stored one.
    fn needs_sync(&self) -> bool {
        let state = self.raw.raft.hard_state();
        (state.term, state.vote) != self.recorded
    }

    /// Asks to store the state when it must be, or when the commit index has waited long enough.
    fn record_state(&mut self, turn: &mut Turn) -> bool {
        if !self.is_record_due(turn.now_ns) {
            return false;
        }
        let state = self.state();
        let must_sync = self.state_due;
        self.recorded = (state.term, state.vote);
        self.conf_recorded = state.conf.index;
        (self.state_due, self.unrecorded_since) = (false, None);
        turn.effects.push(Effect::State { group: self.id, state, must_sync });
        must_sync
    }

    /// Entries that others take the place of are cut before a state is stored that may call their indexes committed: a start that finds the
    /// state and not yet the others must not take them for what was committed.
    fn cut_before_state(&mut self, entries: &[Entry], turn: &mut Turn) {
        let staged = self.staged.unwrap_or_default();
        let is_staged =
            |entry: &Entry| entry.term == staged.2 && (staged.0..=staged.1).contains(&entry.index);
        let Some(first) = entries.iter().find(|entry| !is_staged(entry)) else { return };
        if first.index <= self.stored && self.is_record_due(turn.now_ns) {
            self.stored = first.index - 1;
            let (group, cut_from) = (self.id, Some(first.index));
            turn.effects.push(Effect::Append { group, cut_from, entries: Vec::new() });
        }
    }

    /// Gives the store what it does not have, and names what it has.
    fn append(&mut self, entries: Vec<Entry>, effects: &mut Vec<Effect>) -> bool {
        let Some(last) = entries.last() else { return false };
        let last = last.index;
        self.raw.mut_store().append(&entries);
        let group = self.id;
        let mut entries = entries;
        if let Some((first, staged, term)) = self.staged.take() {
            let is_staged =
                |entry: &Entry| entry.term == term && entry.index >= first && entry.index <= staged;
            let count = entries.iter().take_while(|entry| is_staged(entry)).count();
            if let Some(last) = count.checked_sub(1).map(|at| entries[at].index) {
                let first = entries[0].index;
                effects.push(Effect::Staged { group, first, last, term });
                entries.drain(..count);
            }
        }
        if let Some(first) = entries.first() {
            let cut_from = Some(first.index).filter(|first| *first <= self.stored);
            effects.push(Effect::Append { group, cut_from, entries });
        }
        self.stored = last;
        true
    }

    fn install(&mut self, ready: &Ready, effects: &mut Vec<Effect>) {
        let metadata = ready.snapshot().get_metadata();
        let at = Position { index: metadata.index, term: metadata.term };
        let conf = Conf::from_raft(at.index, metadata.get_conf_state());
        self.election.set_rank(&conf);
        self.raw.mut_store().restart(at, conf.clone());
        (self.stored, self.handed, self.applied) = (at.index, at.index, at.index);
        (self.installing, self.incoming, self.state_due) = (false, None, true);
        self.renew();
        effects.push(Effect::InstallSnapshot { group: self.id, at, conf });
    }

    /// Sends, or holds until what the messages speak of is durable.
    fn hold(&mut self, messages: Vec<Message>, number: u64, stores: bool, turn: &mut Turn) {
        let leads = self.raw.raft.state == StateRole::Leader;
        let term_is_durable = self.durable_term == self.raw.raft.term;
        if !stores && self.outstanding.is_empty() {
            self.raw.on_persist_ready(number);
            return self.send(messages, turn.effects);
        }
        // A leader's entries go out before they are durable here, but not before its term is: a sole voter is elected by
        // itself at once, and would lead twice in one term after a crash. An answer to a heartbeat promises nothing that
        // is not in the term.
        let (now, held): (Vec<Message>, Vec<Message>) = messages.into_iter().partition(|message| {
            term_is_durable
                && (leads || message.get_msg_type() == MessageType::MsgHeartbeatResponse)
        });
        self.send(now, turn.effects);
        match self.outstanding.back_mut() {
            Some(last) if last.ticket == turn.ticket => {
                last.number = number;
                last.term = self.raw.raft.term;
                last.conf = self.conf_recorded;
                last.held.extend(held);
            }
            // Nothing new to store: it waits for what is under way.
            Some(last) if !stores => {
                last.number = number;
                last.held.extend(held);
            }
            _ => self.outstanding.push_back(Outstanding {
                ticket: turn.ticket,
                number,
                term: self.raw.raft.term,
                conf: self.conf_recorded,
                held,
            }),
        }
    }

    /// What was asked for up to `ticket` is durable.
    pub(super) fn persisted(&mut self, ticket: Ticket) {
        while self.outstanding.front().is_some_and(|first| first.ticket <= ticket) {
            let done = self.outstanding.pop_front().expect("just looked at");
            self.raw.on_persist_ready(done.number);
            self.durable_term = self.durable_term.max(done.term);
            self.conf_durable = self.conf_durable.max(done.conf);
            self.released.extend(done.held);
        }
        self.tell_applied();
        self.after_raft();
    }

    fn send(&mut self, messages: Vec<Message>, effects: &mut Vec<Effect>) {
        for message in messages {
            let (group, to) = (self.id, message.to);
            let message = Box::new(message);
            if message.get_msg_type() == MessageType::MsgSnapshot {
                let metadata = message.get_snapshot().get_metadata();
                let at = Position { index: metadata.index, term: metadata.term };
                let conf = Conf::from_raft(at.index, metadata.get_conf_state());
                effects.push(Effect::SnapshotWanted { group, to, at, conf, message });
            } else {
                effects.push(Effect::Send { group, to, message });
            }
        }
    }
}
