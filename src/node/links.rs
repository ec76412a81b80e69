//! Owns what one core has for each other core, until the mailbox takes it.

use std::collections::VecDeque;
use std::mem;

use super::Io;
use super::core::NodeCore;
use super::messages::Mail;
use crate::front::batch::{Parcel, SpareParcels};
use crate::front::limits::BACKLOG_BATCHES_MAX;

/// The way to one other core.
#[derive(Default)]
pub(crate) struct Link {
    /// Commands and answers of this turn.
    pub(crate) open: Box<Parcel>,
    /// What the mailbox did not take yet, in order.
    pub(crate) backlog: VecDeque<Mail>,
    /// It did not take all of the last turn's.
    pub(crate) is_behind: bool,
    /// Answers that wait for the log, in order.
    held: VecDeque<Box<Parcel>>,
}

impl Link {
    /// Whether more than what must be sent may be put into it.
    pub(crate) fn has_room(&self) -> bool {
        self.backlog.len() < BACKLOG_BATCHES_MAX
    }

    /// Answers that observed more than `position` are not given: whose they are is told.
    pub(crate) fn lose_from(&mut self, position: u64) {
        for parcel in self.held.iter_mut().chain([&mut self.open]) {
            let replies = &mut parcel.replies;
            if replies.observed > position && !replies.heads.is_empty() {
                (replies.is_lost, replies.observed) = (true, 0);
            }
        }
    }

    /// Moves what may go now to the backlog: answers that the log has released up to `released`, and all commands.
    pub(crate) fn close(&mut self, released: u64, spare: &mut SpareParcels) {
        while self.held.front().is_some_and(|parcel| parcel.replies.observed <= released) {
            if let Some(parcel) = self.held.pop_front() {
                self.backlog.push_back(Mail::Parcel(parcel));
            }
        }
        if self.open.is_empty() {
            return;
        }
        let waits = !self.held.is_empty() || self.open.replies.observed > released;
        if waits && !self.open.replies.is_empty() {
            let mut answers = spare.take();
            mem::swap(&mut answers.replies, &mut self.open.replies);
            self.held.push_back(answers);
        }
        if !self.open.is_empty() {
            self.backlog.push_back(Mail::Parcel(spare.exchange(&mut self.open)));
        }
    }
}

impl NodeCore {
    /// Closes the parcels of this turn and posts what may go.
    pub(super) fn post_mail(&mut self, io: &mut Io) {
        self.send_bundles();
        self.catch_up();
        let released = self.engine.released_position();
        for (core, link) in self.links.iter_mut().enumerate() {
            if core == usize::from(self.index) {
                continue;
            }
            link.close(released, &mut self.spare_parcels);
            while let Some(mail) = link.backlog.pop_front() {
                if let Err(mail) = io.post(core, mail) {
                    link.backlog.push_front(mail);
                    break;
                }
            }
            link.is_behind = !link.backlog.is_empty();
        }
        io.ring_bells();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::front::batch::ReplyHead;
    use hyperion_runtime::ConnectionId;

    fn answer(link: &mut Link, number: u32, observed: u64) {
        let connection = ConnectionId { index: number, generation: 0 };
        link.open.replies.heads.push(ReplyHead { connection, length: 0 });
        link.open.replies.observed = link.open.replies.observed.max(observed);
    }

    /// The answers that may go, by number.
    fn gone(link: &mut Link) -> Vec<u32> {
        let numbers = |mail| match mail {
            Mail::Parcel(parcel) => {
                parcel.replies.heads.iter().map(|head| head.connection.index).collect()
            }
            _ => Vec::new(),
        };
        link.backlog.drain(..).flat_map(numbers).collect()
    }

    #[test]
    fn answers_wait_for_the_log_and_keep_their_order() {
        let (mut link, mut spare) = (Link::default(), SpareParcels::default());
        answer(&mut link, 1, 10);
        link.close(5, &mut spare);
        assert_eq!(gone(&mut link), [0; 0], "the log has not released it");
        // A later answer observed nothing, but may not overtake.
        answer(&mut link, 2, 0);
        link.close(9, &mut spare);
        assert_eq!(gone(&mut link), [0; 0]);
        answer(&mut link, 3, 20);
        link.close(10, &mut spare);
        assert_eq!(gone(&mut link), [1, 2]);
        answer(&mut link, 4, 15);
        link.close(20, &mut spare);
        assert_eq!(gone(&mut link), [3, 4]);
        assert!(link.open.is_empty() && link.held.is_empty());
    }
}
