//! Any body, for whoever takes frames as they come.

use super::body::Body;
use super::command::{Forwarded, Replies};
use super::config::{ConfigCurrent, ConfigFetch, ConfigPropose, ConfigProposed};
use super::cut::ClusterCut;
use super::error::BodyError;
use super::facts::{Fullness, NodeFacts};
use super::frame::Frame;
use super::heartbeat::{HeartbeatAnswers, Heartbeats};
use super::hello::{Accepted, Challenge, Hello, Proof};
use super::kind::Kind;
use super::leaving::Leaving;
use super::part::Part;
use super::ping::{Ping, Pong};
use super::published::Published;
use super::raft::RaftMessages;
use super::refusal::Refused;
use super::report::{GroupReports, ReportsAsOf};
use super::snapshot::{SnapshotAbort, SnapshotAck, SnapshotBegin, SnapshotChunk, SnapshotEnd};

macro_rules! messages {
    ($($kind:ident($body:ty)),+ $(,)?) => {
        /// The body of a frame of any kind.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each is named for the kind of its body, which says it")]
        pub enum Message<'a> {
            $($kind($body)),+
        }

        impl<'a> Message<'a> {
            /// What it is.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind),+
                }
            }

            /// Reads the body of a frame.
            ///
            /// # Errors
            /// The body is compressed, or not one.
            pub fn decode(frame: &Frame<'a>) -> Result<Self, BodyError> {
                if frame.is_compressed {
                    return Err(BodyError::Compressed { kind: frame.kind });
                }
                Self::decode_body(frame.kind, frame.body)
            }

            /// Reads a body that was compressed, or that came in parts.
            ///
            /// # Errors
            /// The bytes are not a body of this kind.
            pub fn decode_body(kind: Kind, bytes: &'a [u8]) -> Result<Self, BodyError> {
                match kind {
                    $(Kind::$kind => <$body as Body<'a>>::decode_body(bytes).map(Self::$kind)),+
                }
            }

            /// Appends one frame with this body to `out`.
            ///
            /// # Errors
            /// A field is out of bounds, or the whole is longer than a frame; `out` is as it was.
            pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), BodyError> {
                match self {
                    $(Self::$kind(body) => body.encode(out)),+
                }
            }
        }
    };
}

messages! {
    Hello(Hello),
    Challenge(Challenge),
    Proof(Proof),
    Accepted(Accepted),
    Refused(Refused<'a>),
    RaftMessages(RaftMessages<'a>),
    Heartbeats(Heartbeats),
    HeartbeatAnswers(HeartbeatAnswers),
    Forwarded(Forwarded<'a>),
    Replies(Replies<'a>),
    Published(Published<'a>),
    ConfigPropose(ConfigPropose<'a>),
    ConfigProposed(ConfigProposed<'a>),
    ConfigFetch(ConfigFetch),
    ConfigCurrent(ConfigCurrent<'a>),
    SnapshotBegin(SnapshotBegin),
    SnapshotChunk(SnapshotChunk<'a>),
    SnapshotAck(SnapshotAck),
    SnapshotEnd(SnapshotEnd),
    SnapshotAbort(SnapshotAbort<'a>),
    Ping(Ping),
    Pong(Pong),
    Part(Part<'a>),
    GroupReports(GroupReports),
    Leaving(Leaving),
    ReportsAsOf(ReportsAsOf),
    NodeFacts(NodeFacts),
    Fullness(Fullness),
    ClusterCut(ClusterCut<'a>),
}
