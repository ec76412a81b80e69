//! What a program does on one core with what the ring brings.

use std::io;

use crate::{ConnectionId, Io, ListenerId, Socket};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer ended it in order.
    Peer,
    /// The network did: the error number, for example ECONNRESET.
    Failed(i32),
    /// The core asked for it.
    Core,
    /// TLS did: `Core::insecure` was told why.
    Tls,
}

/// What one core does with what its ring brings. All calls come from the core's one thread.
///
/// A call may ask `io` for anything; what it asks for is carried out after the call has returned.
pub trait Core: 'static {
    /// What cores send each other.
    type Mail: Send + 'static;
    /// What other threads send a core.
    type Note: Send + 'static;

    /// A listener brought a socket. Decide here: `io.open` it, put it in a mail for another core,
    /// or `io.refuse` it. Dropping it closes it.
    fn accepted(&mut self, io: &mut Io<Self::Mail>, listener: ListenerId, socket: Socket);

    /// A peer sent `bytes`, 1 to `receive_buffer_bytes` of them. They are gone after the call.
    fn received(&mut self, io: &mut Io<Self::Mail>, connection: ConnectionId, bytes: &[u8]);

    /// A buffer that was given to `io.fill` is back, with `bytes` more bytes in it; with none where the peer sends no more or receiving
    /// was paused.
    fn filled(
        &mut self,
        io: &mut Io<Self::Mail>,
        connection: ConnectionId,
        buffer: Vec<u8>,
        bytes: usize,
    ) {
        let _ = (io, connection, buffer, bytes);
    }

    /// The TLS handshake of a connection is through: what comes and goes from now on is secured. Not called for those without TLS.
    fn secured(&mut self, io: &mut Io<Self::Mail>, connection: ConnectionId) {
        let _ = (io, connection);
    }

    /// A connection ends because of TLS, for this reason; `closed` follows. The peer is told by who calls: do not close it.
    fn insecure(&mut self, io: &mut Io<Self::Mail>, connection: ConnectionId, why: &str) {
        let _ = (io, connection, why);
    }

    /// The peer will send nothing more (it may still read). Unless overridden the connection closes
    /// as soon as the bytes in flight have left; override it when the core holds replies back, and
    /// call `io.close` or `io.close_after_send` itself when they are out.
    fn ended(&mut self, io: &mut Io<Self::Mail>, connection: ConnectionId) {
        io.close_after_send(connection);
    }

    /// The buffer given to `io.send` has left whole; the next may be sent.
    fn sent(&mut self, io: &mut Io<Self::Mail>, connection: ConnectionId);

    /// The connection is gone and its id is dead. Called exactly once for each opened connection,
    /// also when the core closed it, but not for those still open when the core leaves its loop.
    fn closed(&mut self, io: &mut Io<Self::Mail>, connection: ConnectionId, why: CloseReason);

    /// Another core sent `mail`.
    fn mail(&mut self, io: &mut Io<Self::Mail>, from: usize, mail: Self::Mail);

    /// A foreign thread sent `note`.
    fn note(&mut self, io: &mut Io<Self::Mail>, note: Self::Note);

    /// The write or sync with this token is through.
    fn file_done(&mut self, io: &mut Io<Self::Mail>, token: u64, result: io::Result<()>);

    /// Called every `tick_interval`.
    fn tick(&mut self, io: &mut Io<Self::Mail>);

    /// The batch of completions, mail and notes of this turn was given; queue writes and sends
    /// here.
    fn turn_end(&mut self, io: &mut Io<Self::Mail>);

    /// The turn that has just ended took `wall_ns`, and used its processor for `processor_ns` of that: longer than `limits::LONG_STALL`, or
    /// than `limits::BUSY_TURN`.
    fn stalled(&mut self, io: &mut Io<Self::Mail>, wall_ns: u64, processor_ns: u64) {
        let _ = (io, wall_ns, processor_ns);
    }
}
