//! Sending: one buffer in flight a connection, continued until it has left whole.
#![expect(unsafe_code, reason = "a send points into the connection's buffer")]

use super::Io;
use crate::{
    ConnectionId,
    ring::{Operation, Token},
};

impl<M> Io<M> {
    /// Sends `bytes` if nothing is in flight: takes them, leaves an empty buffer with the old
    /// allocation in their place, and gives true. Otherwise, or when the id is dead or closing,
    /// gives false and takes nothing; while `is_sending`, `Core::sent` says when to try again.
    /// Sending nothing gives true and does nothing.
    pub fn send(&mut self, id: ConnectionId, bytes: &mut Vec<u8>) -> bool {
        let now_ns = self.now_ns();
        let Some(connection) = self.memory.connections.get(id) else { return false };
        if let Some(secured) = &mut connection.secured {
            if connection.close_after_send || secured.is_core_sending {
                return false;
            }
            if !bytes.is_empty() && secured.take_plain(bytes) {
                connection.progress_ns = now_ns;
                self.send_records(id);
            }
            return true;
        }
        if connection.in_send || connection.close_after_send {
            return false;
        }
        if bytes.is_empty() {
            return true;
        }
        std::mem::swap(&mut connection.sending, bytes);
        bytes.clear();
        connection.sent_bytes = 0;
        connection.progress_ns = now_ns;
        self.continue_send(id);
        true
    }

    /// Whether bytes of `send` are in flight.
    #[must_use]
    pub fn is_sending(&self, id: ConnectionId) -> bool {
        self.memory.connections.view(id).is_some_and(|connection| match &connection.secured {
            None => connection.in_send,
            Some(secured) => secured.is_core_sending,
        })
    }

    /// Bytes of `send` that have not left.
    #[must_use]
    pub fn unsent_bytes(&self, id: ConnectionId) -> usize {
        self.memory.connections.view(id).map_or(0, |connection| {
            let secured = connection.secured.as_ref();
            let unsealed = secured.map_or(0, |secured| secured.unsealed_bytes());
            let is_left = connection.in_send;
            let left = || connection.sending.len() - connection.sent_bytes;
            unsealed + if is_left { left() } else { 0 }
        })
    }

    /// The allocation of what was sent last, when it has room for more than `keep_bytes` and nothing is in flight: otherwise it stays with
    /// the connection for the next send.
    pub fn take_sent(&mut self, id: ConnectionId, keep_bytes: usize) -> Option<Vec<u8>> {
        let connection = self.memory.connections.get(id)?;
        let is_long = !connection.in_send && connection.sending.capacity() > keep_bytes;
        is_long.then(|| {
            let mut bytes = std::mem::take(&mut connection.sending);
            bytes.clear();
            bytes
        })
    }

    pub(super) fn continue_send(&mut self, id: ConnectionId) {
        let Some(connection) = self.memory.connections.get(id) else { return };
        connection.in_send = true;
        let token = Token::new(Operation::Send, id.index, id.generation);
        let rest = &connection.sending[connection.sent_bytes..];
        // SAFETY: `in_send` keeps the connection and its buffer unchanged until the completion;
        // `Io` drains the ring before its memory goes.
        unsafe { self.ring.send(connection.socket.fd(), rest, token) };
    }

    /// A send completed. True when the buffer has left whole and the core must be told.
    pub(crate) fn send_completed(&mut self, id: ConnectionId, result: i32) -> bool {
        let now_ns = self.now_ns();
        let Some(connection) = self.memory.connections.any(id) else { return false };
        connection.in_send = false;
        if connection.closed {
            self.memory.connections.retire(id);
            return false;
        }
        let sent = match usize::try_from(result) {
            Ok(sent) => sent,
            Err(_) if matches!(-result, libc::EINTR | libc::EAGAIN) => 0,
            Err(_) => {
                self.connection_failed(id, -result);
                return false;
            }
        };
        self.stats.sends += 1;
        self.stats.bytes_out += sent as u64;
        if sent > 0 {
            connection.progress_ns = now_ns;
        }
        connection.sent_bytes += sent;
        if connection.sent_bytes < connection.sending.len() {
            self.continue_send(id);
            return false;
        }
        connection.sending.clear();
        if connection.secured.is_some() && connection.seal_next() {
            self.continue_send(id);
            return false;
        }
        if connection.close_after_send {
            self.close(id);
            return false;
        }
        match &mut connection.secured {
            None => true,
            // The core is not told of what was TLS' own.
            Some(secured) => {
                let is_through = secured.is_core_sending && secured.is_sealed();
                secured.is_core_sending &= !is_through;
                is_through
            }
        }
    }
}
