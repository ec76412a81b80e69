//! TLS on connections: begun with the socket, handshakes in turn, records out one send at a time.

use std::collections::VecDeque;

use super::Io;
use crate::{
    CloseReason, ConnectionId, Socket, limits,
    tls::{Fed, Secured, TlsClient, TlsServer, Unsecured},
};

/// The handshakes of one core that are under way.
#[derive(Debug, Default)]
pub(crate) struct Securing {
    /// Those that have received something and wait for a turn, each once.
    pub(crate) waiting: VecDeque<ConnectionId>,
    /// When each must be through; the time is the same for all, so they are in order. One that is through, or gone, stays until then:
    /// there are at most as many as sockets were opened in that time.
    deadlines: VecDeque<(u64, ConnectionId)>,
    /// Records as they were opened, for the time of a call.
    pub(crate) clear: Vec<u8>,
}

/// What is to be done with bytes that came on a connection with TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Intake {
    /// There are records to open.
    Records,
    /// They were put aside until the handshake has its turn.
    Held,
    /// The peer speaks no TLS, and may.
    Plain,
    /// The peer speaks no TLS, and is told so.
    Refuse(Vec<u8>),
    /// The connection must end.
    Failed(String),
}

impl<M> Io<M> {
    /// As [`Io::open`], for a peer that has connected and speaks TLS, or may: what the core is given and what it sends is without it.
    /// `Core::secured` follows where TLS is spoken, before the first bytes.
    ///
    /// Errors: the table of connections is full.
    pub fn open_secured(
        &mut self,
        socket: Socket,
        server: &TlsServer,
        otherwise: Unsecured,
    ) -> Result<ConnectionId, Socket> {
        let id = self.open(socket)?;
        self.secure(id, Secured::accepted(server, otherwise));
        Ok(id)
    }

    /// As [`Io::open`], for a peer that was dialed and that TLS is spoken with. What the core sends before `Core::secured` leaves after it.
    ///
    /// Errors: the table of connections is full.
    pub fn open_secured_to(
        &mut self,
        socket: Socket,
        client: &TlsClient,
    ) -> Result<ConnectionId, Socket> {
        // Without random bits nothing secret can be made.
        let secured = Secured::dialed(client).expect("the system gives random bits");
        let id = self.open(socket)?;
        self.secure(id, secured);
        self.send_records(id);
        Ok(id)
    }

    fn secure(&mut self, id: ConnectionId, secured: Secured) {
        let time_ns = u64::try_from(limits::TLS_HANDSHAKE.as_nanos()).unwrap_or(u64::MAX);
        self.securing.deadlines.push_back((self.now_ns().saturating_add(time_ns), id));
        if let Some(connection) = self.memory.connections.get(id) {
            connection.secured = Some(Box::new(secured));
        }
    }

    /// Whether a connection speaks TLS and its handshake is through.
    #[must_use]
    pub fn is_secured(&self, id: ConnectionId) -> bool {
        let connection = self.memory.connections.view(id);
        connection
            .and_then(|connection| connection.secured.as_ref())
            .is_some_and(|secured| !secured.is_shaking())
    }

    /// Whether a connection speaks TLS, or may yet.
    pub(crate) fn may_be_secured(&self, id: ConnectionId) -> bool {
        self.memory.connections.view(id).is_some_and(|connection| connection.secured.is_some())
    }

    /// Bytes that both ends of this very connection know and nobody else, for a label; none without TLS.
    #[must_use]
    pub fn secured_key(&self, id: ConnectionId, label: &[u8]) -> Option<[u8; 32]> {
        self.memory.connections.view(id)?.secured.as_ref()?.key(label)
    }

    /// Looks at bytes that came on a connection that may speak TLS.
    pub(crate) fn take_in(&mut self, id: ConnectionId, bytes: &[u8]) -> Intake {
        let Some(connection) = self.memory.connections.get(id) else { return Intake::Held };
        let Some(secured) = &mut connection.secured else { return Intake::Plain };
        match secured.begin(bytes) {
            Ok(None) => {}
            Ok(Some(Unsecured::Accept)) => {
                connection.secured = None;
                return Intake::Plain;
            }
            Ok(Some(Unsecured::Refuse(line))) => return Intake::Refuse(line),
            Err(error) => return Intake::Failed(error.to_string()),
        }
        if !secured.is_shaking() && !secured.is_queued {
            return Intake::Records;
        }
        secured.held.extend_from_slice(bytes);
        if !std::mem::replace(&mut secured.is_queued, true) {
            self.securing.waiting.push_back(id);
        }
        Intake::Held
    }

    /// A handshake has its turn: gives what was received for it.
    pub(crate) fn take_held(&mut self, id: ConnectionId) -> Option<Vec<u8>> {
        let secured = self.memory.connections.get(id)?.secured.as_mut()?;
        secured.is_queued = false;
        Some(std::mem::take(&mut secured.held))
    }

