//! Why a link is not opened: the frame that tells the peer, and the error that tells the caller.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::{BodyError, FrameError};
use super::kind::Kind;
use crate::limits::SENTENCE_BYTES_MAX;

/// What a node does next depends on it: give up, tell a person, or try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RefusalCode {
    /// The peer belongs to another cluster.
    OtherCluster = 1,
    /// The peer does not know the secret.
    WrongSecret = 2,
    /// No protocol version is common to both.
    OtherVersion = 3,
    /// The node has reached itself.
    Itself = 4,
    /// Another node answered than the one that was dialed.
    OtherNode = 5,
    /// A frame came that does not belong there, or that is damaged or too long.
    BadFrame = 6,
    /// The config does not name the peer, and what it says is not for such a one to say. The caller's to say.
    NotInConfig = 7,
    /// Not now: the node starts, stops or has too many links. The caller's to say.
    Busy = 8,
    /// The peer was removed from the cluster. The caller's to say.
    Removed = 9,
}

impl RefusalCode {
    /// The code with this number; a later version may send others.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        [
            Self::OtherCluster,
            Self::WrongSecret,
            Self::OtherVersion,
            Self::Itself,
            Self::OtherNode,
            Self::BadFrame,
            Self::NotInConfig,
            Self::Busy,
            Self::Removed,
        ]
        .into_iter()
        .find(|code| *code as u8 == number)
    }
}

/// A node will not speak to the other. The last frame of a link, at any time.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct Refused<'a> {
    /// A [`RefusalCode`].
    pub code: u8,
    /// What is wrong and what to do, for a person. Before the handshake is done it comes from a
    /// stranger: show it escaped.
    pub sentence: Cow<'a, str>,
}

impl<'a> Refused<'a> {
    /// A refusal; a sentence that is too long is cut.
    #[must_use]
    pub fn new(code: RefusalCode, sentence: &'a str) -> Self {
        let end = sentence.floor_char_boundary(SENTENCE_BYTES_MAX);
        Self { code: code as u8, sentence: sentence.get(..end).unwrap_or_default().into() }
    }
}

impl<'a> Body<'a> for Refused<'a> {
    const KIND: Kind = Kind::Refused;

    fn check(&self) -> Result<(), BodyError> {
        within(Self::KIND, "sentence's length", self.sentence.len(), SENTENCE_BYTES_MAX)
    }
}

/// Why a handshake came to nothing. The link must be closed, after what the handshake left to
/// send was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer belongs to another cluster.
    #[error("node {node} belongs to another cluster; correct its address or its cluster_id")]
    OtherCluster {
        /// The peer's id in its own cluster.
        node: u32,
    },
    /// The peer's proof is wrong.
    #[error("node {node} does not know the secret; give all nodes the same peer_secret_file")]
    WrongSecret {
        /// The peer's id.
        node: u32,
    },
    /// No protocol version is common to both.
    #[error(
        "node {node} speaks the protocol versions {} to {}, this node {} to {}; update the older one",
        .peer.start(), .peer.end(), .own.start(), .own.end()
    )]
    OtherVersion {
        /// The peer's id.
        node: u32,
        /// What the peer speaks.
        peer: RangeInclusive<u16>,
        /// What this node speaks.
        own: RangeInclusive<u16>,
    },
    /// The other end is this node, or a copy of its data.
    #[error("this node has reached itself or a copy of its data; correct the peer addresses")]
    Itself,
    /// Another node answered than the one that was dialed.
    #[error("node {node} answered where another was expected; correct the peer addresses")]
    OtherNode {
        /// The id of the one that answered.
        node: u32,
    },
    /// A frame that does not belong there.
    #[error("a frame of kind {found:?} came where {expected:?} was due")]
    UnexpectedFrame {
        /// What was due.
        expected: Kind,
        /// What came.
        found: Kind,
    },
    /// The listener answers for another purpose, or chose another version, than was agreed.
    #[error("node {node} did not keep to what was agreed; update it")]
    NotAsAgreed {
        /// The peer's id.
        node: u32,
    },
    /// The peer refused.
    #[error("the peer refused (code {code}): {sentence:?}")]
    RefusedByPeer {
        /// A [`RefusalCode`], or the code of a later version.
        code: u8,
        /// What the peer said.
        sentence: String,
    },
    /// The bytes are no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The frame's body is not what it should be.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The handshake is over: it was fed after its end.
    #[error("the handshake is over; feed the bytes that follow it to a `FrameParser`")]
    Over,
}

impl HandshakeError {
    /// What to tell the peer, if anything: not one that refused itself, nor one that is no node.
    #[must_use]
    pub const fn code(&self) -> Option<RefusalCode> {
        Some(match self {
            Self::OtherCluster { .. } => RefusalCode::OtherCluster,
            Self::WrongSecret { .. } => RefusalCode::WrongSecret,
            Self::OtherVersion { .. } => RefusalCode::OtherVersion,
            Self::Itself => RefusalCode::Itself,
            Self::OtherNode { .. } => RefusalCode::OtherNode,
            Self::RefusedByPeer { .. } | Self::Over => return None,
            Self::Frame(FrameError::WrongMagic { .. }) => return None,
            Self::Frame(FrameError::OtherVersion { .. }) => RefusalCode::OtherVersion,
            Self::UnexpectedFrame { .. }
            | Self::NotAsAgreed { .. }
            | Self::Frame(_)
            | Self::Body(_) => RefusalCode::BadFrame,
        })
    }
}
