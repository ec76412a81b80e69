//! Owns the room that long answers have: buffers that were used before, and none of them stays with a client.

use hyperion_runtime::ConnectionId;

use super::client::Client;
use super::limits::OUTPUT_KEEP_BYTES;
use super::spare::Reached;
use crate::node::{Io, NodeCore};

impl NodeCore {
    /// Makes room for so many bytes more of an answer.
    pub(super) fn make_answer_room(&mut self, output: &mut Vec<u8>, bytes: usize) {
        let wanted = output.len() + bytes;
        if wanted <= output.capacity() || wanted <= OUTPUT_KEEP_BYTES {
            return;
        }
        let mut buffer = self.spare_buffers.take(wanted).bytes;
        buffer.extend_from_slice(output);
        self.give_output(std::mem::replace(output, buffer));
    }

    /// A client that was sent much at once has room for as much again.
    #[inline]
    pub(super) fn expect_answers(&mut self, client: &mut Client) {
        if client.sent_bytes > OUTPUT_KEEP_BYTES && client.output.is_in_order() {
            let mut output = std::mem::take(client.output.buffer());
            self.make_answer_room(&mut output, client.sent_bytes);
            *client.output.buffer() = output;
        }
    }

    /// What a client has sent was no whole command: it keeps no room for an answer.
    #[inline]
    pub(super) fn unexpect_answers(&mut self, client: &mut Client) {
        if client.sent_bytes > OUTPUT_KEEP_BYTES && client.output.is_empty() {
            let unused = std::mem::take(client.output.buffer());
            self.give_output(unused);
        }
    }

    /// The answers in an allocation have left, or lie elsewhere.
    pub(crate) fn give_output(&mut self, bytes: Vec<u8>) {
        let reached = bytes.capacity();
        if reached > OUTPUT_KEEP_BYTES {
            self.give_buffer(Reached { bytes, reached });
        }
    }

    /// What was in flight has left: a long buffer goes to who needs it next.
    pub(crate) fn take_sent(&mut self, io: &mut Io, connection: ConnectionId) {
        if let Some(bytes) = io.take_sent(connection, OUTPUT_KEEP_BYTES) {
            self.give_output(bytes);
        }
    }
}
