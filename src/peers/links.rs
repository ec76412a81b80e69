//! Owns what happens on links: they are dialed, opened and ended, and frames come in.

use hyperion_runtime::{CloseReason, ConnectionId, Socket};
use hyperion_wire::peer::{
    Body, FrameParser, Framed, HandshakeError, Message, PartsReader, Ping, Pong, RefusalCode,
    Refused,
};

use super::all::{Incoming, PeerSetup};
use super::dial::{Dialed, dial};
use super::in_link::InLink;
use super::limits::{BUFFER_KEEP_BYTES, INCOMING_MAX, SILENCE_NS, STRANGER_SILENCE_NS};
use super::out_link::{LinkId, State};
use super::secure::Dial;
use crate::node::{Io, NodeCore};

/// What a handshake that came to nothing says about this node.
fn refused(node: u32, error: &HandshakeError) -> Option<Incoming> {
    match error {
        HandshakeError::RefusedByPeer { code, .. } => Some(Incoming::Refused(node, *code)),
        HandshakeError::OtherCluster { .. } => {
            Some(Incoming::Refused(node, RefusalCode::OtherCluster as u8))
        }
        _ => None,
    }
}

/// Whether the other one will not speak to this node whatever becomes of it: it was removed.
fn bars(word: Incoming) -> bool {
    matches!(word, Incoming::Refused(_, code) if code == RefusalCode::Removed as u8)
}

impl NodeCore {
    // ---- connections

    /// A peer has connected to this core.
    pub(crate) fn open_peer(&mut self, io: &mut Io, socket: Socket) {
        let nonce = self.nonce();
        let Some(peers) = &self.peers else { return };
        if peers.incoming.len() >= INCOMING_MAX {
            let mut bytes = Vec::new();
            let refused = Refused::new(RefusalCode::Busy, "too many links of peers; try again");
            if refused.encode(&mut bytes).is_ok() {
                io.refuse(socket, &bytes);
            }
            return;
        }
        let Some(connection) = self.open_incoming(io, socket) else { return };
        let Some(peers) = &mut self.peers else { return };
        peers.incoming.insert(connection, InLink::new(nonce, io.now_ns()));
        peers.heard_ns.insert(connection, (io.now_ns(), false));
    }

    /// A connection to a peer was made, or was not.
    pub(crate) fn peer_dialed(&mut self, io: &mut Io, dialed: Dialed) {
        let nonce = self.nonce();
        let Some(peers) = &mut self.peers else { return };
        let now_ns = io.now_ns();
        let Dialed { link: id, socket } = dialed;
        let socket = match socket {
            Ok(socket) => socket,
            Err(error) => return peers.link_failed(id, error.to_string(), now_ns),
        };
        let (mode, tls) = (self.config.settings().tls.peers, self.shared.published.tls());
        let way = peers.way(id, mode, tls.as_ref());
        let Some(link) = peers.out.get_mut(&id) else { return };
        if !matches!(link.state, State::Dialing) {
            return;
        }
        let opened = match &way {
            Dial::Plain => io.open(socket),
            Dial::Secured(client) => io.open_secured_to(socket, client),
            Dial::Not(why) => return peers.link_failed(id, (*why).to_owned(), now_ns),
        };
        let Ok(connection) = opened else {
            return peers.link_failed(id, "this node has too many connections".to_owned(), now_ns);
        };
        peers.dialed.insert(connection, id);
        peers.heard_ns.insert(connection, (now_ns, false));
        if matches!(way, Dial::Secured(_)) {
            return link.secure(connection, nonce, now_ns);
        }
        let PeerSetup { identity, secret, .. } = &peers.setup;
        let mut hello = link.open(connection, identity, secret, nonce, now_ns);
        io.send(connection, &mut hello);
    }

    /// Bytes came on a link.
    pub(crate) fn feed_peer(&mut self, io: &mut Io, connection: ConnectionId, bytes: &[u8]) {
        let now_ns = io.now_ns();
        let Some(peers) = &mut self.peers else { return };
        peers.heard_ns.insert(connection, (now_ns, false));
        let dialed = peers.dialed.get(&connection).copied();
        let mut out = std::mem::take(&mut peers.spare);
        let shaken = if let Some(id) = dialed {
            let Some(link) = peers.out.get_mut(&id) else { return };
            link.input.extend_from_slice(bytes);
            let was_up = link.is_up();
            let shaken = link.shake(&mut out);
            if shaken == Ok(true) && !was_up && !id.is_bulk {
                if !link.is_barred {
                    tracing::info!("node {} is reached at {}", id.node, link.address);
                }
                peers.words.push(Incoming::Up(id.node));
            }
            if let Err(error) = &shaken {
                let word = refused(id.node, error);
                link.is_barred |= word.is_some_and(bars);
                peers.words.extend(word);
            }
            shaken.map(drop).map_err(|error| error.to_string())
        } else {
            let secret = peers.secret_of_new(io, connection);
            let Some(link) = peers.incoming.get_mut(&connection) else { return };
            link.input.extend_from_slice(bytes);
            let begun = match secret {
                Some(secret) => {
                    link.begin(&peers.setup.identity, &secret);
                    Self::refuse_tls_of_peer(io, connection, bytes)
                }
                None => Ok(()),
            };
            let shaken = begun.and_then(|()| link.shake(&mut out));
            shaken.and_then(|peer| peer.map_or(Ok(()), |peer| peers.admit(&peer, &mut out)))
        };
        if !out.is_empty() {
            io.send(connection, &mut out);
            out.clear();
        }
        peers.spare = out;
        let result = shaken.and_then(|()| self.read_frames(io, connection, dialed));
        if let Err(why) = result {
            self.end_peer(io, connection, &why);
        }
    }

