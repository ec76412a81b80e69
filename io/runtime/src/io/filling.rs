//! Receiving straight into a buffer of the core: what is long is copied once less, and into memory that is used again.
#![expect(
    unsafe_code,
    reason = "a receive points into the buffer that the connection keeps for the core"
)]

use super::Io;
use crate::{
    ConnectionId, limits,
    ring::{Operation, Token},
};

impl<M> Io<M> {
    /// Has the next bytes of a connection received behind those in `buffer`, `bytes` of them at most, and takes the buffer for that time:
    /// `Core::filled` gives it back when something has come, or when the receive has ended without. Meanwhile nothing else is received from
    /// the connection.
    ///
    /// Gives false and leaves the buffer alone where that cannot be: with TLS, while receiving is paused, and while a receive is under way. So
    /// call it when bytes were just given. What comes next is given as ever then; for some time receives are made one by one, so that
    /// there is such a moment.
    pub fn fill(&mut self, id: ConnectionId, buffer: &mut Vec<u8>, bytes: usize) -> bool {
        let Some(connection) = self.memory.connections.get(id) else { return false };
        let may_receive = !connection.paused && !connection.ended && !connection.close_after_send;
        if bytes == 0 || !may_receive || connection.secured.is_some() {
            return false;
        }
        connection.singly = limits::SINGLE_RECEIVES;
        if connection.in_receive {
            if !connection.is_single {
                self.cancel_receive(id);
            }
            return false;
        }
        buffer.reserve(bytes);
        (connection.in_receive, connection.is_single) = (true, true);
        let filling = connection.filling.insert(std::mem::take(buffer));
        let room = &mut filling.spare_capacity_mut()[..bytes];
        let token = Token::new(Operation::Receive, id.index, id.generation);
        let socket = connection.socket.fd();
        // SAFETY: `in_receive` keeps the connection, and everybody off the buffer in it, until the completion; `Io` drains the ring before
        // its memory goes.
        unsafe { self.ring.receive_once(socket, (room.as_mut_ptr().cast(), bytes), token) };
        true
    }

    /// Whether the receive under way fills a buffer of the core.
    pub(crate) fn is_filling(&self, id: ConnectionId) -> bool {
        self.memory.connections.view(id).is_some_and(|connection| connection.filling.is_some())
    }

    /// The core's buffer that a receive has filled, with what has come in it.
    pub(crate) fn take_filled(&mut self, id: ConnectionId, result: i32) -> Option<Vec<u8>> {
        let mut buffer = self.memory.connections.any(id)?.filling.take()?;
        let length = buffer.len() + usize::try_from(result).unwrap_or(0);
        assert!(length <= buffer.capacity(), "{length} bytes in room for {}", buffer.capacity());
        // SAFETY: the kernel has written so many bytes behind those that were there.
        unsafe { buffer.set_len(length) };
        Some(buffer)
    }
}
