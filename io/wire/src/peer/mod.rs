//! What nodes of one cluster say to each other: frames, the bodies in them, and the handshake.
//!
//! [`FrameParser`] finds frames in the bytes of a link, [`Message::decode`] reads their bodies,
//! [`Body::encode`] appends a frame to a buffer, and [`Handshake`] opens a link.

mod body;
mod command;
mod config;
mod cut;
mod error;
mod facts;
mod frame;
mod handshake;
mod heartbeat;
mod hello;
mod identity;
mod kind;
mod leaving;
mod message;
mod part;
mod ping;
mod proof;
mod published;
mod raft;
mod raft_snapshot;
mod refusal;
mod report;
mod snapshot;
#[cfg(test)]
mod tests;

pub use body::Body;
pub use command::{Answer, Forwarded, ForwardedCommand, ForwardedReply, Replies};
pub use config::{ConfigCurrent, ConfigFetch, ConfigPast, ConfigPropose, ConfigProposed};
pub use cut::ClusterCut;
pub use error::{BodyError, FrameError};
pub use facts::{Fullness, NodeFacts};
pub use frame::{
    COMPRESSED_PROTOCOL, FRAME_HEAD_BYTES, FRAME_VERSION, Frame, FrameParser, Framed,
    encode_compressed,
};
pub use handshake::{Handshake, Progress};
pub use heartbeat::{Heartbeat, HeartbeatAnswer, HeartbeatAnswers, Heartbeats};
pub use hello::{
    Accepted, Challenge, Hello, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN, Proof, Purpose,
};
pub use identity::{Established, Identity};
pub use kind::Kind;
pub use leaving::Leaving;
pub use message::Message;
pub use part::{Part, PartError, Parts, PartsReader};
pub use ping::{Ping, Pong};
pub use proof::{Secret, SecretTooShort};
pub use published::{Published, PublishedMessage};
pub use raft::{RaftEntry, RaftMessage, RaftMessages};
pub use raft_snapshot::{ConfState, RaftSnapshot};
pub use refusal::{HandshakeError, RefusalCode, Refused};
pub use report::{GroupReport, GroupReports, ReportsAsOf};
pub use snapshot::{SnapshotAbort, SnapshotAck, SnapshotBegin, SnapshotChunk, SnapshotEnd};
