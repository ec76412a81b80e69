//! Owns what a node may do that knows the secret and that the config does not name: ask for the config, and announce itself.

use hyperion_runtime::ConnectionId;
use hyperion_wire::peer::{
    Body, COMPRESSED_PROTOCOL, ConfigFetch, Established, Message, RefusalCode, Refused,
};

use super::all::{Peers, control};
use super::in_link::InLink;
use super::limits::{STRANGER_ANSWER_NS, STRANGERS_MAX};
use crate::node::{Io, NodeCore};

/// What all that else is said comes to.
const NOT_NAMED: &str = "the config names no such node; POST one that does, or let the node announce itself: put its entry into what GET \
                         /config?next=1 answers and start it with that";

impl Peers {
    /// Whether the config names who is at the other end of a proved link.
    fn is_named(&self, peer: &Established) -> bool {
        let nodes = &self.setup.nodes.nodes;
        nodes.iter().any(|node| node.id == peer.node && node.uuid == peer.uuid)
    }

    /// Whether it is a link of a node that the config does not name.
    pub(super) fn is_stranger(&self, connection: ConnectionId) -> bool {
        let peer = self.incoming.get(&connection).and_then(|link| link.peer);
        peer.is_some_and(|peer| !self.is_named(&peer))
    }

    /// Looks at who has proved to know the secret.
    ///
    /// Errors: why the link is closed; what the peer is told was appended to `out`.
    pub(super) fn admit(&mut self, peer: &Established, out: &mut Vec<u8>) -> Result<(), String> {
        let strangers = self.incoming.keys().filter(|&&one| self.is_stranger(one)).count();
        let (code, sentence) = if self.setup.nodes.removed.contains(&peer.uuid) {
            (RefusalCode::Removed, removed())
        } else if !self.is_named(peer) && strangers > STRANGERS_MAX {
            (RefusalCode::Busy, "too many nodes want to join at once; try again".to_owned())
        } else {
            // Who can dial is there to be dialed.
            if let Some(link) = self.out.get_mut(&control(peer.node)) {
                link.hurry();
            }
            return Ok(());
        };
        let _ = Refused::new(code, &sentence).encode(out);
        Err(format!("node {} is refused: {sentence}", peer.node))
    }

    /// Whether a frame is one that its sender may send.
    pub(super) fn may_say(&self, connection: ConnectionId, message: &Message<'_>) -> bool {
        let is_for_all = matches!(
            message,
            Message::Ping(_)
                | Message::Pong(_)
                | Message::Refused(_)
                | Message::ConfigFetch(_)
                | Message::ConfigPropose(_)
        );
        let may_tell = || {
            let link = self.incoming.get(&connection);
            matches!(message, Message::ConfigCurrent(_))
                && link.is_some_and(|link| link.asked_ns.is_some())
        };
        is_for_all || !self.is_stranger(connection) || may_tell()
    }

    /// Nodes that spoke as ones of the cluster's, were asked what they know, and had no config that names them.
    pub(super) fn unnamed(&self, now_ns: u64) -> Vec<ConnectionId> {
        let is_late = |link: &InLink| {
            let asked_ns = link.asked_ns;
            asked_ns.is_some_and(|asked_ns| now_ns.saturating_sub(asked_ns) > STRANGER_ANSWER_NS)
        };
        let late = self.incoming.iter().filter(|(_, link)| is_late(link));
        late.map(|(&connection, _)| connection).filter(|&it| self.is_stranger(it)).collect()
    }

    /// Whether frames of a link that a peer has dialed may be compressed.
    pub(super) fn may_compress(&self, connection: ConnectionId) -> bool {
        let peer = self.incoming.get(&connection).and_then(|link| link.peer);
        peer.is_some_and(|peer| peer.protocol >= COMPRESSED_PROTOCOL && self.is_named(&peer))
    }

    /// The uuid of who is at the other end of a link that this core was dialed on, as the config writes it.
    pub(crate) fn uuid_text(&self, connection: ConnectionId) -> Option<String> {
        let uuid = self.incoming.get(&connection)?.peer?.uuid;
        let digits = format!("{:032x}", u128::from_be_bytes(uuid));
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
        Some(parts.join("-"))
    }

    /// The numbers of the other nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = u32> + '_ {
        self.setup.nodes.nodes.iter().map(|node| node.id)
    }
}

/// What a node that was removed is told.
pub(super) fn removed() -> String {
    "this node was removed from the cluster; wipe its data and let it join with a new uuid"
        .to_owned()
}

impl NodeCore {
    /// A node said what one that the config does not name may not say. This node may have been cut off while the config changed: the other
    /// one is asked what it knows, once, and refused when that is no newer one (`refuse_unnamed`).
    pub(super) fn hear_stranger(&mut self, io: &mut Io, connection: ConnectionId) {
        let Some(peers) = &mut self.peers else { return };
        let Some(link) = peers.incoming.get_mut(&connection) else { return };
        if link.asked_ns.is_some() {
            return;
        }
        link.asked_ns = Some(io.now_ns());
        let mut bytes = Vec::new();
        if (ConfigFetch { request: 0, epoch_min: 0 }).encode(&mut bytes).is_ok() {
            io.send(connection, &mut bytes);
        }
    }

    /// Refuses those whose time to answer is over.
    pub(super) fn refuse_unnamed(&mut self, io: &mut Io) {
        let now_ns = io.now_ns();
        let unnamed = self.peers.as_ref().map(|peers| peers.unnamed(now_ns)).unwrap_or_default();
        for connection in unnamed {
            self.refuse_peer(io, connection, RefusalCode::NotInConfig, NOT_NAMED);
        }
    }

    /// Ends a link whose node is none of the cluster's, and tells it why.
    pub(super) fn refuse_peer(
        &mut self,
        io: &mut Io,
        connection: ConnectionId,
        code: RefusalCode,
        why: &str,
    ) {
        let mut bytes = Vec::new();
        if Refused::new(code, why).encode(&mut bytes).is_ok() {
            io.send(connection, &mut bytes);
        }
        self.end_peer(io, connection, why);
    }
}
