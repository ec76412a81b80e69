//! Owns what leaves for clients at the end of a turn: answers that the log has released, in order, gathered where more are on their way.

use hyperion_runtime::ConnectionId;

use super::Io;
use super::core::NodeCore;
use crate::front::limits::{GATHER_BYTES, OUTPUT_KEEP_BYTES};

impl NodeCore {
    /// Sends what may leave.
    pub(super) fn flush(&mut self, io: &mut Io) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.append(&mut self.waiting);
        for connection in dirty.drain(..) {
            self.flush_client(io, connection);
            self.tell_taken(io, connection);
            self.go_on_unsent(io, connection);
        }
        // The list itself is used again.
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    fn flush_client(&mut self, io: &mut Io, connection: ConnectionId) {
        let released = self.engine.released_position();
        let Some(client) = self.clients.get(connection) else { return };
        client.is_dirty = false;
        if io.is_sending(connection) {
            return;
        }
        if !client.output.is_in_order() {
            client.output.merge(released);
            if client.output.stream().is_some() && !client.is_streaming {
                client.is_streaming = true;
                self.streaming.push(connection);
                io.wake_again();
            }
        }
        let gathers = !client.output.is_in_order()
            && client.output.len() < GATHER_BYTES
            && !client.is_overdue
            && !client.is_closing;
        client.is_overdue = false;
        if gathers {
            // Other cores' answers are on the way: one send for all.
            if !client.is_gathering {
                client.is_gathering = true;
                self.gathering.push(connection);
            }
            return;
        }
        let mut bytes = std::mem::take(&mut self.spare);
        client.output.take_released(released, &mut bytes);
        let is_done = client.is_closing && client.output.is_empty() && client.output.is_in_order();
        if client.output.waits_for_log() {
            self.waiting.push(connection);
        }
        if !bytes.is_empty() {
            client.sent_bytes = bytes.len();
            io.send(connection, &mut bytes);
            bytes.clear();
        }
        if bytes.capacity() <= OUTPUT_KEEP_BYTES {
            self.spare = bytes;
        } else {
            self.give_output(bytes);
        }
        if is_done {
            io.close_after_send(connection);
        }
    }
}
