//! Owns what Raft asks for, carried out: entries and states go to the store, messages to the node, what is committed takes effect.

use super::{Outgoing, Stored, Work};
use crate::command::Part;
use crate::effect::{Effect, Mail};
use crate::engine::Engine;
use crate::serving::Leader;
use crate::settings::Durability;
use crate::transaction::{Then, Until, Waiting};
use hyperion_cluster::group;
use hyperion_model::GroupId;
use hyperion_store::StoreError;

/// What a command over all keys is answered whose changes may be there or not.
const LOST: &str = "TRYAGAIN the leader of a part of the keys has changed: whether the command was carried out there is not known";

impl Engine {
    /// Lets the groups work: to be called at the end of a turn before its batch is written, and once more when something was written
    /// or synced.
    pub fn drive_groups(&mut self) {
        if self.replication.is_none() {
            return;
        }
        loop {
            self.tell_stored();
            if !self.carry_on() {
                break;
            }
            let replication = self.replication.as_mut().expect("looked at above");
            replication.confirming.close();
            let mut effects = std::mem::take(&mut replication.spare);
            let ticket = replication.groups.ready(&mut effects);
            let is_done = effects.is_empty() && ticket.is_none();
            replication.work.extend(effects.drain(..).map(Work::Effect));
            replication.work.extend(ticket.map(Work::Ticket));
            replication.spare = effects;
            if is_done {
                break;
            }
        }
        self.pump_snapshots();
        self.count_pending();
    }

    /// Carries out what is due, in order. `false`: there is no room for the next of it.
    fn carry_on(&mut self) -> bool {
        loop {
            let replication = self.replication.as_mut().expect("asked for groups alone");
            let Some(work) = replication.work.pop_front() else { return true };
            match work {
                Work::Ticket(ticket) => {
                    let position = self.store.appended_position();
                    let must_sync = std::mem::take(&mut replication.must_sync);
                    replication.stored.push_back(Stored { ticket, position, must_sync });
                }
                Work::Effect(effect) => {
                    if let Err(left) = self.carry(effect) {
                        let replication = self.replication.as_mut().expect("it is still there");
                        replication.work.push_front(Work::Effect(*left));
                        return false;
                    }
                }
            }
        }
    }

    /// Carries one effect out, or gives back what found no room.
    fn carry(&mut self, effect: group::Effect) -> Result<(), Box<group::Effect>> {
        use group::Effect as Asked;
        // Of a partition; group 0 is kept whole everywhere.
        let keeps_log = |group| self.store.is_log_only() && group != GroupId::METADATA;
        let replication = self.replication.as_mut().expect("asked for groups alone");
        match effect {
            Asked::State { group, state, must_sync } => {
                let stored = self.stored_state(group, &state);
                // A change of members that follows needs the commit index that was known before it.
                let kept = if must_sync {
                    self.store.write_group_state(group, &stored)
                } else {
                    self.store.set_group_state(group, &stored)
                };
                if kept.is_err() {
                    return Err(Box::new(Asked::State { group, state, must_sync }));
                }
                let replication = self.replication.as_mut().expect("it is still there");
                replication.must_sync |= must_sync;
            }
            Asked::Staged { .. } | Asked::Members { .. } => {}
            Asked::Append { group, cut_from, entries } => {
                if let Some(from) = cut_from {
                    // Entries of a leader that was one no more when it proposed them: who waits for them is not answered.
                    self.lose_pending(group);
                    if self.store.cut(group, from).is_err() {
                        return Err(Box::new(Asked::Append { group, cut_from, entries }));
                    }
                }
                if group == GroupId::METADATA {
                    let replication = self.replication.as_mut().expect("it is still there");
                    replication.meta.note(cut_from, &entries);
                }
                let mut entries = entries.into_iter();
                while let Some(entry) = entries.next() {
                    let kind = kind_of(&entry);
                    let result =
                        self.store.append_entry(group, entry.term, entry.index, kind, &entry.data);
                    match result {
                        Ok(()) => {}
                        Err(StoreError::NoRoom { .. }) => {
                            let rest = std::iter::once(entry).chain(entries).collect();
                            return Err(Box::new(Asked::Append {
                                group,
                                cut_from: None,
                                entries: rest,
                            }));
                        }
                        // What a leader took cannot be too large here, unless the nodes' segments differ.
                        Err(error) => panic!("entry {} of {group:?}: {error}", entry.index),
                    }
                }
            }
            Asked::Send { group, to, message } => {
                let to = u32::try_from(to).expect("nodes are counted in 32 bits");
                replication.outgoing.push(Outgoing { to, group, message });
            }
            Asked::Apply { group, up_to } if keeps_log(group) => {
                replication.groups.applied(group, up_to);
            }
            Asked::Apply { group, up_to } => {
                let is_meta = group == GroupId::METADATA;
                if is_meta && !self.apply_meta(up_to) || self.store.apply(group, up_to).is_err() {
                    return Err(Box::new(Asked::Apply { group, up_to }));
                }
                let replication = self.replication.as_mut().expect("it is still there");
                replication.groups.applied(group, up_to);
            }
            // Its lead goes on to who has the keys.
            Asked::BecameLeader { group, .. } if keeps_log(group) => {
                self.leader_changed(group, Leader::Changing);
            }
            Asked::BecameLeader { group, .. } => {
                if let (Some(serving), Some(partition)) = (&mut self.serving, group.partition()) {
                    // It may have been a copy that counted for nothing.
                    serving.set_copy(partition, true);
                }
                if group == GroupId::METADATA {
                    self.tell_cluster();
                }
                self.leader_changed(group, Leader::Own);
            }
            Asked::LostLeader { group, .. } => {
                self.lose_pending(group);
                self.leader_changed(group, Leader::Changing);
            }
            Asked::LeaderIs { group, leader, .. } => {
                let leader = leader.and_then(|node| u32::try_from(node).ok());
                match leader {
                    // It serves when it says so itself.
                    Some(node) if node == replication.node => {}
                    // It leads to hand its entries and the lead on.
                    Some(node) if group != GroupId::METADATA && replication.is_log_only(node) => {
                        self.leader_changed(group, Leader::Changing);
                    }
                    Some(node) => self.leader_changed(group, Leader::Node(node)),
                    None => self.leader_changed(group, Leader::Changing),
                }
            }
            Asked::SnapshotWanted { group, to, message, .. } => {
                if keeps_log(group) {
                    // There are no keys to send: who lacks more than is kept waits for one that has them.
                    replication.groups.snapshot_done(group, to);
                    return Ok(());
                }
                let to = u32::try_from(to).expect("nodes are counted in 32 bits");
                replication.begin_sending(to, group, message);
            }
            Asked::InstallSnapshot { group, at, conf } => {
                if !self.install_snapshot(group, at, &conf) {
                    return Err(Box::new(Asked::InstallSnapshot { group, at, conf }));
                }
            }
            Asked::ReadAt { group, token, .. } => replication.confirming.confirm(group, token),
            Asked::ReadLost { group, token } => self.lose_reads(group, token),
        }
        Ok(())
    }

