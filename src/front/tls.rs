//! Owns where TLS meets clients: what opens a secured connection, and what those are told who speak it where it is not spoken, or do not
//! where it is.

use hyperion_runtime::tls::{HANDSHAKE_RECORD, NO_TLS_ALERT, Unsecured};
use hyperion_runtime::{ConnectionId, Socket};

use super::client::Client;
use crate::node::{Io, NodeCore};

/// What a Redis client without TLS is told on an address for TLS.
pub(crate) const NO_TLS_LINE: &[u8] = b"-ERR this address speaks TLS; connect with TLS (redis-cli --tls), or to the address without it\r\n";
/// What an HTTP client without TLS is told there.
pub(crate) const NO_TLS_HTTP: &str =
    "this address speaks TLS; ask with https, or the address without it";

/// Whether bytes begin a handshake of TLS. No command begins so.
#[inline]
pub(crate) fn is_tls(bytes: &[u8]) -> bool {
    bytes.first() == HANDSHAKE_RECORD.first() && bytes.starts_with(&HANDSHAKE_RECORD)
}

impl NodeCore {
    /// Opens a connection of a client that speaks TLS; one that does not is told `otherwise`.
    ///
    /// Errors: this core has as many connections as it takes, or nothing to speak TLS with.
    pub(crate) fn open_secured(
        &self,
        io: &mut Io,
        socket: Socket,
        otherwise: &[u8],
    ) -> Result<ConnectionId, Socket> {
        // Without certificates no config that names an address for TLS is taken.
        let Some(tls) = self.shared.published.tls() else { return Err(socket) };
        io.open_secured(socket, &tls.clients, Unsecured::Refuse(otherwise.to_vec()))
    }

    /// A client speaks TLS on an address without: it is told by an alert, and closed.
    pub(super) fn refuse_tls(&mut self, client: &mut Client) {
        self.counters.protocol_errors += 1;
        client.output.buffer().extend_from_slice(&NO_TLS_ALERT);
        client.is_closing = true;
        self.dirty(client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_is_taken_for_tls() {
        for bytes in [&b"*1\r\n"[..], b"PING\r\n", b"\x16", b"\x16\x04", b""] {
            assert!(!is_tls(bytes), "{}", bytes.escape_ascii());
        }
        assert!(is_tls(b"\x16\x03\x01"));
    }
}
