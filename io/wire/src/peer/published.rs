//! Messages of channels.

use std::borrow::Cow;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;
use crate::limits::PUBLISHED_MAX;

/// Messages that clients of the sender have published, in order; nobody answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Readable, Writable)]
pub struct Published<'a> {
    /// At most [`PUBLISHED_MAX`].
    pub messages: Vec<PublishedMessage<'a>>,
}

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Readable, Writable)]
pub struct PublishedMessage<'a> {
    /// It is for a shard channel.
    pub is_shard: bool,
    /// The channel.
    pub channel: Cow<'a, [u8]>,
    /// What it says.
    pub payload: Cow<'a, [u8]>,
}

impl<'a> Body<'a> for Published<'a> {
    const KIND: Kind = Kind::Published;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "messages", self.messages.len(), PUBLISHED_MAX)
    }
}
