//! Mail to and from the other cores, and the doorbells.

use std::sync::Arc;

use super::Io;
use crate::{
    bell::Bell,
    mesh::{MailReceiver, MailSender},
};

/// One core's ends of the mesh.
pub(crate) struct CrossCore<M> {
    core: usize,
    bells: Arc<[Arc<Bell>]>,
    /// By receiving core; none to itself.
    senders: Vec<Option<MailSender<M>>>,
    /// By sending core; none from itself.
    receivers: Vec<Option<MailReceiver<M>>>,
    /// Cores that got mail, or room, in this turn.
    to_wake: Vec<bool>,
    any_to_wake: bool,
}

impl<M: Send> CrossCore<M> {
    pub(crate) fn new(
        core: usize,
        bells: Arc<[Arc<Bell>]>,
        senders: Vec<Option<MailSender<M>>>,
        receivers: Vec<Option<MailReceiver<M>>>,
    ) -> CrossCore<M> {
        let to_wake = vec![false; bells.len()];
        CrossCore { core, bells, senders, receivers, to_wake, any_to_wake: false }
    }

    /// Messages of `from` that are there now.
    pub(crate) fn waiting(&self, from: usize) -> usize {
        self.receivers[from].as_ref().map_or(0, MailReceiver::len)
    }

    pub(crate) fn take(&mut self, from: usize) -> Option<M> {
        self.receivers[from].as_mut().and_then(MailReceiver::pop)
    }

    /// After mail of `from` was taken: wakes it if it waits for room.
    pub(crate) fn tell_room(&mut self, from: usize) {
        if self.receivers[from].as_ref().is_some_and(MailReceiver::sender_starved) {
            self.to_wake[from] = true;
            self.any_to_wake = true;
        }
    }

    pub(crate) fn has_mail(&self) -> bool {
        self.receivers.iter().flatten().any(|receiver| receiver.len() > 0)
    }

    /// A box that was full has room again; asked after the sleep flag was raised.
    pub(crate) fn has_room_again(&mut self) -> bool {
        let mut any = false;
        for sender in self.senders.iter_mut().flatten() {
            if sender.has_news() {
                sender.forget_starved();
                any = true;
            }
        }
        any
    }
}

impl<M> CrossCore<M> {
    pub(crate) fn core(&self) -> usize {
        self.core
    }

    pub(crate) fn cores(&self) -> usize {
        self.bells.len()
    }

    pub(crate) fn bell(&self) -> &Bell {
        &self.bells[self.core]
    }

    pub(crate) fn shared_bell(&self) -> Arc<Bell> {
        self.bells[self.core].clone()
    }

    pub(crate) fn bell_of(&self, core: usize) -> &Bell {
        &self.bells[core]
    }
}

impl<M: Send> Io<M> {
    /// Puts `mail` in the box of another core, which reads it in its next turn.
    ///
    /// Errors: gives the mail back when the box is full; this core then gets a turn when there is
    /// room.
    /// Panics: when `core` is this core or there is no such core.
    pub fn post(&mut self, core: usize, mail: M) -> Result<(), M> {
        assert!(core != self.cross.core, "core {core} posts to itself");
        let sender = self.cross.senders[core].as_mut();
        let sender = sender.expect("there is a box to each other core");
        // A full box is woken too: its owner may be asleep with mail that no doorbell was rung for
        // yet.
        self.cross.to_wake[core] = true;
        self.cross.any_to_wake = true;
        let result = sender.push(mail);
        match result {
            Ok(()) => self.stats.mail_sent += 1,
            Err(_) => self.stats.mail_refused += 1,
        }
        result
    }

    /// Queues the doorbells of those that got mail and sleep, before what is asked for after this call. Without it they are
    /// rung at the end of the turn. At most one a core.
    pub fn ring_bells(&mut self) {
        if !std::mem::take(&mut self.cross.any_to_wake) {
            return;
        }
        for core in 0..self.cross.to_wake.len() {
            if !std::mem::take(&mut self.cross.to_wake[core]) {
                continue;
            }
            let bell = &self.cross.bells[core];
            if !bell.flag.claim() {
                continue;
            }
            self.stats.doorbells += 1;
            match (self.ring.message_fd(), bell.ring_fd()) {
                (Some(_), Some(fd)) => {
                    self.ring.send_message(fd, u32::try_from(core).unwrap_or(u32::MAX));
                }
                _ => bell.ring_event(),
            }
        }
    }
}
