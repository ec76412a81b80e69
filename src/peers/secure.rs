//! Owns TLS between nodes: which links speak it, how the proof inside is bound to them, and how nodes go over from plain links to it.
//!
//! A node that has it allowed takes both and dials without it, and with it after a refusal, so that it reaches nodes that are a step ahead.

use std::sync::Arc;

use hyperion_cluster::config::PeerTls;
use hyperion_runtime::tls::{HANDSHAKE_RECORD, NO_TLS_ALERT, TlsClient, Unsecured};
use hyperion_runtime::{ConnectionId, Socket};
use hyperion_wire::peer::{Body, RefusalCode, Refused, Secret};

use super::all::Peers;
use super::in_link::InLink;
use super::limits::PLAIN_STAYS_NS;
use super::out_link::{LinkId, State};
use crate::config::NodeTls;
use crate::node::{Io, NodeCore};

/// What the secret of both ends of a connection is bound by.
const LABEL: &[u8] = b"EXPORTER-hyperion-peer";
/// What a node without TLS is told where it is required.
const SPEAK_TLS: &str = "the peers of this node speak TLS; set /settings/tls/peers to \"allowed\" on the other one first";
/// What the log says of one that speaks TLS where it is off.
const NO_TLS: &str =
    "a peer speaks TLS, and /settings/tls/peers is \"off\" here; set it to \"allowed\" first";
/// What is added where a node that was dialed speaks no TLS.
const SET_ALLOWED: &str =
    "/settings/tls/peers is perhaps \"off\" there, set it to \"allowed\" first";

/// How a peer is dialed.
pub(super) enum Dial {
    Plain,
    Secured(TlsClient),
    /// It cannot be: why.
    Not(&'static str),
}

impl Peers {
    /// The secret that the ends of a connection prove to know: where it speaks TLS, one that nobody in between could use on another one.
    pub(super) fn secret_on(&self, io: &Io, connection: ConnectionId) -> Secret {
        let secret = &self.setup.secret;
        io.secured_key(connection, LABEL)
            .map_or_else(|| secret.clone(), |key| secret.bound_to(&key))
    }

    /// The secret for a link on which the first bytes have come.
    pub(super) fn secret_of_new(&self, io: &Io, connection: ConnectionId) -> Option<Secret> {
        let is_new = self.incoming.get(&connection).is_some_and(InLink::is_new);
        is_new.then(|| self.secret_on(io, connection))
    }

    /// How a link is dialed.
    pub(super) fn way(&self, link: LinkId, mode: PeerTls, tls: Option<&Arc<NodeTls>>) -> Dial {
        let dials_secured = self.out.get(&link).is_some_and(|link| link.dials_secured);
        let is_plain = match mode {
            PeerTls::Off => true,
            PeerTls::Allowed => !dials_secured,
            PeerTls::Required => false,
        };
        if is_plain {
            return Dial::Plain;
        }
        match tls.and_then(|tls| tls.peers.as_ref()) {
            Some((_, client)) => Dial::Secured(client.clone()),
            None => Dial::Not("the files of /settings/tls cannot be used, as the log said"),
        }
    }
}

impl NodeCore {
    /// Opens a link that a peer has dialed.
    pub(super) fn open_incoming(&self, io: &mut Io, socket: Socket) -> Option<ConnectionId> {
        let mode = self.config.settings().tls.peers;
        if mode == PeerTls::Off {
            return io.open(socket).ok();
        }
        let tls = self.shared.published.tls();
        let server = tls.as_ref().and_then(|tls| tls.peers.as_ref()).map(|(server, _)| server);
        let mut refusal = Vec::new();
        // It fits a frame.
        let _ = Refused::new(RefusalCode::Busy, SPEAK_TLS).encode(&mut refusal);
        match (mode, server) {
            (PeerTls::Required, Some(server)) => {
                io.open_secured(socket, server, Unsecured::Refuse(refusal)).ok()
            }
            (PeerTls::Required, None) => {
                io.refuse(socket, &refusal);
                None
            }
            (_, Some(server)) => io.open_secured(socket, server, Unsecured::Accept).ok(),
            (_, None) => io.open(socket).ok(),
        }
    }

    /// The TLS of a link is there: the node that has dialed it says hello.
    pub(crate) fn secured_peer(&mut self, io: &mut Io, connection: ConnectionId) {
        let Some(peers) = &mut self.peers else { return };
        let secret = peers.secret_on(io, connection);
        let Some(link) = peers.dialed.get(&connection).and_then(|id| peers.out.get_mut(id)) else {
            return;
        };
        if let State::Securing { nonce, .. } = link.state {
            let identity = &peers.setup.identity;
            let mut hello = link.open(connection, identity, &secret, nonce, io.now_ns());
            io.send(connection, &mut hello);
        }
    }

    /// The TLS of a link came to nothing, or broke.
    pub(crate) fn insecure_peer(&mut self, io: &Io, connection: ConnectionId, why: &str) {
        let is_refused = why.contains("refuses to speak TLS");
        let said = if is_refused { format!("{why}: {SET_ALLOWED}") } else { why.to_owned() };
        self.forget_peer(io, connection, &said);
    }

    /// Whether a peer speaks TLS where it is off: it is told by an alert.
    ///
    /// Errors: why the link is closed.
    pub(super) fn refuse_tls_of_peer(
        io: &mut Io,
        connection: ConnectionId,
        bytes: &[u8],
    ) -> Result<(), String> {
        if io.is_secured(connection) || !bytes.starts_with(&HANDSHAKE_RECORD) {
            return Ok(());
        }
        io.send(connection, &mut NO_TLS_ALERT.to_vec());
        Err(NO_TLS.to_owned())
    }

    /// Ends the links that the config no longer allows: those that this node has dialed at once, which it dials anew, those that others
    /// have dialed after they had time to do so themselves.
    pub(super) fn end_links_against_config(&mut self, io: &mut Io) {
        let mode = self.config.settings().tls.peers;
        let now_ns = io.now_ns();
        let Some(peers) = &mut self.peers else { return };
        if peers.tls_mode != mode {
            (peers.tls_mode, peers.tls_since_ns) = (mode, now_ns);
        }
        let is_wrong = |connection: &ConnectionId| match mode {
            PeerTls::Off => io.is_secured(*connection),
            PeerTls::Allowed => false,
            PeerTls::Required => !io.is_secured(*connection),
        };
        let up = |id: &LinkId| peers.out.get(id).is_some_and(super::out_link::OutLink::is_up);
        let mut ended: Vec<ConnectionId> = peers
            .dialed
            .iter()
            .filter(|(connection, id)| up(id) && is_wrong(connection))
            .map(|(connection, _)| *connection)
            .collect();
        if now_ns.saturating_sub(peers.tls_since_ns) > PLAIN_STAYS_NS {
            let proved = peers.incoming.iter().filter(|(_, link)| link.peer.is_some());
            ended.extend(proved.map(|(connection, _)| *connection).filter(is_wrong));
        }
        for connection in ended {
            self.end_peer(io, connection, "the config says otherwise now whether peers speak TLS");
        }
    }
}
