//! Owns how long frames come in: the rest of one is received straight into its place.

use hyperion_runtime::ConnectionId;

use super::all::Peers;
use super::limits::FILL_BYTES_MIN;
use crate::node::{Io, NodeCore};

impl Peers {
    /// Where what a link brings waits until a frame is whole.
    fn input_of(&mut self, connection: ConnectionId) -> Option<&mut Vec<u8>> {
        match self.dialed.get(&connection) {
            Some(id) => self.out.get_mut(id).map(|link| &mut link.input),
            None => self.incoming.get_mut(&connection).map(|link| &mut link.input),
        }
    }

    /// Has the rest of a frame of `needed` bytes received into its place, if it is long: its head was checked.
    pub(super) fn fill_input(&mut self, io: &mut Io, connection: ConnectionId, needed: usize) {
        let Some(input) = self.input_of(connection) else { return };
        let missing = needed.saturating_sub(input.len());
        if missing >= FILL_BYTES_MIN {
            input.reserve_exact(missing);
            io.fill(connection, input, missing);
        }
    }
}

impl NodeCore {
    /// A link's buffer is back, with so many bytes more in it.
    pub(crate) fn filled_peer(
        &mut self,
        io: &mut Io,
        connection: ConnectionId,
        buffer: Vec<u8>,
        bytes: usize,
    ) {
        let now_ns = io.now_ns();
        let Some(peers) = &mut self.peers else { return };
        let dialed = peers.dialed.get(&connection).copied();
        let Some(input) = peers.input_of(connection) else { return };
        *input = buffer;
        if bytes > 0 {
            peers.heard_ns.insert(connection, (now_ns, false));
            if let Err(why) = self.read_frames(io, connection, dialed) {
                self.end_peer(io, connection, &why);
            }
        }
    }
}
