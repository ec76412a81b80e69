//! Opening connections, receiving, pausing, and letting connections go.
#![expect(unsafe_code, reason = "a receive without provided buffers points into the connection")]

use std::os::fd::RawFd;

use super::Io;
use crate::{
    CloseReason, ConnectionId, Socket,
    ring::{Operation, RingLevel, Token},
};

impl<M> Io<M> {
    /// Makes a socket a connection of this core and receives from it. The socket comes back when
    /// `connections_max` are open, so that the core may say so to the peer with `refuse`.
    ///
    /// Errors: the table of connections is full.
    pub fn open(&mut self, socket: Socket) -> Result<ConnectionId, Socket> {
        let now_ns = self.now_ns();
        let id = self.memory.connections.add(socket, now_ns)?;
        self.arm_receive(id);
        Ok(id)
    }

    /// Receives no more for now. Bytes that were received already may still be given.
    pub fn pause_receive(&mut self, id: ConnectionId) {
        let Some(connection) = self.memory.connections.get(id) else { return };
        connection.paused = true;
        self.cancel_receive(id);
    }

    /// Receives again.
    pub fn resume_receive(&mut self, id: ConnectionId) {
        let Some(connection) = self.memory.connections.get(id) else { return };
        connection.paused = false;
        self.arm_receive(id);
    }

    /// Whether `pause_receive` holds.
    #[must_use]
    pub fn is_paused(&self, id: ConnectionId) -> bool {
        self.memory.connections.view(id).is_some_and(|connection| connection.paused)
    }

