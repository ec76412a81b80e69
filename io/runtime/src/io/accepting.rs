//! Listening, accepting in bounded batches, and resting when descriptors run out.

use std::{
    fs, io,
    net::SocketAddr,
    os::{
        fd::{FromRawFd, OwnedFd, RawFd},
        unix::fs::{FileTypeExt, PermissionsExt},
    },
    path::Path,
};

use super::Io;
use crate::{
    ListenerId, Socket, limits,
    net::{Listener, unix_is_answered},
    ring::{Completion, Operation, Token},
};

impl<M> Io<M> {
    /// Listens on a TCP address; port 0 lets the system choose one. Accepted sockets send at once
    /// (no delay) and are kept alive.
    ///
    /// Errors: those of bind, for example an address in use.
    pub fn listen_tcp(&mut self, address: SocketAddr) -> io::Result<ListenerId> {
        let listener = Listener::tcp(address)?;
        self.start_listener(listener)
    }

    /// Listens on a Unix socket at `path` with the permission bits `mode`. A socket file that
    /// nobody answers on is replaced.
    ///
    /// Errors: somebody answers there, or the path is another kind of file, or those of bind.
    pub fn listen_unix(&mut self, path: &Path, mode: u32) -> io::Result<ListenerId> {
        if let Ok(found) = fs::symlink_metadata(path) {
            if !found.file_type().is_socket() {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    format!("{} is there and is no socket; name another path", path.display()),
                ));
            }
            if unix_is_answered(path) {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    format!("another process answers on {}; stop it first", path.display()),
                ));
            }
            fs::remove_file(path)?;
        }
        let listener = Listener::unix(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        self.start_listener(listener)
    }

    /// The TCP address of a listener with the port the system chose; none for a Unix socket.
    #[must_use]
    pub fn local_address(&self, listener: ListenerId) -> Option<SocketAddr> {
        self.listeners.view(listener).and_then(Listener::address)
    }

    /// Listens no more. Sockets that were accepted already still come.
    pub fn close_listener(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.get(id) else { return };
        listener.closing = true;
        if !listener.armed {
            self.listeners.remove(id);
        } else if !listener.cancelling {
            listener.cancelling = true;
            self.ring.cancel(Token::new(Operation::Accept, id.index, id.generation));
        }
    }

    /// Says `bytes` to a socket as far as it takes them at once, and closes it.
    pub fn refuse(&mut self, socket: Socket, bytes: &[u8]) {
        socket.refuse(bytes);
    }

    fn start_listener(&mut self, listener: Listener) -> io::Result<ListenerId> {
        let id = self.listeners.add(listener)?;
        self.arm_accept(id);
        Ok(id)
    }

    fn arm_accept(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.get(id) else { return };
        if listener.armed || listener.closing || listener.held || listener.paused_until_ns.is_some()
        {
            return;
        }
        listener.armed = true;
        let fd = listener.fd();
        self.ring.accept(fd, Token::new(Operation::Accept, id.index, id.generation));
    }

    /// An accept completed: the socket waits for its turn.
    pub(crate) fn accept_completed(&mut self, completion: Completion) {
        let Completion { token, result, more, .. } = completion;
        let id = ListenerId { index: token.index, generation: token.generation };
        let now_ns = self.now_ns();
        let Some(listener) = self.listeners.get(id) else {
            drop(owned(result));
            return;
        };
        listener.armed = more;
        if let Some(fd) = owned(result) {
            self.stats.accepts += 1;
            let socket = Socket::from_fd(fd, listener.is_unix());
            self.accepted.push_back((id, socket));
        } else if !matches!(
            -result,
            libc::ECANCELED | libc::ECONNABORTED | libc::EINTR | libc::EAGAIN | libc::EPROTO
        ) {
            // No descriptor or memory left, or something unforeseen: rest, never spin.
            self.stats.accept_errors += 1;
            let pause_ns = u64::try_from(limits::ACCEPT_PAUSE.as_nanos()).unwrap_or(u64::MAX);
            listener.paused_until_ns = Some(now_ns + pause_ns);
        }
        if !more {
            listener.cancelling = false;
            if listener.closing {
                self.listeners.remove(id);
                return;
            }
        }
        if self.accepted.len() >= self.options.accepted_waiting_max {
            self.hold_accepting();
        }
        self.arm_accept(id);
    }

    /// Too many sockets wait: takes all accepts back until they are gone.
    fn hold_accepting(&mut self) {
        for id in self.listeners.ids() {
            let Some(listener) = self.listeners.get(id) else { continue };
            listener.held = true;
            if listener.armed && !listener.cancelling {
                listener.cancelling = true;
                self.ring.cancel(Token::new(Operation::Accept, id.index, id.generation));
            }
        }
    }

    /// Arms what rested long enough. Called each turn.
    pub(crate) fn resume_accepting(&mut self) {
        let now_ns = self.now_ns();
        let room = self.accepted.is_empty();
        for id in self.listeners.ids() {
            let Some(listener) = self.listeners.get(id) else { continue };
            if listener.paused_until_ns.is_some_and(|until_ns| until_ns <= now_ns) {
                listener.paused_until_ns = None;
            }
            if room {
                listener.held = false;
            }
            self.arm_accept(id);
        }
    }

    /// When accepting goes on, if it rests.
    pub(crate) fn accept_due_ns(&self) -> Option<u64> {
        self.listeners.earliest_pause_ns()
    }
}

/// The descriptor that an accept gave, owned.
#[expect(unsafe_code, reason = "a completion names the new descriptor by number")]
pub(super) fn owned(result: RawFd) -> Option<OwnedFd> {
    // SAFETY: the kernel opened it for this completion and nobody else has it.
    (result >= 0).then(|| unsafe { OwnedFd::from_raw_fd(result) })
}
