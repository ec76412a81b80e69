//! The table of open connections of one core, and what each has in flight.

use std::cell::OnceCell;

use super::Socket;
use crate::{CloseReason, ConnectionId, tls::Secured};

/// One connection. Its slot is used again only when nothing of it is in flight any more.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: Socket,
    pub(crate) peer: String,
    local: OnceCell<String>,
    /// The bytes in flight; they stay unchanged while `in_send`.
    pub(crate) sending: Vec<u8>,
    /// How many of them have left.
    pub(crate) sent_bytes: usize,
    pub(crate) in_send: bool,
    /// The buffer of a receive without provided buffers; the kernel's while `in_receive`.
    pub(crate) receive_buffer: Box<[u8]>,
    pub(crate) in_receive: bool,
    /// The receive in flight is over with its first bytes.
    pub(crate) is_single: bool,
    /// So many receives are over with their first bytes; those after them go on by themselves.
    pub(crate) singly: u8,
    /// The core's buffer that the receive in flight fills; the kernel's while `in_receive`.
    pub(crate) filling: Option<Vec<u8>>,
    /// The receive in flight is being taken back.
    pub(crate) cancelling: bool,
    pub(crate) paused: bool,
    /// The peer will send nothing more.
    pub(crate) ended: bool,
    pub(crate) close_after_send: bool,
    /// The core sees it no more.
    pub(crate) closed: bool,
    pub(crate) progress_ns: u64,
    /// TLS, where the connection has it.
    pub(crate) secured: Option<Box<Secured>>,
}

impl Connection {
    pub(crate) fn local(&self) -> &str {
        self.local.get_or_init(|| self.socket.local())
    }

    /// Makes the next records into the bytes in flight; false when there are none. Nothing may be in flight.
    pub(crate) fn seal_next(&mut self) -> bool {
        assert!(!self.in_send, "records are made while others are in flight");
        self.sending.clear();
        self.sent_bytes = 0;
        if let Some(secured) = &mut self.secured {
            secured.seal(self.close_after_send, &mut self.sending);
        }
        !self.sending.is_empty()
    }

    /// Why it ends when the core lets it end.
    pub(crate) fn orderly_reason(&self) -> CloseReason {
        if self.ended { CloseReason::Peer } else { CloseReason::Core }
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    connection: Option<Box<Connection>>,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    slots: Vec<Slot>,
    free: Vec<u32>,
    open: usize,
    maximum: usize,
}

impl Connections {
    pub(crate) fn new(maximum: usize) -> Connections {
        Connections { maximum, ..Connections::default() }
    }

    /// Connections that the core sees.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Takes a socket in; gives it back when the table is full, also of those that are still being
    /// closed.
    pub(crate) fn add(&mut self, socket: Socket, now_ns: u64) -> Result<ConnectionId, Socket> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.slots.len() < self.maximum => {
                self.slots.push(Slot::default());
                u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
            }
            None => return Err(socket),
        };
        let slot = &mut self.slots[index as usize];
        assert!(slot.connection.is_none(), "slot {index} was free and holds a connection");
        slot.connection = Some(Box::new(Connection {
            peer: socket.peer(),
            socket,
            local: OnceCell::new(),
            sending: Vec::new(),
            sent_bytes: 0,
            in_send: false,
            receive_buffer: Box::default(),
            in_receive: false,
            is_single: false,
            singly: 0,
            filling: None,
            cancelling: false,
            paused: false,
            ended: false,
            close_after_send: false,
            closed: false,
            progress_ns: now_ns,
            secured: None,
        }));
        self.open += 1;
        Ok(ConnectionId { index, generation: slot.generation })
    }

    /// A connection that the core sees.
    pub(crate) fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.any(id).filter(|connection| !connection.closed)
    }

    pub(crate) fn view(&self, id: ConnectionId) -> Option<&Connection> {
        self.slots
            .get(id.index as usize)
            .filter(|slot| slot.generation == id.generation)
            .and_then(|slot| slot.connection.as_deref())
            .filter(|connection| !connection.closed)
    }

    /// A connection that completions may still name.
    pub(crate) fn any(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.slots
            .get_mut(id.index as usize)
            .filter(|slot| slot.generation == id.generation)
            .and_then(|slot| slot.connection.as_deref_mut())
    }

    /// The core sees it no more; its slot waits for what is in flight.
    pub(crate) fn set_closed(&mut self, id: ConnectionId) {
        if let Some(connection) = self.get(id) {
            connection.closed = true;
            self.open -= 1;
        }
    }

    /// Frees the slot, and closes the socket, when the core sees it no more and nothing is in
    /// flight.
    pub(crate) fn retire(&mut self, id: ConnectionId) {
        let idle = self.any(id).is_some_and(|connection| {
            connection.closed && !connection.in_send && !connection.in_receive
        });
        if idle {
            let slot = &mut self.slots[id.index as usize];
            slot.connection = None;
            slot.generation = slot.generation.wrapping_add(1);
            self.free.push(id.index);
        }
    }

    /// All sockets, for the end of the core.
    pub(crate) fn shutdown_all(&self) {
        for connection in self.slots.iter().filter_map(|slot| slot.connection.as_deref()) {
            connection.socket.shutdown();
        }
    }
}
