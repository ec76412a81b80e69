//! Owns what a change of the nodes does to the links: new ones are dialed, those of who is gone end, moved ones are dialed anew.

use hyperion_runtime::ConnectionId;
use hyperion_wire::peer::RefusalCode;

use super::all::{Incoming, PeerNodes, Peers, control, link_to};
use super::out_link::{LinkId, State};
use super::strangers::removed;
use crate::node::{Io, NodeCore};

impl Peers {
    /// Takes the nodes of another config. Gives the connections that end: those that were dialed, and those of nodes that were removed.
    fn set_nodes(&mut self, nodes: PeerNodes) -> (Vec<ConnectionId>, Vec<ConnectionId>) {
        let mut ended = Vec::new();
        let stays = |id: &LinkId, uuid: [u8; 16], address| {
            let node = nodes.nodes.iter().find(|node| node.id == id.node);
            node.is_some_and(|node| node.uuid == uuid && node.address == address)
        };
        for (id, link) in self.out.extract_if(.., |id, link| !stays(id, link.uuid, link.address)) {
            match link.state {
                State::Up { connection }
                | State::Securing { connection, .. }
                | State::Opening { connection, .. } => {
                    ended.push(connection);
                }
                State::Down { .. } | State::Dialing => {}
            }
            if id.is_bulk {
                self.words.push(Incoming::BulkLost(id.node));
            } else if link.is_up() {
                self.words.push(Incoming::Lost(id.node));
            }
        }
        for node in &nodes.nodes {
            self.out.entry(control(node.id)).or_insert_with(|| link_to(node, false));
        }
        let is_removed = |uuid: &[u8; 16]| nodes.removed.contains(uuid);
        let of_removed = self
            .incoming
            .iter()
            .filter(|(_, link)| link.peer.is_some_and(|peer| is_removed(&peer.uuid)));
        let refused = of_removed.map(|(connection, _)| *connection).collect();
        self.setup.nodes = nodes;
        (ended, refused)
    }
}

impl NodeCore {
    /// Takes the nodes of another config for peers.
    pub(crate) fn follow_peers(&mut self, io: &mut Io, nodes: PeerNodes) {
        let Some(peers) = &mut self.peers else { return };
        if peers.setup.nodes == nodes && peers.dials {
            return;
        }
        peers.dials = true;
        let (ended, refused) = peers.set_nodes(nodes);
        for connection in ended {
            peers.forget(connection);
            io.close(connection);
        }
        for connection in refused {
            self.refuse_peer(io, connection, RefusalCode::Removed, &removed());
        }
    }
}
