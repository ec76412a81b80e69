//! The frames that open a link: who is there, and that both know the secret.

use std::ops::RangeInclusive;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;

/// Version of the bodies after the handshake that this program speaks by preference. It is the level of features too: what a
/// version adds is used when every node of the cluster speaks it.
///
/// | version | adds |
/// |---|---|
/// | 1 | all but what follows |
/// | 2 | `Leaving`; `Published`; `ReportsAsOf`; `NodeFacts`; `Fullness`; steps of commands over partitions, and commands that wait, among the forwarded ones; chunks of snapshots may be compressed; `settings.compression` and what channels have in the config |
pub const PROTOCOL_VERSION: u16 = 2;
/// Oldest version that it speaks: the one before, so that nodes can be updated one by one.
pub const PROTOCOL_VERSION_MIN: u16 = 1;

const _: () = assert!(PROTOCOL_VERSION_MIN <= PROTOCOL_VERSION, "a node speaks its own version");
const _: () = assert!(PROTOCOL_VERSION_MIN + 1 >= PROTOCOL_VERSION, "and the one before, no more");

/// What a link is for; bulk has a connection of its own so that heartbeats never wait behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Readable, Writable)]
#[speedy(tag_type = u8)]
pub enum Purpose {
    /// Raft, heartbeats, forwarded commands, config.
    #[speedy(tag = 1)]
    Control,
    /// Snapshots.
    #[speedy(tag = 2)]
    Bulk,
}

/// Who a node is and what it speaks. The dialer's first frame.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct Hello {
    /// Oldest protocol version that it speaks.
    pub protocol_min: u16,
    /// Newest protocol version that it speaks.
    pub protocol_max: u16,
    /// The cluster that it belongs to.
    pub cluster_id: [u8; 16],
    /// Its id in the config.
    pub node: u32,
    /// Its own identity, which a node with a wiped disk does not keep.
    pub uuid: [u8; 16],
    /// The core that this end of the link is on.
    pub core: u16,
    /// How many cores it has.
    pub cores: u16,
    /// What the link is for; the listener repeats what the dialer said.
    pub purpose: Purpose,
    /// Random bytes that are never used twice: they make an old proof worthless.
    pub nonce: [u8; 32],
}

impl Hello {
    /// The protocol versions that it speaks.
    #[must_use]
    pub const fn protocol(&self) -> RangeInclusive<u16> {
        self.protocol_min..=self.protocol_max
    }
}

impl<'a> Body<'a> for Hello {
    const KIND: Kind = Kind::Hello;

    fn check(&self) -> Result<(), BodyError> {
        let (min, max) = (usize::from(self.protocol_min), usize::from(self.protocol_max));
        within(Self::KIND, "oldest protocol version", min, max)?;
        let last = usize::from(self.cores.saturating_sub(1));
        within(Self::KIND, "core", usize::from(self.core), last)
    }
}

/// Who the listener is.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct Challenge {
    /// The same facts about the listener, with a nonce of its own.
    pub hello: Hello,
}

impl<'a> Body<'a> for Challenge {
    const KIND: Kind = Kind::Challenge;

    fn check(&self) -> Result<(), BodyError> {
        self.hello.check()
    }
}

/// That the dialer knows the secret.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct Proof {
    /// HMAC-SHA256 over the direction and both hellos.
    pub proof: [u8; 32],
}

impl<'a> Body<'a> for Proof {
    const KIND: Kind = Kind::Proof;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}

/// That the listener knows it too. Whatever follows is in the agreed protocol version.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct Accepted {
    /// The version that both speak from here on: the newest that both know.
    pub protocol: u16,
    /// HMAC-SHA256 over the other direction and both hellos.
    pub proof: [u8; 32],
}

impl<'a> Body<'a> for Accepted {
    const KIND: Kind = Kind::Accepted;

    fn check(&self) -> Result<(), BodyError> {
        Ok(())
    }
}
