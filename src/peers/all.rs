//! Owns all links of one core: which peer is reached by which, and what waits for each.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use hyperion_cluster::config::PeerTls;
use hyperion_runtime::ConnectionId;
use hyperion_wire::peer::{Identity, Kind, Secret};

use super::in_link::InLink;
use super::out_link::{LinkId, OutLink, State};
use crate::node::Io;

/// Another node of the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerNode {
    pub(crate) id: u32,
    pub(crate) uuid: [u8; 16],
    pub(crate) address: SocketAddr,
}

/// Who is a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PeerNodes {
    /// The other nodes.
    pub(crate) nodes: Vec<PeerNode>,
    /// Who was one and may not come back, by uuid.
    pub(crate) removed: BTreeSet<[u8; 16]>,
}

/// What a core needs to know to reach the others.
#[derive(Clone, Debug)]
pub(crate) struct PeerSetup {
    /// This core of this node.
    pub(crate) identity: Identity,
    pub(crate) secret: Secret,
    /// Where this node is known to be, and what its links to the others leave from.
    pub(crate) source: IpAddr,
    pub(crate) nodes: PeerNodes,
}

/// A word about a peer that the node acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// The link to it is up.
    Up(u32),
    /// The link to it is gone.
    Lost(u32),
    /// The link for bulk is gone, with what was on its way.
    BulkLost(u32),
    /// It will not speak to this node, or not as long as it is what it is: the code of a refusal.
    Refused(u32, u8),
}

/// The links of one core.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(super) setup: PeerSetup,
    pub(super) out: BTreeMap<LinkId, OutLink>,
    pub(super) incoming: BTreeMap<ConnectionId, InLink>,
    /// Whose connection it is, of those that this core has dialed.
    pub(super) dialed: BTreeMap<ConnectionId, LinkId>,
    /// When something last came on a connection, and whether it was asked since.
    pub(super) heard_ns: BTreeMap<ConnectionId, (u64, bool)>,
    /// What the node is to be told.
    pub(super) words: Vec<Incoming>,
    pub(super) spare: Vec<u8>,
    /// Whether this core dials.
    pub(super) dials: bool,
    /// What the config says of TLS between nodes, and since when.
    pub(super) tls_mode: PeerTls,
    pub(super) tls_since_ns: u64,
}

impl Peers {
    /// The first core dials at once, the others when the node is settled: one link is enough to ask, and a node that is new has few.
    pub(crate) fn new(setup: PeerSetup) -> Self {
        let dials = setup.identity.core == 0;
        let first = setup.nodes.nodes.iter().filter(|_| dials);
        let out = first.map(|node| (control(node.id), link_to(node, false))).collect();
        Self {
            setup,
            out,
            dials,
            incoming: BTreeMap::new(),
            dialed: BTreeMap::new(),
            heard_ns: BTreeMap::new(),
            words: Vec::new(),
            spare: Vec::new(),
            tls_mode: PeerTls::Off,
            tls_since_ns: 0,
        }
    }

    /// Whether the connection is one of ours.
    pub(crate) fn holds(&self, connection: ConnectionId) -> bool {
        self.dialed.contains_key(&connection) || self.incoming.contains_key(&connection)
    }

    /// Lets `write` append a frame for `node`; `false` when its link is down or has no room.
    pub(crate) fn queue(&mut self, node: u32, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.out.get_mut(&control(node)).is_some_and(|link| link.queue(write))
    }

    /// As [`Peers::queue`], for a frame that a link of an older protocol version than `protocol` does not know.
    pub(crate) fn queue_from(
        &mut self,
        node: u32,
        protocol: u16,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        self.protocol(node).is_some_and(|spoken| spoken >= protocol) && self.queue(node, write)
    }

    /// The protocol version of the link to a node; nothing while that is down.
    pub(crate) fn protocol(&self, node: u32) -> Option<u16> {
        self.out.get(&control(node)).filter(|link| link.is_up()).map(|link| link.protocol)
    }

    /// The oldest protocol version among this node's and those that the others spoke last; 0 while one of them was not reached yet.
    pub(crate) fn least_protocol(&self) -> u16 {
        let spoken = |node| self.out.get(&control(node)).map_or(0, |link| link.protocol);
        self.nodes().map(spoken).min().unwrap_or(u16::MAX).min(self.own_protocol())
    }

    /// The newest protocol version that this node speaks.
    pub(crate) fn own_protocol(&self) -> u16 {
        self.setup.identity.protocol_max
    }

    /// Whether nothing waits to be sent.
    pub(crate) fn are_flushed(&self, io: &Io) -> bool {
        self.out.values().all(|link| match link.state {
            State::Up { connection } => link.output.is_empty() && !io.is_sending(connection),
            _ => true,
        })
    }

    /// As [`Peers::queue`], before all that waits, and also while a snapshot holds all else back.
    pub(crate) fn queue_urgent(&mut self, node: u32, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        self.out.get_mut(&control(node)).is_some_and(|link| link.queue_urgent(write))
    }

    /// As [`Peers::queue`], for the body of a message that is too long to go in one piece; of each kind and group one is under way.
    pub(crate) fn queue_long(
        &mut self,
        node: u32,
        what: (Kind, u32),
        write: impl FnOnce() -> Option<Vec<u8>>,
    ) -> bool {
        self.out.get_mut(&control(node)).is_some_and(|link| link.queue_long(what, write))
    }

    /// Whether parts of such a message are still to be sent to a node: what is queued now would be there before it.
    pub(crate) fn is_under_way(&self, node: u32, what: (Kind, u32)) -> bool {
        self.out.get(&control(node)).is_some_and(|link| link.long.is_under_way(what))
    }

    /// A node has answered an append of a group: the group may say something long again.
    pub(crate) fn answered(&mut self, node: u32, group: u32) {
        if let Some(link) = self.out.get_mut(&control(node)) {
            link.long.answered(group);
        }
    }

    /// As [`Peers::queue`], by the link for what would keep others waiting; it is dialed when there is something for it.
    pub(crate) fn queue_bulk(&mut self, node: u32, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(known) = self.setup.nodes.nodes.iter().find(|known| known.id == node) else {
            return false;
        };
        let id = LinkId { node, is_bulk: true };
        self.out.entry(id).or_insert_with(|| link_to(known, true)).queue(write)
    }

    /// What has become of links since the last call.
    pub(crate) fn take_words(&mut self) -> Vec<Incoming> {
        std::mem::take(&mut self.words)
    }

    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.heard_ns.remove(&connection);
        self.incoming.remove(&connection);
        self.dialed.remove(&connection);
    }

    pub(super) fn link_failed(&mut self, id: LinkId, why: String, now_ns: u64) {
        let Some(link) = self.out.get_mut(&id) else { return };
        let node = id.node;
        if id.is_bulk {
            self.words.push(Incoming::BulkLost(node));
        } else if link.is_up() {
            self.words.push(Incoming::Lost(node));
        }
        if let Some(why) = link.fail(why, now_ns) {
            tracing::info!(
                "node {node} at {} is not reached: {why}; it is tried again",
                link.address
            );
        }
    }
}

pub(super) fn control(node: u32) -> LinkId {
    LinkId { node, is_bulk: false }
}

pub(super) fn link_to(node: &PeerNode, is_bulk: bool) -> OutLink {
    OutLink::new(LinkId { node: node.id, is_bulk }, node.uuid, node.address)
}
