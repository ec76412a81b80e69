//! Owns what one core has for each other core, until the mailbox takes it.

use std::collections::VecDeque;

use super::Io;
use super::core::{Mail, NodeCore};
use crate::front::batch::{CommandBatch, ReplyBatch};

/// The way to one other core.
#[derive(Default)]
pub(crate) struct Link {
    /// Commands of this turn.
    pub(crate) commands: CommandBatch,
    /// Answers of this turn.
    pub(crate) replies: ReplyBatch,
    /// What the mailbox did not take yet, in order.
    pub(crate) backlog: VecDeque<Mail>,
    /// Answers that wait for the log, in order.
    held: VecDeque<Box<ReplyBatch>>,
}

impl NodeCore {
    /// Closes the batches of this turn and posts what may go.
    pub(super) fn post_mail(&mut self, io: &mut Io) {
        let released = self.engine.released_position();
        for (core, link) in self.links.iter_mut().enumerate() {
            if core == usize::from(self.index) {
                continue;
            }
            if !link.commands.heads.is_empty() {
                link.backlog.push_back(Mail::Commands(link.commands.take()));
            }
            if !link.replies.heads.is_empty() {
                link.held.push_back(link.replies.take());
            }
            while link.held.front().is_some_and(|batch| batch.observed <= released) {
                if let Some(batch) = link.held.pop_front() {
                    link.backlog.push_back(Mail::Replies(batch));
                }
            }
            while let Some(mail) = link.backlog.pop_front() {
                if let Err(mail) = io.post(core, mail) {
                    link.backlog.push_front(mail);
                    break;
                }
            }
        }
    }
}
