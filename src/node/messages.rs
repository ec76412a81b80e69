//! Owns what a core is sent: by the other cores, and by the node's other threads.

use super::growing;
use super::supply::Supplied;
use crate::config::Resolved;
use crate::front::batch::Parcel;
use crate::front::{
    Amended, Arrival, Ending, ForeignCommand, FrontAsk, FrontPart, Shown, Slow, StreamMail,
};
use crate::peers::{Dialed, Packed, RaftMessage, Unpacked};
use crate::pubsub::Bundle;
use crate::snapshot::SnapshotNote;
use crate::tracking::{RedirectMail, Track};
use hyperion_cluster::group::Beat;
use hyperion_cluster::state::ClusterState;
use hyperion_engine::{GroupReport, Leader, Mail as EngineMail, Said, SnapshotMail, Ticket};
use hyperion_model::{GroupId, PartitionId};
use hyperion_runtime::{ConnectionId, Socket};
use hyperion_wire::peer::ForwardedReply;
use std::sync::Arc;
use std::sync::mpsc;

/// What cores send each other.
pub(crate) enum Mail {
    /// Commands of the sender's clients, and answers for the receiver's.
    Parcel(Box<Parcel>),
    /// A step between engines.
    Engine(EngineMail),
    /// A client that the receiver is to serve.
    Socket(Socket, Arrival),
    /// A client of memcached that the receiver is to serve.
    MemcachedSocket(Socket),
    /// A question about clients.
    Ask(Ticket, FrontAsk),
    /// An answer to it.
    Part(Ticket, FrontPart),
    /// A step of a long string on its way to a client.
    Stream(StreamMail),
    /// The wait of a command of this client of the sender's ends.
    EndWait(ConnectionId, Ending),
    /// The sender may find something for the command of this client of the receiver, which waits on several cores.
    Offer(ConnectionId),
    /// A peer has connected, and the receiver is to hear it.
    Peer(Socket),
    /// Messages of a peer for groups of the receiver.
    Raft(Vec<(GroupId, Box<RaftMessage>)>),
    /// Beats of a peer for groups of the receiver.
    Beats(u32, Said, Vec<Beat>),
    /// What a peer tells of itself and of the config.
    Told(u32, Vec<u8>),
    /// Another node tells of itself: how far its clock is from this one's, and its memory.
    Facts { node: u32, ahead_ms: i64, memory_bytes: u64 },
    /// Another node says by which config it goes.
    Epoch(u32, u64),
    /// The node belongs to the cluster, and votes; what there is to found.
    Votes(Option<Arc<ClusterState>>),
    /// And serves.
    Settled(Option<Arc<ClusterState>>),
    /// A config that another node was given, and its number there.
    Propose(u32, u64, Vec<u8>),
    /// The cluster holds this now.
    Cluster(Arc<ClusterState>),
    /// What leaders say of their groups.
    Reports(Arc<Vec<GroupReport>>),
    /// The sender has a replica of a partition, or has none any more.
    Hosted(PartitionId, bool),
    /// A step of a snapshot of another node.
    Snapshot(Box<SnapshotMail>),
    /// Another node is about to stop: for so many ms, unless it says so again.
    Leaving(u32, u32),
    /// Who leads a partition of the sender.
    Leader(PartitionId, Leader),
    /// Commands of another node's clients for the receiver's partitions.
    Foreign(u32, Vec<ForeignCommand>),
    /// A command of the receiver's client took long.
    Slow(ConnectionId, Slow),
    /// What clients of the sender did, for those who watch at the receiver.
    Shown(Shown),
    /// The sender's client has taken the long answer of the receiver.
    Taken(ConnectionId),
    /// One less watches at the sender.
    Unwatched,
    /// Other nodes' answers to commands of the receiver's clients.
    ForeignReplies(Vec<ForwardedReply<'static>>),
    /// Keys of the receiver that a client of the sender reads.
    Track(Box<Track>),
    /// What a client of the receiver is told in the place of one of the sender's, or that it has gone.
    Redirect(Box<RedirectMail>),
    /// What the sender's clients listen to, and messages for the receiver's.
    Channels(Box<Bundle>),
}

/// What other threads send a core.
pub(crate) enum Note {
    /// A segment is ready, or could not be made.
    Supplied(Supplied),
    /// The answer to an HTTP request.
    Http(u64, Vec<u8>),
    /// A config is in force; say when it is taken.
    Config(Arc<Resolved>, mpsc::Sender<()>),
    /// What became of a change of settings.
    Amended(Ticket, Box<Result<Amended, String>>),
    /// A step of a snapshot.
    Snapshot(SnapshotNote),
    /// A connection to a peer was made, or was not.
    Dialed(Dialed),
    /// A part of a snapshot for another node is ready.
    Packed(Packed),
    /// A part of one has come and is what it was.
    Unpacked(Unpacked),
    /// A config for the cluster to agree on, and its number for the answer.
    Propose(u64, Vec<u8>),
    /// A step of the way from a node that is alone to a cluster; say when it is done.
    Grow(growing::Step, growing::Done),
    /// Hand over what is led, finish what was begun and leave.
    Stop,
    /// Finish what was begun and leave at once.
    StopNow,
}