    /// Whether nothing is received for a connection because its handshake waits.
    pub(super) fn is_held(&self, id: ConnectionId) -> bool {
        let connection = self.memory.connections.view(id);
        connection
            .and_then(|connection| connection.secured.as_ref())
            .is_some_and(|secured| secured.is_full())
    }

    /// The peer's socket ended. True when that waits for what was received before.
    pub(crate) fn end_waits(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.memory.connections.get(id) else { return false };
        let Some(secured) = &mut connection.secured else { return false };
        secured.has_ended |= secured.is_queued;
        secured.has_ended
    }

    /// Whether the peer's socket ended before what was held was looked at.
    pub(crate) fn had_ended(&mut self, id: ConnectionId) -> bool {
        let connection = self.memory.connections.get(id);
        connection
            .and_then(|connection| connection.secured.as_mut())
            .is_some_and(|secured| std::mem::take(&mut secured.has_ended))
    }

    /// Whether the handshake of a connection is not through.
    pub(crate) fn is_shaking(&self, id: ConnectionId) -> bool {
        let connection = self.memory.connections.view(id);
        connection
            .and_then(|connection| connection.secured.as_ref())
            .is_some_and(|secured| secured.is_shaking())
    }

    /// Opens records from the front of `bytes`; what they hold is appended to `clear`.
    ///
    /// Errors: why the connection must end.
    pub(crate) fn open_records(
        &mut self,
        id: ConnectionId,
        bytes: &mut &[u8],
        clear: &mut Vec<u8>,
    ) -> Result<Fed, String> {
        let Some(connection) = self.memory.connections.get(id) else {
            *bytes = &[];
            return Ok(Fed::default());
        };
        let Some(secured) = &mut connection.secured else { return Ok(Fed::default()) };
        let fed = secured.feed(bytes, clear).map_err(|error| sentence(&error))?;
        if fed.is_through {
            self.stats.tls_handshakes += 1;
            self.stats.tls_resumed += u64::from(fed.is_resumed);
        }
        self.send_records(id);
        Ok(fed)
    }

    /// Sends what records there are, if nothing is in flight.
    pub(crate) fn send_records(&mut self, id: ConnectionId) {
        let Some(connection) = self.memory.connections.get(id) else { return };
        if connection.in_send || !connection.seal_next() {
            return;
        }
        self.continue_send(id);
    }

    /// Ends a connection because of TLS; the peer is told by an alert where there is one.
    pub(crate) fn fail_secured(&mut self, id: ConnectionId, why: CloseReason, line: Option<&[u8]>) {
        self.stats.tls_failures += u64::from(why == CloseReason::Tls);
        let Some(connection) = self.memory.connections.get(id) else { return };
        if !connection.in_send {
            let mut alert = Vec::new();
            if let (None, Some(secured)) = (line, &mut connection.secured) {
                secured.alert(&mut alert);
            }
            connection.socket.say_last(line.unwrap_or(&alert));
        }
        self.end(id, why);
    }

    /// The time of all handshakes is up.
    #[cfg(test)]
    pub(crate) fn end_handshakes_early(&mut self) {
        self.securing.deadlines.iter_mut().for_each(|(at_ns, _)| *at_ns = 0);
    }

    /// The next handshake that has taken too long.
    pub(crate) fn next_late(&mut self) -> Option<ConnectionId> {
        let now_ns = self.now_ns();
        loop {
            let (_, id) = self.securing.deadlines.pop_front_if(|(at_ns, _)| *at_ns <= now_ns)?;
            if self.is_shaking(id) {
                return Some(id);
            }
        }
    }
}

/// Why records could not be opened, for a person.
fn sentence(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError, Error};
    match error {
        Error::InvalidMessage(_) => {
            format!("the bytes are no TLS records, or damaged ones ({error}); speak TLS 1.2 or 1.3 here")
        }
        Error::NoCertificatesPresented => {
            "the peer shows no certificate and one is required; give it one that ca_file has signed".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the certificate of the peer is signed by nobody in ca_file; sign it with that authority".to_owned()
        }
        Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the certificate of the peer has expired; renew it".to_owned(),
        Error::InvalidCertificate(why) => {
            format!("the certificate of the peer is not taken: {why}")
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "the peer refuses to speak TLS, or shares no version or cipher of it".to_owned()
        }
        Error::AlertReceived(alert) => {
            format!("the peer ended it with the alert {alert:?}; its log says why")
        }
        Error::PeerIncompatible(why) => {
            format!("the peer offers no version or cipher of TLS that is spoken here ({why:?}); use TLS 1.2 or 1.3")
        }
        error => error.to_string(),
    }
}
