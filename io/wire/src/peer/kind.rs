//! The kinds of frames, and how long each may be.

use crate::limits::{
    BULK_FRAME_BYTES_MAX, FRAME_BYTES_MAX, HANDSHAKE_BYTES_MAX, LONG_BODY_BYTES_MAX,
};

/// What the body of a frame is. The numbers are the wire's; a number is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The dialer says who it is.
    Hello = 1,
    /// The listener says who it is.
    Challenge = 2,
    /// The dialer proves the secret.
    Proof = 3,
    /// The listener proves the secret: the link is open.
    Accepted = 4,
    /// A node will not speak to the other, and says why.
    Refused = 5,
    /// Raft messages of many groups.
    RaftMessages = 16,
    /// Heartbeats of many groups.
    Heartbeats = 17,
    /// Answers to heartbeats.
    HeartbeatAnswers = 18,
    /// Client commands for the node that leads their group.
    Forwarded = 32,
    /// Replies to such commands.
    Replies = 33,
    /// Messages of channels.
    Published = 34,
    /// A config for the leader of the metadata group.
    ConfigPropose = 48,
    /// What came of a proposed config.
    ConfigProposed = 49,
    /// Asks for the config.
    ConfigFetch = 50,
    /// The config, and the ones before it.
    ConfigCurrent = 51,
    /// Opens the transfer of a snapshot, or takes it up again.
    SnapshotBegin = 64,
    /// A piece of a snapshot.
    SnapshotChunk = 65,
    /// Which piece is wanted next.
    SnapshotAck = 66,
    /// All pieces were sent.
    SnapshotEnd = 67,
    /// The transfer is off.
    SnapshotAbort = 68,
    /// Asks whether the link is alive.
    Ping = 80,
    /// It is.
    Pong = 81,
    /// A piece of a body that is too long for one frame.
    Part = 96,
    /// Where the replicas of groups are that the sender leads.
    GroupReports = 97,
    /// The sender is about to stop, and leads nothing any more.
    Leaving = 98,
    /// As `GroupReports`, and the config that the sender goes by.
    ReportsAsOf = 99,
    /// What the sender says of itself: its clock, its memory.
    NodeFacts = 100,
    /// How full the sender's memory is.
    Fullness = 101,
    /// A step of a snapshot over all nodes.
    ClusterCut = 112,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 29] = [
        Self::Hello,
        Self::Challenge,
        Self::Proof,
        Self::Accepted,
        Self::Refused,
        Self::RaftMessages,
        Self::Heartbeats,
        Self::HeartbeatAnswers,
        Self::Forwarded,
        Self::Replies,
        Self::Published,
        Self::ConfigPropose,
        Self::ConfigProposed,
        Self::ConfigFetch,
        Self::ConfigCurrent,
        Self::SnapshotBegin,
        Self::SnapshotChunk,
        Self::SnapshotAck,
        Self::SnapshotEnd,
        Self::SnapshotAbort,
        Self::Ping,
        Self::Pong,
        Self::Part,
        Self::GroupReports,
        Self::Leaving,
        Self::ReportsAsOf,
        Self::NodeFacts,
        Self::Fullness,
        Self::ClusterCut,
    ];

    /// The kind with this number.
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == number)
    }

    /// Longest body of this kind, in bytes.
    #[must_use]
    pub const fn bytes_max(self) -> u32 {
        match self {
            Self::Hello | Self::Challenge | Self::Proof | Self::Accepted | Self::Refused => {
                HANDSHAKE_BYTES_MAX
            }
            Self::Ping
            | Self::Pong
            | Self::ConfigFetch
            | Self::Leaving
            | Self::NodeFacts
            | Self::Fullness => HANDSHAKE_BYTES_MAX,
            Self::SnapshotAck | Self::SnapshotEnd | Self::SnapshotAbort => HANDSHAKE_BYTES_MAX,
            Self::SnapshotChunk | Self::Part => BULK_FRAME_BYTES_MAX,
            _ => FRAME_BYTES_MAX,
        }
    }

    /// Longest body of this kind when it is sent in parts, in bytes: what carries values of clients
    /// may be as long as their commands.
    #[must_use]
    pub const fn long_bytes_max(self) -> u32 {
        match self {
            Self::RaftMessages | Self::Forwarded | Self::Replies => LONG_BODY_BYTES_MAX,
            _ => self.bytes_max(),
        }
    }

    /// The oldest protocol version that knows this kind: on a link of an older one it is not sent.
    #[must_use]
    pub const fn protocol(self) -> u16 {
        match self {
            Self::Leaving
            | Self::Published
            | Self::ReportsAsOf
            | Self::NodeFacts
            | Self::Fullness => 2,
            _ => 1,
        }
    }

    /// Whether the body may be compressed: bulk that pays for it, never what waits for a turn.
    #[must_use]
    pub const fn may_be_compressed(self) -> bool {
        matches!(self, Self::SnapshotChunk)
    }
}
