//! Owns syncs of all cores together: what makes commands over several cores durable whole where nobody waits for the disk.
//!
//! With `interval` and `never` the words of a transaction over cores are written one behind the other without a sync between them, so what
//! one core has made durable may rest on what another one has not. Nothing of a log counts as durable, then, before all that it
//! rests on is: a core that owes such words begins an epoch, in which every core takes what it has written and syncs it, and what
//! they took counts when all have said that it is on the disk.
//!
//! Mail between two cores keeps its order, so a core that takes its part says so to all others at once and takes it, at the latest,
//! when it hears that another one has. Then no core has taken a word that rests on what another one has not taken. A core in the midst of
//! a sync of its own cannot take part: it says so, the epoch is void, and the next sync of that core is one of all.

use crate::effect::Mail;
use crate::engine::Engine;
use hyperion_model::CoreId;
use hyperion_store::SyncTicket;

/// What cores tell each other about epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochMail {
    /// The sender has taken its part.
    Begun {
        /// The epoch's number.
        number: u64,
        /// Whether the one before came to its end.
        follows_whole: bool,
    },
    /// The sender's part is on the disk, or it could not take one.
    Synced {
        /// The epoch's number.
        number: u64,
        /// Whether it took part.
        took_part: bool,
    },
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Sync {
    #[default]
    None,
    /// Of this core alone.
    Own,
    /// Of all cores: what this core took, `None` when it had nothing to sync.
    Epoch(Option<SyncTicket>),
}

/// The syncs of a core, as part of those of all.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    /// Of the last epoch that this core has heard of.
    number: u64,
    /// Not all cores have said that their part of it is on the disk, or that it is void.
    is_open: bool,
    sync: Sync,
    /// What was taken, for the one who syncs files.
    begun: Option<SyncTicket>,
    /// Cores that have said so.
    synced: usize,
    /// One of them could not take part.
    is_void: bool,
    /// Words were written that rest on what other cores have written.
    owes: bool,
}

impl Engine {
    /// Words of this core rest on what other cores have written.
    pub(crate) fn owe_epoch(&mut self) {
        self.epochs.owes = true;
    }

    /// Whether what was written may rest on what other cores have written and not synced: it becomes durable by a sync of all.
    #[must_use]
    pub fn owes_epoch(&self) -> bool {
        self.epochs.owes
    }

    /// Whether a sync of all cores waits for this one's files.
    pub(crate) fn epoch_wants_sync(&self) -> bool {
        self.epochs.begun.is_some()
    }

    /// Begins a sync, unless there is nothing to sync or one is under way. [`Engine::synced`] ends it; what it was about may become durable later.
    pub fn begin_sync(&mut self) -> Option<SyncTicket> {
        if let Some(ticket) = self.epochs.begun.take() {
            return Some(ticket);
        }
        let is_busy = self.epochs.is_open || self.epochs.sync != Sync::None;
        if is_busy || self.store.all_written_is_durable() {
            return None;
        }
        if self.epochs.owes && self.map.cores() > 1 {
            let follows_whole = !self.epochs.is_void;
            self.join_epoch(self.epochs.number + 1, follows_whole);
            return self.epochs.begun.take();
        }
        let ticket = self.store.begin_sync();
        if ticket.is_some() {
            self.epochs.sync = Sync::Own;
        }
        ticket
    }

    /// Every file of the ticket was synced.
    pub fn synced(&mut self, ticket: &SyncTicket) {
        if matches!(self.epochs.sync, Sync::Epoch(_)) {
            return self.tell_synced(true);
        }
        self.epochs.sync = Sync::None;
        self.store.finish_sync(ticket);
    }

    /// All that was written is on the disk, by direct writes.
    pub fn written_directly(&mut self) {
        if let Some(ticket) = self.store.begin_sync() {
            self.store.finish_sync(&ticket);
        }
    }

    pub(crate) fn epoch_mail(&mut self, mail: EpochMail) {
        match mail {
            EpochMail::Begun { number, follows_whole } if number > self.epochs.number => {
                if self.epochs.is_open {
                    // Whoever has begun the next one had heard of all cores that this one has ended.
                    self.end_epoch(follows_whole);
                }
                if self.epochs.sync == Sync::Own {
                    self.hear_of_epoch(number, follows_whole);
                    self.epochs.owes = true;
                    self.tell_synced(false);
                } else {
                    self.join_epoch(number, follows_whole);
                }
            }
            EpochMail::Synced { number, took_part } if number == self.epochs.number => {
                self.has_synced(took_part);
            }
            EpochMail::Begun { .. } | EpochMail::Synced { .. } => {}
        }
    }

    fn hear_of_epoch(&mut self, number: u64, follows_whole: bool) {
        let epochs = &mut self.epochs;
        (epochs.number, epochs.is_open) = (number, true);
        (epochs.synced, epochs.is_void) = (0, false);
        self.tell_all(EpochMail::Begun { number, follows_whole });
    }

    fn join_epoch(&mut self, number: u64, follows_whole: bool) {
        self.hear_of_epoch(number, follows_whole);
        let ticket = self.store.begin_sync();
        self.epochs.owes = false;
        self.epochs.sync = Sync::Epoch(ticket.clone());
        if ticket.is_none() {
            return self.tell_synced(true);
        }
        self.epochs.begun = ticket;
    }

    fn tell_synced(&mut self, took_part: bool) {
        self.tell_all(EpochMail::Synced { number: self.epochs.number, took_part });
        self.has_synced(took_part);
    }

    fn has_synced(&mut self, took_part: bool) {
        self.epochs.is_void |= !took_part;
        self.epochs.synced += 1;
        if self.epochs.synced == usize::from(self.map.cores()) {
            self.end_epoch(!self.epochs.is_void);
        }
    }

    fn end_epoch(&mut self, is_whole: bool) {
        (self.epochs.is_open, self.epochs.is_void) = (false, !is_whole);
        let Sync::Epoch(ticket) = &mut self.epochs.sync else { return };
        let ticket = ticket.take();
        self.epochs.sync = Sync::None;
        match ticket {
            Some(ticket) if is_whole => self.store.finish_sync(&ticket),
            Some(_) => {
                self.store.abandon_sync();
                self.epochs.owes = true;
            }
            None => {}
        }
    }

    fn tell_all(&mut self, mail: EpochMail) {
        for core in (0..self.map.cores()).map(CoreId) {
            if core != self.core {
                self.send(core, Mail::Epoch(mail));
            }
        }
    }
}
