//! One connected socket before it is opened on a core; may travel between cores.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpStream},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use super::options;

/// An accepted (or connected) socket. Dropping it closes it.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(crate) fn from_fd(fd: OwnedFd, unix: bool) -> Socket {
        let stream = if unix { Stream::Unix(fd.into()) } else { Stream::Tcp(fd.into()) };
        Socket { stream }
    }

    /// A socket that was connected elsewhere, for example to a peer node.
    ///
    /// Errors: the socket does not take the options of a connection.
    pub fn from_tcp(stream: TcpStream) -> io::Result<Socket> {
        stream.set_nonblocking(false)?;
        options::set_nodelay(stream.as_fd())?;
        options::set_keepalive(stream.as_fd())?;
        Ok(Socket { stream: Stream::Tcp(stream) })
    }

    /// The other side as `address:port`; a Unix socket says the path it was accepted on and port 0.
    #[must_use]
    pub fn peer(&self) -> String {
        match &self.stream {
            Stream::Tcp(stream) => address(stream.peer_addr()),
            Stream::Unix(_) => self.local(),
        }
    }

    /// Our side as `address:port`; a Unix socket says its path and port 0.
    #[must_use]
    pub fn local(&self) -> String {
        match &self.stream {
            Stream::Tcp(stream) => address(stream.local_addr()),
            Stream::Unix(stream) => match stream.local_addr() {
                Ok(local) => match local.as_pathname() {
                    Some(path) => format!("{}:0", path.display()),
                    None => "unix:0".to_string(),
                },
                Err(_) => "unix:0".to_string(),
            },
        }
    }

    /// Whether it is a Unix socket, whose peer is on this machine.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self.stream, Stream::Unix(_))
    }

    pub(crate) fn fd(&self) -> RawFd {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_raw_fd(),
            Stream::Unix(stream) => stream.as_raw_fd(),
        }
    }

    /// Ends both directions; requests of the ring on it then complete. One that the peer ended
    /// already is fine.
    pub(crate) fn shutdown(&self) {
        let _ = match &self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
        };
    }

    /// What the other side has not got when the socket is closed is sent no more.
    pub(crate) fn drop_unsent(&self) {
        // A socket that does not take that lingers as others do.
        let _ = match &self.stream {
            Stream::Tcp(stream) => options::set_no_linger(stream.as_fd()),
            Stream::Unix(_) => Ok(()),
        };
    }

    /// Says `bytes` as far as the socket takes them at once, and closes. The peer may be gone:
    /// nobody is told.
    pub(crate) fn refuse(self, bytes: &[u8]) {
        self.say_last(bytes);
    }

    /// Says `bytes` as far as the socket takes them at once. It must be about to end: it waits for nothing from then on.
    pub(crate) fn say_last(&self, bytes: &[u8]) {
        let _ = match &self.stream {
            Stream::Tcp(stream) => {
                stream.set_nonblocking(true).and_then(|()| (&mut &*stream).write(bytes))
            }
            Stream::Unix(stream) => {
                stream.set_nonblocking(true).and_then(|()| (&mut &*stream).write(bytes))
            }
        };
    }
}

fn address(address: io::Result<std::net::SocketAddr>) -> String {
    address.map_or_else(|_| "?:0".to_string(), |address| address.to_string())
}
