//! Owns the room that clients' input has: long commands are received straight into a buffer that was used before, and idle clients keep
//! none of those.

use hyperion_runtime::ConnectionId;

use super::client::{Client, Hold};
use super::limits::{
    FILL_BYTES_MAX, FILL_BYTES_MIN, INPUT_KEEP_BYTES, INPUT_MOVED_BYTES_MAX, INPUT_PAUSE_BYTES,
    INPUT_ROOM_BYTES, SPARE_BUFFER_BYTES_MAX,
};
use super::spare::Reached;
use crate::node::{Io, NodeCore};

/// Makes room for more input. What is long, or would have to be moved when it is, gets at once room for the longest value: memory that
/// nobody touches costs nothing, and moving many megabytes would take long.
fn reserve(input: &mut Vec<u8>, bytes: usize) {
    let is_long = input.len() > INPUT_PAUSE_BYTES || bytes > INPUT_MOVED_BYTES_MAX;
    let has_room = bytes <= input.capacity() - input.len();
    if is_long && !has_room && input.try_reserve_exact(bytes.max(INPUT_ROOM_BYTES)).is_ok() {
        return;
    }
    // Where even that is refused (a bounded address space), it grows with what comes.
    let _refused = input.try_reserve(bytes);
}

impl NodeCore {
    /// Makes room for `bytes` more of a client's input.
    pub(super) fn make_room(&mut self, client: &mut Client, bytes: usize) {
        let (length, capacity) = (client.input.len(), client.input.capacity());
        if bytes <= capacity - length {
            return;
        }
        let wanted = length.saturating_add(bytes);
        if wanted <= INPUT_KEEP_BYTES || wanted > SPARE_BUFFER_BYTES_MAX {
            return reserve(&mut client.input, bytes);
        }
        let Reached { bytes: mut buffer, reached } = self.spare_buffers.take(wanted);
        buffer.extend_from_slice(&client.input);
        self.drop_input(client);
        client.input_reached = reached.max(length);
        client.input = buffer;
    }

    /// Keeps what a client has sent and could not run yet.
    pub(super) fn keep_input(&mut self, client: &mut Client, bytes: &[u8]) {
        // A long command gets its room at once, once it has shown that it is one: growing would move what is there again and again.
        let missing = client.input_needed.saturating_sub(client.input.len());
        let is_shown = missing <= SPARE_BUFFER_BYTES_MAX || !client.input.is_empty();
        self.make_room(client, if is_shown { missing.max(bytes.len()) } else { bytes.len() });
        client.input.extend_from_slice(bytes);
        client.input_reached = client.input_reached.max(client.input.len());
        self.input_bytes += bytes.len();
    }

    /// Has the rest of a long command received into its place.
    pub(super) fn fill_input(&mut self, io: &mut Io, client: &mut Client) {
        let length = client.input.len();
        let missing = client.input_needed.saturating_sub(length);
        let is_shown = client.input_needed <= SPARE_BUFFER_BYTES_MAX || length > FILL_BYTES_MIN;
        if missing < FILL_BYTES_MIN
            || !is_shown
            || client.hold != Hold::None
            || client.is_closing
            || client.is_secured
        {
            return;
        }
        self.make_room(client, missing);
        let part = missing.min(FILL_BYTES_MAX);
        if client.input.capacity() - length < part {
            return;
        }
        if io.fill(client.connection, &mut client.input, part) {
            client.input_away = length;
        }
    }

    /// A client's buffer is back, with so many bytes more in it.
    pub(crate) fn filled_input(
        &mut self,
        io: &mut Io,
        connection: ConnectionId,
        buffer: Vec<u8>,
        bytes: usize,
    ) {
        let reached = buffer.len();
        let Some(mut client) = self.clients.take(connection) else {
            return self.give_buffer(Reached { bytes: buffer, reached });
        };
        client.input = buffer;
        client.input_away = 0;
        client.input_reached = client.input_reached.max(reached);
        self.input_bytes += bytes;
        if bytes > 0 && !client.is_closing {
            if reached >= client.input_needed {
                self.run_kept(io, &mut client);
            }
            self.after_input(io, &mut client);
        }
        self.clients.put_back(client);
    }

    /// What has run is gone from a client's buffer: what is left goes into a shorter one, unless the long one is needed.
    pub(super) fn trim_input(&mut self, client: &mut Client) {
        if client.input.capacity() <= INPUT_KEEP_BYTES
            || client.input.len().max(client.input_needed) > INPUT_KEEP_BYTES
        {
            return;
        }
        let rest = client.input.as_slice().to_vec();
        self.drop_input(client);
        client.input_reached = rest.len();
        client.input = rest;
    }

    /// Takes a client's input buffer away; what is in it is counted no more.
    pub(crate) fn drop_input(&mut self, client: &mut Client) {
        let reached = std::mem::take(&mut client.input_reached);
        self.give_buffer(Reached { bytes: std::mem::take(&mut client.input), reached });
    }

    /// A buffer is not needed any more.
    pub(crate) fn give_buffer(&mut self, buffer: Reached) {
        if buffer.bytes.capacity() <= INPUT_KEEP_BYTES {
            return;
        }
        if let Some(Reached { bytes, reached }) = self.spare_buffers.keep(buffer) {
            self.spent.take(bytes, reached);
        }
    }

    /// Gives memory back that nobody has wanted for a while.
    pub(crate) fn tick_buffers(&mut self) {
        if let Some(Reached { bytes, reached }) = self.spare_buffers.tick() {
            self.spent.take(bytes, reached);
        }
    }
}
