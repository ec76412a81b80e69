//! Socket options that std does not set.
#![expect(unsafe_code, reason = "setsockopt and listen have no safe wrapper in std")]

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use crate::limits;

/// Asks the kernel to find silent peers that are gone. Accepted sockets inherit it from their
/// listener.
pub(super) fn set_keepalive(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    set(socket, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, limits::KEEPALIVE_IDLE_SECONDS)
}

/// Sends small replies at once. Accepted sockets inherit it from their listener.
pub(super) fn set_nodelay(socket: BorrowedFd<'_>) -> io::Result<()> {
    set(socket, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)
}

/// What the other side has not got is sent no more once the socket is closed.
pub(super) fn set_no_linger(socket: BorrowedFd<'_>) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = libc::socklen_t::try_from(size_of::<libc::linger>()).unwrap_or(8);
    let pointer: *const libc::linger = &raw const linger;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_LINGER);
    // SAFETY: the kernel copies `length` bytes of `linger` during the call.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, pointer.cast(), length) })
}

/// Sets how many connections the kernel holds for a listener.
pub(super) fn set_backlog(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call has no pointers.
    check(unsafe { libc::listen(socket.as_raw_fd(), limits::LISTEN_BACKLOG) })
}

fn set(socket: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<i32>()).unwrap_or(4);
    let pointer: *const i32 = &raw const value;
    // SAFETY: the kernel copies `length` bytes of `value` during the call.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, pointer.cast(), length) })
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
