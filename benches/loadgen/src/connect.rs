//! Connections: opened and authenticated blocking, then handed to the poll.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use hyperion_wire::reply::{Decoder, Reply};
use hyperion_wire::{Encoder, Protocol};
use mio::event::Source;
use mio::{Interest, Registry, Token};

use crate::arguments::Arguments;
use crate::error::LoadError;
use crate::limits::{CONNECT_TIME_MAX, READ_BYTES};

/// Where the server is and how to get in.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    address: Address,
    password: Option<String>,
}

#[derive(Debug, Clone)]
enum Address {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// A connected blocking socket.
enum Blocking {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A connected socket that never blocks.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
}

impl Endpoint {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        let address = match &arguments.unix {
            Some(path) => Address::Unix(path.clone()),
            None => Address::Tcp { host: arguments.host.clone(), port: arguments.port },
        };
        Self { address, password: arguments.password.clone() }
    }

    /// How the endpoint is named in messages.
    pub(crate) fn name(&self) -> String {
        match &self.address {
            Address::Tcp { host, port } => format!("{host}:{port}"),
            Address::Unix(path) => path.display().to_string(),
        }
    }

    /// A connection that has authenticated.
    pub(crate) fn connect(&self) -> Result<Stream, LoadError> {
        let blocking = self.connect_blocking()?;
        blocking.into_stream().map_err(|source| self.failed(source))
    }

    /// The server's process, when it is on this machine and says so in INFO.
    pub(crate) fn server_process(&self) -> Option<u32> {
        let mut blocking = self.connect_blocking().ok()?;
        if !blocking.is_local() {
            return None;
        }
        let (Reply::Bulk(text) | Reply::Verbatim { text, .. }) =
            blocking.ask(&["INFO", "server"]).ok()?
        else {
            return None;
        };
        let text = String::from_utf8_lossy(&text);
        text.lines().find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok())
    }

    fn connect_blocking(&self) -> Result<Blocking, LoadError> {
        let mut blocking = self.open().map_err(|source| self.failed(source))?;
        if let Some(password) = &self.password {
            let not_resp = |text: String| LoadError::NotResp { endpoint: self.name(), text };
            match blocking.ask(&["AUTH", password]).map_err(|error| not_resp(error.to_string()))? {
                Reply::Simple(_) => {}
                Reply::Error(text) => {
                    let text = String::from_utf8_lossy(&text).into_owned();
                    return Err(LoadError::Password { endpoint: self.name(), text });
                }
                other => return Err(not_resp(format!("AUTH was answered {other:?}"))),
            }
        }
        Ok(blocking)
    }

    fn open(&self) -> io::Result<Blocking> {
        match &self.address {
            Address::Unix(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_read_timeout(Some(CONNECT_TIME_MAX))?;
                Ok(Blocking::Unix(socket))
            }
            Address::Tcp { host, port } => {
                let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, CONNECT_TIME_MAX) {
                        Ok(socket) => {
                            socket.set_nodelay(true)?;
                            socket.set_read_timeout(Some(CONNECT_TIME_MAX))?;
                            return Ok(Blocking::Tcp(socket));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    fn failed(&self, source: io::Error) -> LoadError {
        LoadError::Connect { endpoint: self.name(), source }
    }
}

impl Blocking {
    /// Sends one command and waits for its reply.
    fn ask(&mut self, words: &[&str]) -> io::Result<Reply> {
        let mut request = Vec::new();
        let mut encoder = Encoder::new(&mut request, Protocol::Resp2);
        encoder.array(words.len());
        for word in words {
            encoder.bulk(word.as_bytes());
        }
        self.write_all(&request)?;
        let mut decoder = Decoder::new();
        let (mut input, mut piece) = (Vec::new(), [0_u8; 4096]);
        loop {
            let length = self.read(&mut piece)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            input.extend_from_slice(&piece[..length]);
            match decoder.decode(&input) {
                Ok(Some((_, reply))) => return Ok(reply),
                Ok(None) if input.len() < 16 * READ_BYTES => {}
                Ok(None) => return Err(io::Error::other("the reply has no end")),
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    fn is_local(&self) -> bool {
        match self {
            Self::Tcp(socket) => socket.peer_addr().is_ok_and(|peer| peer.ip().is_loopback()),
            Self::Unix(_) => true,
        }
    }

    fn into_stream(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                Stream::Tcp(mio::net::TcpStream::from_std(socket))
            }
            Self::Unix(socket) => {
                socket.set_nonblocking(true)?;
                Stream::Unix(mio::net::UnixStream::from_std(socket))
            }
        })
    }
}

impl Read for Blocking {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(bytes),
            Self::Unix(socket) => socket.read(bytes),
        }
    }
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    /// Has the poll report the socket as `token`.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(socket) => socket.register(registry, token, interest),
            Self::Unix(socket) => socket.register(registry, token, interest),
        }
    }

    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(bytes),
            Self::Unix(socket) => socket.read(bytes),
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }
}