    /// Takes the whole frames of a link's input, once its handshake is done.
    pub(super) fn read_frames(
        &mut self,
        io: &mut Io,
        connection: ConnectionId,
        dialed: Option<LinkId>,
    ) -> Result<(), String> {
        let Some(peers) = &mut self.peers else { return Ok(()) };
        let (from, input, mut parts) = if let Some(id) = dialed {
            let link = peers.out.get_mut(&id).filter(|link| link.is_up());
            let Some(link) = link else { return Ok(()) };
            (id.node, std::mem::take(&mut link.input), PartsReader::new())
        } else {
            let Some(link) = peers.incoming.get_mut(&connection) else { return Ok(()) };
            let Some(peer) = link.peer else { return Ok(()) };
            (peer.node, std::mem::take(&mut link.input), std::mem::take(&mut link.parts))
        };
        let (mut at, mut needed) = (0, 0);
        let parser = FrameParser::new();
        let result = loop {
            match parser.parse(&input[at..]) {
                Ok(Framed::Incomplete { bytes_min }) => {
                    needed = bytes_min;
                    break Ok(());
                }
                Ok(Framed::Frame { frame, consumed }) => {
                    at += consumed;
                    if frame.is_compressed && frame.kind.may_be_compressed() {
                        match self.take_compressed(connection, from, frame.body) {
                            Ok(()) => continue,
                            Err(why) => break Err(why),
                        }
                    }
                    match Message::decode(&frame) {
                        Ok(Message::Part(part)) if dialed.is_none() => match parts.take(&part) {
                            Ok(None) => {}
                            Ok(Some((kind, body))) => match Message::decode_body(kind, &body) {
                                Ok(message) => self.peer_message(io, connection, from, message),
                                Err(error) => break Err(error.to_string()),
                            },
                            Err(error) => break Err(error.to_string()),
                        },
                        Ok(message) => self.peer_message(io, connection, from, message),
                        Err(error) => break Err(error.to_string()),
                    }
                }
                Err(error) => break Err(error.to_string()),
            }
        };
        let Some(peers) = &mut self.peers else { return result };
        let place = match dialed {
            Some(id) => peers.out.get_mut(&id).map(|link| &mut link.input),
            None => peers.incoming.get_mut(&connection).map(|link| {
                link.parts = parts;
                &mut link.input
            }),
        };
        if let Some(place) = place {
            *place = input;
            place.drain(..at);
            if place.is_empty() && place.capacity() > BUFFER_KEEP_BYTES {
                *place = Vec::new();
            }
            peers.fill_input(io, connection, needed);
        }
        result
    }

    pub(super) fn peer_message(
        &mut self,
        io: &mut Io,
        connection: ConnectionId,
        from: u32,
        message: Message<'_>,
    ) {
        let Some(peers) = &self.peers else { return };
        if !peers.may_say(connection, &message) {
            return self.hear_stranger(io, connection);
        }
        match message {
            Message::Ping(Ping { stamp_ns }) => {
                // On a link that is busy sending, what it sends shows that it lives.
                let mut pong = Vec::new();
                let is_written = Pong { stamp_ns }.encode(&mut pong).is_ok();
                if is_written {
                    io.send(connection, &mut pong);
                }
            }
            Message::Pong(_) => {}
            Message::ConfigFetch(fetch) => self.answer_fetch(io, connection, fetch),
            Message::ConfigPropose(propose) if peers.is_stranger(connection) => {
                if let Err(why) = self.take_announced(connection, from, &propose.config) {
                    self.refuse_peer(io, connection, RefusalCode::NotInConfig, &why);
                }
            }
            Message::Refused(Refused { code, sentence }) => {
                let sentence = sentence.escape_debug().to_string();
                if let Some(peers) = &mut self.peers
                    && let Some(id) = peers.dialed.get(&connection)
                {
                    let word = Incoming::Refused(from, code);
                    if let Some(link) = peers.out.get_mut(id) {
                        link.is_barred |= bars(word);
                    }
                    peers.words.push(word);
                }
                self.end_peer(io, connection, &sentence);
            }
            message => self.take_peer_message(io, from, message),
        }
    }

    /// Ends a link; one that this core has dialed is dialed again after a while.
    pub(super) fn end_peer(&mut self, io: &mut Io, connection: ConnectionId, why: &str) {
        self.forget_peer(io, connection, why);
        io.close_after_send(connection);
    }

