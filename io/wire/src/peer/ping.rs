//! Whether a link is alive, and how long a round takes.

use speedy::{Readable, Writable};

use super::body::Body;
use super::error::BodyError;
use super::kind::Kind;

/// Asks for a [`Pong`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct Ping {
    /// The sender's clock when it was sent, in ns; no other node reads meaning into it.
    pub stamp_ns: u64,
}

/// The answer to a [`Ping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
pub struct Pong {
    /// The stamp of the ping.
    pub stamp_ns: u64,
}

impl<'a> Body<'a> for Ping {
    const KIND: Kind = Kind::Ping;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

impl<'a> Body<'a> for Pong {
    const KIND: Kind = Kind::Pong;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}