    /// Ends a connection at once; bytes in flight may be lost. `closed` is called later in this
    /// turn or in the next.
    pub fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.memory.connections.get(id) else { return };
        let why = connection.orderly_reason();
        self.end(id, why);
    }

    /// As [`Io::close`], and the kernel sends no more of what the other side has not got: after a while without a way there, that would be
    /// carried out long after it was given up.
    pub fn abort(&mut self, id: ConnectionId) {
        if let Some(connection) = self.memory.connections.get(id) {
            connection.socket.drop_unsent();
        }
        self.close(id);
    }

    /// Ends a connection when the bytes in flight have left; nothing is received any more.
    pub fn close_after_send(&mut self, id: ConnectionId) {
        let Some(connection) = self.memory.connections.get(id) else { return };
        connection.close_after_send = true;
        if connection.in_send {
            self.pause_receive(id);
        } else if connection.secured.as_ref().is_some_and(|secured| !secured.is_shaking()) {
            // The word that no more follows leaves first.
            self.pause_receive(id);
            self.send_records(id);
            if !self.memory.connections.view(id).is_some_and(|connection| connection.in_send) {
                self.close(id);
            }
        } else {
            self.close(id);
        }
    }

    /// The peer as `address:port`; empty for an id that is dead.
    #[must_use]
    pub fn peer(&self, id: ConnectionId) -> &str {
        self.memory.connections.view(id).map_or("", |connection| &connection.peer)
    }

    /// Our side as `address:port`; empty for an id that is dead.
    #[must_use]
    pub fn local(&self, id: ConnectionId) -> &str {
        self.memory.connections.view(id).map_or("", |connection| connection.local())
    }

    /// The descriptor, for display alone.
    #[must_use]
    pub fn fd(&self, id: ConnectionId) -> Option<RawFd> {
        self.memory.connections.view(id).map(|connection| connection.socket.fd())
    }

    /// Open connections of this core.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.memory.connections.open()
    }

    /// When a byte was last received from the peer or taken by the kernel for it, in `now_ns`; the
    /// time of opening before that.
    #[must_use]
    pub fn last_progress_ns(&self, id: ConnectionId) -> Option<u64> {
        self.memory.connections.view(id).map(|connection| connection.progress_ns)
    }

    /// The core sees the connection no more; what is in flight ends by the shutdown.
    pub(super) fn end(&mut self, id: ConnectionId, why: CloseReason) {
        let Some(connection) = self.memory.connections.get(id) else { return };
        connection.socket.shutdown();
        self.cancel_receive(id);
        self.memory.connections.set_closed(id);
        self.closed.push_back((id, why));
        self.memory.connections.retire(id);
    }

    pub(super) fn cancel_receive(&mut self, id: ConnectionId) {
        let Some(connection) = self.memory.connections.get(id) else { return };
        if connection.in_receive && !connection.cancelling {
            connection.cancelling = true;
            self.ring.cancel(Token::new(Operation::Receive, id.index, id.generation));
        }
    }

    /// Receives if that is wanted and not under way.
    pub(crate) fn arm_receive(&mut self, id: ConnectionId) {
        if self.is_held(id) {
            return self.cancel_receive(id);
        }
        let Some(connection) = self.memory.connections.get(id) else { return };
        if connection.in_receive
            || connection.paused
            || connection.ended
            || connection.close_after_send
        {
            return;
        }
        connection.in_receive = true;
        let token = Token::new(Operation::Receive, id.index, id.generation);
        let socket = connection.socket.fd();
        if self.ring.level() >= RingLevel::V6_1 {
            connection.is_single = connection.singly > 0;
            if connection.is_single {
                connection.singly -= 1;
                self.ring.receive_single(socket, self.options.receive_buffer_bytes, token);
            } else {
                self.ring.receive_multishot(socket, token);
            }
            return;
        }
        connection.is_single = true;
        if connection.receive_buffer.is_empty() {
            let bytes = self.options.receive_buffer_bytes as usize;
            connection.receive_buffer = vec![0; bytes].into_boxed_slice();
        }
        let buffer = &mut connection.receive_buffer;
        // SAFETY: `in_receive` keeps the connection, and everybody off the buffer, until the
        // completion; `Io` drains the ring before its memory goes.
        unsafe { self.ring.receive_once(socket, (buffer.as_mut_ptr(), buffer.len()), token) };
    }

    /// The receive found no buffer: it goes on when there are some again.
    pub(crate) fn rearm_receive_later(&mut self, id: ConnectionId) {
        self.starved.push(id);
    }

    /// Receives again for those that found no buffer.
    pub(crate) fn rearm_receives(&mut self) {
        for id in std::mem::take(&mut self.starved) {
            self.arm_receive(id);
        }
    }

    /// Notes what a completion says about the receive; true when the core is to hear of it.
    pub(crate) fn receive_completed(&mut self, id: ConnectionId, result: i32, more: bool) -> bool {
        let now_ns = self.now_ns();
        let Some(connection) = self.memory.connections.any(id) else { return false };
        if !more {
            connection.in_receive = false;
            connection.cancelling = false;
        }
        if result > 0 {
            connection.progress_ns = now_ns;
        }
        let seen = !connection.closed && !connection.close_after_send;
        self.memory.connections.retire(id);
        seen
    }

    /// The peer sends no more. True when the core must be told.
    pub(crate) fn receive_ended(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.memory.connections.get(id) else { return false };
        !std::mem::replace(&mut connection.ended, true)
    }

    /// A receive or send failed.
    pub(crate) fn connection_failed(&mut self, id: ConnectionId, error: i32) {
        self.end(id, CloseReason::Failed(error));
    }

    /// The connection's own receive buffer for the time of a call.
    pub(crate) fn take_buffer(&mut self, id: ConnectionId) -> Box<[u8]> {
        self.memory
            .connections
            .get(id)
            .map(|connection| std::mem::take(&mut connection.receive_buffer))
            .unwrap_or_default()
    }

    pub(crate) fn put_buffer(&mut self, id: ConnectionId, buffer: Box<[u8]>) {
        if let Some(connection) = self.memory.connections.get(id)
            && connection.receive_buffer.is_empty()
        {
            connection.receive_buffer = buffer;
        }
    }
}