    /// A link is none any more; its connection is ended by the caller.
    pub(super) fn forget_peer(&mut self, io: &Io, connection: ConnectionId, why: &str) {
        let Some(peers) = &mut self.peers else { return };
        if let Some(&id) = peers.dialed.get(&connection) {
            peers.link_failed(id, why.to_owned(), io.now_ns());
        } else if peers.incoming.contains_key(&connection) {
            tracing::warn!("a link of a peer was closed: {why}");
        }
        peers.forget(connection);
    }

    /// A connection of a link is gone.
    pub(crate) fn closed_peer(&mut self, io: &mut Io, connection: ConnectionId, why: CloseReason) {
        let Some(peers) = &mut self.peers else { return };
        if let Some(id) = peers.dialed.get(&connection).copied() {
            let why = match why {
                CloseReason::Failed(error) => std::io::Error::from_raw_os_error(error).to_string(),
                CloseReason::Peer | CloseReason::Core | CloseReason::Tls => {
                    "the connection was closed".to_owned()
                }
            };
            peers.link_failed(id, why, io.now_ns());
        }
        peers.forget(connection);
    }

    // ---- turns and ticks

    /// Sends what waits for links that are free; while a snapshot holds back what leaves the core, only what is urgent.
    pub(crate) fn flush_peers(&mut self, io: &mut Io) {
        let holds = self.snapshot.holds();
        let Some(peers) = &mut self.peers else { return };
        for link in peers.out.values_mut() {
            let State::Up { connection } = link.state else { continue };
            if io.is_sending(connection) {
                continue;
            }
            if !link.urgent.is_empty() {
                io.send(connection, &mut link.urgent);
                link.urgent.clear();
                continue;
            }
            if holds {
                continue;
            }
            link.add_part();
            if link.output.is_empty() {
                continue;
            }
            io.send(connection, &mut link.output);
            link.output.clear();
            if link.output.capacity() > BUFFER_KEEP_BYTES {
                link.output = Vec::new();
            }
        }
    }

    /// Dials who is due, asks who is silent, and ends what takes too long.
    pub(crate) fn tick_peers(&mut self, io: &mut Io) {
        let now_ns = io.now_ns();
        let postbox = self.shared.postboxes.to(usize::from(self.index));
        let Some(peers) = &mut self.peers else { return };
        let mut failed = Vec::new();
        for link in peers.out.values_mut() {
            link.long.tick(now_ns);
            if link.begins_to_dial(now_ns)
                && let Err(error) = dial(link.id, peers.setup.source, link.address, postbox.clone())
            {
                failed.push((link.id, error.to_string()));
            }
        }
        for (id, why) in failed {
            peers.link_failed(id, why, now_ns);
        }
        let late = |connection: &ConnectionId| {
            let dialed = peers.dialed.get(connection).and_then(|id| peers.out.get(id));
            let incoming = peers.incoming.get(connection);
            dialed.is_some_and(|link| link.is_late(now_ns))
                || incoming.is_some_and(|link| link.is_late(now_ns))
        };
        let mut ended: Vec<(ConnectionId, &str)> = peers
            .heard_ns
            .keys()
            .filter(|connection| late(connection))
            .map(|&connection| (connection, "the handshake took too long"))
            .collect();
        let is_silent = |connection: &ConnectionId| {
            let heard_ns = peers.heard_ns.get(connection).map_or(0, |(heard_ns, _)| *heard_ns);
            now_ns.saturating_sub(heard_ns) > STRANGER_SILENCE_NS && peers.is_stranger(*connection)
        };
        let strangers = peers.incoming.keys().filter(|connection| is_silent(connection));
        ended.extend(strangers.map(|&connection| (connection, "the node asks nothing any more")));
        let mut unheard = Vec::new();
        for link in peers.out.values_mut() {
            let State::Up { connection } = link.state else { continue };
            let Some((heard_ns, was_asked)) = peers.heard_ns.get_mut(&connection) else { continue };
            let silent_ns = now_ns.saturating_sub(*heard_ns);
            if silent_ns > 2 * SILENCE_NS {
                unheard.push(connection);
            } else if silent_ns > SILENCE_NS && !*was_asked {
                *was_asked = true;
                link.queue(|out| {
                    let _ = Ping { stamp_ns: now_ns }.encode(out);
                });
            }
        }
        for (connection, why) in ended {
            self.end_peer(io, connection, why);
        }
        for connection in unheard {
            // Whoever sent commands there is told that nobody knows what becomes of them: they are not to come after newer ones.
            self.forget_peer(io, connection, "the peer does not answer");
            io.abort(connection);
        }
        self.refuse_unnamed(io);
        self.end_links_against_config(io);
    }

    /// 32 bytes that nobody can guess and that were never used: the handshake's.
    fn nonce(&mut self) -> [u8; 32] {
        let mut nonce = [0; 32];
        if let Err(error) = crate::node::random_bytes(&mut nonce) {
            tracing::error!("random bits cannot be had: {error}");
            crate::log::flush();
            std::process::abort();
        }
        nonce
    }
}
