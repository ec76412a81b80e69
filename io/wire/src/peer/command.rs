//! Client commands that another node executes, and what it answers.

use std::borrow::Cow;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;
use crate::limits::{ARGUMENTS_MAX, FORWARDED_MAX, SENTENCE_BYTES_MAX};

/// One command of a client.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct ForwardedCommand<'a> {
    /// The sender's number for it; the reply repeats it.
    pub request: u64,
    /// The database that the client has selected.
    pub database: u8,
    /// The RESP version of the reply: 2 or 3.
    pub protocol: u8,
    /// What else the two ends agree on; bits that a version does not know must be zero.
    pub flags: u8,
    /// The command's name and what follows it.
    pub arguments: Vec<Cow<'a, [u8]>>,
}

/// What the cores of a node have for one peer in one turn.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct Forwarded<'a> {
    /// In the order in which they came, of each client.
    pub commands: Vec<ForwardedCommand<'a>>,
}

impl<'a> Body<'a> for Forwarded<'a> {
    const KIND: Kind = Kind::Forwarded;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "count of commands", self.commands.len(), FORWARDED_MAX)?;
        for command in &self.commands {
            if !matches!(command.protocol, 2 | 3) {
                return Err(BodyError::UnknownValue { kind: Self::KIND });
            }
            let count = command.arguments.len();
            within(Self::KIND, "count of arguments", count, ARGUMENTS_MAX as usize)?;
        }
        Ok(())
    }
}

/// What came of one command.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
#[speedy(tag_type = u8)]
pub enum Answer<'a> {
    /// It was executed.
    #[speedy(tag = 1)]
    Done {
        /// The reply in RESP, as the client gets it.
        resp: Cow<'a, [u8]>,
    },
    /// It was not executed: another node leads the group.
    #[speedy(tag = 2)]
    Moved {
        /// The slot of the key.
        slot: u16,
        /// The node that leads, as far as known; 0 when it is not.
        node: u32,
        /// The core of that node.
        core: u16,
    },
    /// It was not executed and will not be.
    #[speedy(tag = 3)]
    Refused {
        /// Why, as the client gets it after `-`.
        sentence: Cow<'a, str>,
    },
    /// It was executed, and what it saw or did may never take effect: nothing can be said of it.
    #[speedy(tag = 4)]
    Lost,
    /// It found nothing, changed nothing, and waits in its place; there may be an [`Answer::Offer`] later. Only what was sent as such a
    /// command is answered so, and [`Answer::Offer`] alike.
    #[speedy(tag = 5)]
    Still {
        /// Its words as it is to be sent from now on; none: as they are.
        words: Vec<Cow<'a, [u8]>>,
    },
    /// It waits, and may find something now, if it is sent again.
    #[speedy(tag = 6)]
    Offer {
        /// The node where it waits.
        node: u32,
        /// A slot of the group for whose keys it waits.
        slot: u16,
    },
}

/// The reply to one command.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct ForwardedReply<'a> {
    /// The number of the command.
    pub request: u64,
    /// What came of it.
    pub answer: Answer<'a>,
}

/// Replies of one turn.
#[derive(Debug, Clone, PartialEq, Eq, Default, Readable, Writable)]
pub struct Replies<'a> {
    /// In any order.
    pub replies: Vec<ForwardedReply<'a>>,
}

impl<'a> Body<'a> for Replies<'a> {
    const KIND: Kind = Kind::Replies;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "count of replies", self.replies.len(), FORWARDED_MAX)?;
        for reply in &self.replies {
            match &reply.answer {
                Answer::Refused { sentence } => {
                    within(Self::KIND, "sentence's length", sentence.len(), SENTENCE_BYTES_MAX)?;
                }
                Answer::Still { words } => {
                    within(Self::KIND, "count of words", words.len(), ARGUMENTS_MAX as usize)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
