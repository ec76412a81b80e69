//! Owns the making of connections to peers: a thread an attempt, so that no core waits and no dead peer delays another.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};

use hyperion_runtime::{Postbox, Socket};
use socket2::{Domain, Type};

use super::limits::DIAL_TIMEOUT;
use super::out_link::LinkId;
use crate::node::Note;

/// What became of an attempt.
pub(crate) struct Dialed {
    pub(crate) link: LinkId,
    pub(crate) socket: io::Result<Socket>,
}

/// For tests, such as `7381=9000,7382=9001`: who listens at the first port is dialed at the second one. Debug builds alone.
const VIA: &str = "HYPERION_TEST_PEER_VIA";

/// Connects to a peer from an address of this node, on a thread of its own; the core that owns `postbox` is told. A link has one attempt under way at most.
///
/// Errors: no thread can be made.
pub(super) fn dial(
    link: LinkId,
    source: IpAddr,
    address: SocketAddr,
    postbox: Postbox<Note>,
) -> io::Result<()> {
    let address = via(address);
    let connect = move || {
        let socket = connect(source, address).and_then(Socket::from_tcp);
        // A core that takes no notes is about to end.
        let _ = postbox.post(Note::Dialed(Dialed { link, socket }));
    };
    std::thread::Builder::new().name("dial".to_owned()).spawn(connect).map(drop)
}

/// Where a test lets this be dialed instead.
fn via(mut address: SocketAddr) -> SocketAddr {
    let told = cfg!(debug_assertions).then(|| std::env::var(VIA).ok()).flatten();
    let ports = |pair: &str| {
        let (at, via) = pair.split_once('=')?;
        Some((at.parse::<u16>().ok()?, via.parse::<u16>().ok()?))
    };
    let mut pairs = told.iter().flat_map(|text| text.split(',')).filter_map(ports);
    if let Some((_, port)) = pairs.find(|&(at, _)| at == address.port()) {
        address.set_port(port);
    }
    address
}

/// A connection that leaves from the address that this node's config names, where a socket of the other's family can.
fn connect(source: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if source.is_ipv4() == address.is_ipv4() {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.connect_timeout(&address.into(), DIAL_TIMEOUT)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use super::*;

    #[test]
    fn links_leave_from_the_address_that_a_node_is_known_by() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to = listener.local_addr().unwrap();
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77));
        let stream = connect(source, to).unwrap();
        let (_, from) = listener.accept().unwrap();
        assert_eq!((from, from.ip()), (stream.local_addr().unwrap(), source));
        // An address of the other family cannot be bound to, and is no reason not to connect.
        let stream = connect(Ipv6Addr::LOCALHOST.into(), to).unwrap();
        assert_eq!(stream.local_addr().unwrap().ip(), to.ip());
        // One that this machine does not have is.
        let error = connect(Ipv4Addr::new(192, 0, 2, 1).into(), to).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
