//! Owns long strings on their way to clients: brought from the store part by part, as fast as a client reads them.

use hyperion_engine::Handle;
use hyperion_runtime::ConnectionId;

use super::client::Hold;
use super::limits::{OUTPUT_PAUSE_BYTES, STREAM_PART_BYTES};
use super::replies::Later;
use crate::node::{Io, Mail, NodeCore};

/// A string that a client gets in parts, pinned in the store of the core that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// The core that has it.
    pub(crate) core: u16,
    pub(crate) handle: Handle,
    /// Where in the string the next part begins, and the bytes that are missing.
    pub(crate) at: u64,
    pub(crate) bytes_left: u64,
    /// The other core was asked for the next part.
    pub(crate) is_asked: bool,
}

impl Stream {
    /// A string that lies on `core`, of which nothing was brought yet.
    pub(crate) fn new(core: u16, later: Later) -> Self {
        let Later { handle, at, bytes } = later;
        Self { core, handle, at, bytes_left: bytes, is_asked: false }
    }

    /// Bytes of the next part.
    fn part_bytes(&self) -> usize {
        usize::try_from(self.bytes_left).unwrap_or(usize::MAX).min(STREAM_PART_BYTES)
    }
}

/// What follows the last part.
const LINE_END_BYTES: usize = 2;

/// What cores send each other about streams.
#[derive(Debug)]
pub(crate) enum StreamMail {
    /// Bring the part that begins here for this client, of so many bytes.
    Fetch(ConnectionId, Handle, u64, usize),
    /// Here it is.
    Part(ConnectionId, Handle, Vec<u8>),
    /// It is not needed any more.
    Done(Handle),
}

impl NodeCore {
    /// Brings the next parts to those who have read the ones before.
    pub(crate) fn pump_streams(&mut self, io: &mut Io) {
        for connection in std::mem::take(&mut self.streaming) {
            let Some(client) = self.clients.get(connection) else { continue };
            let Some(stream) = client.output.stream() else {
                client.is_streaming = false;
                continue;
            };
            self.streaming.push(connection);
            if client.output.ready_bytes() >= OUTPUT_PAUSE_BYTES || stream.is_asked {
                continue;
            }
            if stream.core == self.index {
                self.bring_part(io, connection, stream);
                io.wake_again();
            } else {
                client.output.ask_stream();
                let bytes = stream.part_bytes();
                let mail = StreamMail::Fetch(connection, stream.handle, stream.at, bytes);
                self.links[usize::from(stream.core)].backlog.push_back(Mail::Stream(mail));
            }
        }
    }

    /// Copies the next part from where it lies to the end of what the client gets.
    fn bring_part(&mut self, io: &mut Io, connection: ConnectionId, stream: Stream) {
        let Some(client) = self.clients.get(connection) else { return };
        let mut output = std::mem::take(client.output.buffer());
        let before = output.len();
        self.make_answer_room(&mut output, stream.part_bytes() + LINE_END_BYTES);
        self.copy_part(stream.handle, stream.at, stream.part_bytes(), &mut output);
        let Some(client) = self.clients.get(connection) else { return };
        let came = output.len() - before;
        *client.output.buffer() = output;
        let ended = client.output.stream_came(came);
        self.part_came(io, connection, ended);
    }

    fn stream_part(&mut self, io: &mut Io, connection: ConnectionId, bytes: &[u8]) {
        let Some(client) = self.clients.get(connection) else { return };
        let ended = client.output.stream_part(bytes);
        self.part_came(io, connection, ended);
    }

    /// A part was handed on: ends the stream with the last one.
    fn part_came(&mut self, io: &mut Io, connection: ConnectionId, ended: Option<Stream>) {
        let released = self.engine.released_position();
        let Some(client) = self.clients.get(connection) else { return };
        if !client.is_dirty {
            client.is_dirty = true;
            self.dirty.push(connection);
        }
        let Some(stream) = ended else { return };
        client.output.merge(released);
        let goes_on = client.hold == Hold::Drain && client.output.is_in_order();
        self.end_stream(stream);
        if goes_on {
            self.unhold(io, connection, Hold::Drain);
        }
    }

    fn copy_part(&self, handle: Handle, at: u64, bytes: usize, out: &mut Vec<u8>) {
        let at = usize::try_from(at).expect("a string lies in memory");
        self.engine.store().copy_part(handle, at, bytes, out);
    }

    /// A string need not be kept for its reader any more.
    pub(crate) fn end_stream(&mut self, stream: Stream) {
        if stream.core == self.index {
            self.engine.store_mut().unpin_value(stream.handle);
        } else {
            let mail = Mail::Stream(StreamMail::Done(stream.handle));
            self.links[usize::from(stream.core)].backlog.push_back(mail);
        }
    }

    /// Another core asks, or answers.
    pub(crate) fn stream_mail(&mut self, io: &mut Io, from: u16, mail: StreamMail) {
        match mail {
            StreamMail::Fetch(connection, handle, at, length) => {
                let mut bytes = Vec::with_capacity(length);
                self.copy_part(handle, at, length, &mut bytes);
                let part = StreamMail::Part(connection, handle, bytes);
                self.links[usize::from(from)].backlog.push_back(Mail::Stream(part));
            }
            StreamMail::Part(connection, handle, bytes) => {
                let stream = self.clients.get(connection).and_then(|client| client.output.stream());
                // A client that has gone said so with `Done`.
                if stream.is_some_and(|stream| stream.core == from && stream.handle == handle) {
                    self.stream_part(io, connection, &bytes);
                }
            }
            StreamMail::Done(handle) => self.engine.store_mut().unpin_value(handle),
        }
    }
}
