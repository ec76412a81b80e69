//! Owns the making of connections to peers: a thread an attempt, so that no core waits and no dead peer delays another.

use std::io;
use std::net::{SocketAddr, TcpStream};

use hyperion_runtime::{Postbox, Socket};

use super::limits::DIAL_TIMEOUT;
use super::out_link::LinkId;
use crate::node::Note;

/// What became of an attempt.
pub(crate) struct Dialed {
    pub(crate) link: LinkId,
    pub(crate) socket: io::Result<Socket>,
}

/// Connects to a peer on a thread of its own; the core that owns `postbox` is told. A link has one attempt under way at most.
///
/// Errors: no thread can be made.
pub(super) fn dial(link: LinkId, address: SocketAddr, postbox: Postbox<Note>) -> io::Result<()> {
    let connect = move || {
        let socket = TcpStream::connect_timeout(&address, DIAL_TIMEOUT).and_then(Socket::from_tcp);
        // A core that takes no notes is about to end.
        let _ = postbox.post(Note::Dialed(Dialed { link, socket }));
    };
    std::thread::Builder::new().name("dial".to_owned()).spawn(connect).map(drop)
}
