//! The links between nodes: dialing, the handshake, frames out and in.

mod all;
mod bulk;
mod convert;
mod dial;
mod filling;
mod follow;
mod in_link;
mod limits;
mod links;
mod long;
mod out_link;
mod route;
mod secure;
mod strangers;

pub(crate) use all::{Incoming, PeerNode, PeerNodes, PeerSetup, Peers};
pub(crate) use bulk::{Bulk, Packed, Unpacked};
pub(crate) use convert::{from_wire, to_wire};
pub(crate) use dial::Dialed;
pub(crate) use hyperion_cluster::group::Message as RaftMessage;
pub(crate) use route::BulkFigures;