    /// What a group has not committed may never take effect, or may: whoever waits for it hears neither.
    pub(super) fn lose_pending(&mut self, group: GroupId) {
        let replication = self.replication.as_mut().expect("asked for groups alone");
        if !replication.pending.remove(&group) {
            return;
        }
        let Some(position) = self.store.oldest_unapplied([group]) else { return };
        self.events.lose_from(position);
        self.effects.push(Effect::CloseFrom { position });
        self.lose_waiting(position);
    }

    /// Steps that wait for what lies behind a position are told that it may never take effect.
    pub(super) fn lose_waiting(&mut self, position: u64) {
        let is_lost = |waiting: &mut Waiting| {
            let is_behind = matches!(waiting.until, Until::Released(until) if until > position);
            is_behind && waiting.then.is_span()
        };
        let lost: Vec<Waiting> = self.waiting.extract_if(.., is_lost).collect();
        for then in lost.into_iter().filter_map(|waiting| waiting.then.lost()) {
            self.wait(Until::Released(0), then);
        }
        for waiting in &mut self.waiting {
            if let (Until::Released(until), Then::Mail { mail: Mail::Part { part, .. }, .. }) =
                (waiting.until, &mut waiting.then)
                && until > position
            {
                *part = Part::Refused(LOST.to_owned());
                waiting.until = Until::Released(0);
            }
            if let (Until::Released(until), Then::Mail { mail: Mail::Unit(mail), .. }) =
                (waiting.until, &mut waiting.then)
                && until > position
            {
                mail.lose();
                waiting.until = Until::Released(0);
            }
        }
    }

    /// Tells the groups what has become as durable as it must be.
    fn tell_stored(&mut self) {
        let (written, durable) = (self.store.written_position(), self.store.durable_position());
        let always = self.settings().durability == Durability::Always;
        let replication = self.replication.as_mut().expect("asked for groups alone");
        let mut reached = None;
        while let Some(stored) = replication.stored.front() {
            let position = if always || stored.must_sync { durable } else { written };
            if stored.position > position {
                break;
            }
            reached = Some(stored.ticket);
            replication.stored.pop_front();
        }
        if let Some(ticket) = reached {
            replication.groups.persisted(ticket);
        }
    }

    /// Finds out what answers wait for now.
    fn count_pending(&mut self) {
        let replication = self.replication.as_mut().expect("asked for groups alone");
        let store = &self.store;
        replication.pending.retain(|&group| store.oldest_unapplied([group]).is_some());
        replication.held = store.oldest_unapplied(replication.pending.iter().copied());
    }
}

fn kind_of(entry: &group::Entry) -> u8 {
    match entry.get_entry_type() {
        group::EntryType::EntryNormal => 0,
        group::EntryType::EntryConfChange => 1,
        group::EntryType::EntryConfChangeV2 => 2,
    }
}
