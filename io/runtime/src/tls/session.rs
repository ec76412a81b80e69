//! Owns the records of one connection: what was received becomes what the core is given, and what it sends becomes records.
//! It holds at most a record that is not whole, what came while a handshake waits, and one buffer of the core.

use std::io::{Read, Write};

use rustls::{
    ClientConnection, Connection, HandshakeKind, ServerConnection, pki_types::ServerName,
};

use super::{HANDSHAKE_RECORD, TlsClient, TlsServer, Unsecured};
use crate::limits::{TLS_CLEAR_BYTES, TLS_HELD_BYTES_MAX, TLS_SEALED_BYTES};

/// How far a connection is.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Its first byte will tell whether it speaks TLS.
    Unknown(TlsServer, Unsecured),
    /// It speaks TLS.
    Speaks(Box<Connection>),
}

/// What came of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fed {
    /// The handshake is through since this call.
    pub(crate) is_through: bool,
    /// The session goes on from an earlier one.
    pub(crate) is_resumed: bool,
    /// The peer has said that it sends no more.
    pub(crate) has_ended: bool,
}

/// TLS on one connection.
#[derive(Debug)]
pub(crate) struct Secured {
    pub(crate) stage: Stage,
    /// What was received while the handshake waits for its turn.
    pub(crate) held: Vec<u8>,
    /// It is in the list of those that wait for a turn.
    pub(crate) is_queued: bool,
    /// The peer's socket ended while something was held.
    pub(crate) has_ended: bool,
    /// What the core sends and is not in records yet, from `plain_at` on.
    plain: Vec<u8>,
    plain_at: usize,
    /// The core's buffer has not left whole.
    pub(crate) is_core_sending: bool,
    has_said_end: bool,
}

impl Secured {
    /// A peer that connects; `otherwise` says what is done when it speaks no TLS.
    pub(crate) fn accepted(server: &TlsServer, otherwise: Unsecured) -> Self {
        Self::new(Stage::Unknown(server.clone(), otherwise))
    }

    /// A peer that was dialed: the handshake begins here.
    ///
    /// Errors: no random bits.
    pub(crate) fn dialed(client: &TlsClient) -> Result<Self, rustls::Error> {
        let name = ServerName::try_from("peer").expect("it is a name");
        let mut connection = ClientConnection::new(client.0.clone(), name)?;
        connection.set_buffer_limit(None);
        Ok(Self::new(Stage::Speaks(Box::new(connection.into()))))
    }

    fn new(stage: Stage) -> Self {
        Self {
            stage,
            held: Vec::new(),
            is_queued: false,
            has_ended: false,
            plain: Vec::new(),
            plain_at: 0,
            is_core_sending: false,
            has_said_end: false,
        }
    }

    /// Takes the first bytes of a peer; `None`: it speaks TLS, else what is done with it.
    ///
    /// Errors: no random bits.
    pub(crate) fn begin(&mut self, bytes: &[u8]) -> Result<Option<Unsecured>, rustls::Error> {
        let Stage::Unknown(server, otherwise) = &mut self.stage else { return Ok(None) };
        if bytes.first() != HANDSHAKE_RECORD.first() {
            let otherwise = std::mem::replace(otherwise, Unsecured::Accept);
            return Ok(Some(otherwise));
        }
        let mut connection = ServerConnection::new(server.0.clone())?;
        // What waits in it is bounded by what it is given: one part of one buffer.
        connection.set_buffer_limit(None);
        self.stage = Stage::Speaks(Box::new(connection.into()));
        Ok(None)
    }

    pub(crate) fn is_shaking(&self) -> bool {
        match &self.stage {
            Stage::Unknown(..) => true,
            Stage::Speaks(connection) => connection.is_handshaking(),
        }
    }

    /// Whether nothing more is received for now.
    pub(crate) fn is_full(&self) -> bool {
        self.held.len() >= TLS_HELD_BYTES_MAX
    }

    /// Takes records from the front of `bytes` and appends what they hold to `clear`: all, or so much that the core should be given it
    /// first.
    ///
    /// Errors: why the connection must end; [`Secured::alert`] has the alert for the peer.
    pub(crate) fn feed(
        &mut self,
        bytes: &mut &[u8],
        clear: &mut Vec<u8>,
    ) -> Result<Fed, rustls::Error> {
        let mut fed = Fed::default();
        let Stage::Speaks(connection) = &mut self.stage else { return Ok(fed) };
        let was_shaking = connection.is_handshaking();
        while !bytes.is_empty() && clear.len() < TLS_CLEAR_BYTES {
            let taken = connection
                .read_tls(bytes)
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            let state = connection.process_new_packets()?;
            let at = clear.len();
            clear.resize(at + state.plaintext_bytes_to_read(), 0);
            connection
                .reader()
                .read_exact(&mut clear[at..])
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            fed.has_ended = state.peer_has_closed();
            // Nothing that follows the end counts.
            if fed.has_ended || taken == 0 {
                *bytes = &[];
            }
        }
        fed.is_through = was_shaking && !connection.is_handshaking();
        fed.is_resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        Ok(fed)
    }

    /// Takes the core's buffer, if the one before has left.
    pub(crate) fn take_plain(&mut self, bytes: &mut Vec<u8>) -> bool {
        if self.is_core_sending {
            return false;
        }
        std::mem::swap(&mut self.plain, bytes);
        bytes.clear();
        self.plain_at = 0;
        self.is_core_sending = true;
        true
    }

    /// Bytes of the core that are not in records yet.
    pub(crate) fn unsealed_bytes(&self) -> usize {
        self.plain.len() - self.plain_at
    }

    /// Appends what is left to say to the peer when nothing of the core's leaves any more.
    pub(crate) fn alert(&mut self, out: &mut Vec<u8>) {
        let Stage::Speaks(connection) = &mut self.stage else { return };
        while connection.wants_write() && connection.write_tls(out).is_ok() {}
    }

    /// Appends records that are to leave next; nothing when there are none. With `is_last`, the word that no more follows is behind them.
    pub(crate) fn seal(&mut self, is_last: bool, out: &mut Vec<u8>) {
        let Stage::Speaks(connection) = &mut self.stage else { return };
        if !connection.is_handshaking() {
            let rest = &self.plain[self.plain_at..];
            let part = &rest[..rest.len().min(TLS_SEALED_BYTES)];
            // Without a limit it takes all.
            let taken = connection.writer().write(part).unwrap_or(0);
            self.plain_at += taken;
            if self.plain_at == self.plain.len() {
                self.plain.clear();
                self.plain_at = 0;
                if is_last && !self.has_said_end {
                    self.has_said_end = true;
                    connection.send_close_notify();
                }
            }
        }
        // A vector takes all.
        while connection.wants_write() && connection.write_tls(out).is_ok() {}
    }

    /// Whether the core's buffer is in records.
    pub(crate) fn is_sealed(&self) -> bool {
        self.plain.is_empty()
    }

    /// Bytes that both ends of this very connection know, and nobody else.
    /// Source: RFC 5705, RFC 8446 section 7.5.
    pub(crate) fn key(&self, label: &[u8]) -> Option<[u8; 32]> {
        let Stage::Speaks(connection) = &self.stage else { return None };
        connection.export_keying_material([0; 32], label, None).ok()
    }
}
