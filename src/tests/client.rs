//! Owns a client of the Redis protocol for tests: it panics where a test would have to.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use hyperion_wire::reply::{Decoder, Reply};

use super::harness::{PATIENCE, wait_for};

/// Connects with TLS; the handshake is made with the first bytes.
pub(crate) fn tls_stream(address: SocketAddr, config: &Arc<ClientConfig>) -> TlsStream {
    let socket = TcpStream::connect_timeout(&address, PATIENCE).expect("the node listens there");
    socket.set_nodelay(true).expect("it is a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
    socket.set_write_timeout(Some(PATIENCE)).expect("it is a socket");
    let name = "localhost".try_into().expect("it is a name");
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).expect("random bits"), socket)
}

const READ_BYTES: usize = 64 << 10;

enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream>),
}

/// A connection with TLS.
pub(crate) type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// One connection.
pub(crate) struct Client {
    stream: Stream,
    decoder: Decoder,
    received: Vec<u8>,
    /// Bytes of `received` that are done with.
    taken: usize,
}

impl Client {
    /// Connects; waits for a listener that is just being opened.
    pub(crate) fn tcp(address: SocketAddr) -> Self {
        let mut client = None;
        wait_for("a connection", || {
            client = Self::try_tcp(address).ok();
            client.is_some()
        });
        client.expect("waited for it")
    }

    pub(crate) fn try_tcp(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::new(Stream::Tcp(stream)))
    }

    pub(crate) fn unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).expect("the node listens there");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a socket");
        Self::new(Stream::Unix(stream))
    }

    /// Connects with TLS to `localhost`, as the node's certificate says.
    pub(crate) fn tls(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        Self::new(Stream::Tls(Box::new(tls_stream(address, config))))
    }

    /// The connection of TLS.
    pub(crate) fn tls_connection(&self) -> Option<&ClientConnection> {
        match &self.stream {
            Stream::Tls(stream) => Some(&stream.conn),
            _ => None,
        }
    }

    fn new(stream: Stream) -> Self {
        Self { stream, decoder: Decoder::new(), received: Vec::new(), taken: 0 }
    }

    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(bytes),
            Stream::Unix(stream) => stream.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).expect("the node takes what is sent");
    }

    /// Another way to send on the same connection, for another thread.
    pub(crate) fn writer(&self) -> TcpStream {
        let Stream::Tcp(stream) = &self.stream else { panic!("it is a TCP connection") };
        stream.try_clone().expect("it is a socket")
    }

    /// Sends without waiting: as much as the kernel takes at once.
    pub(crate) fn send_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Stream::Tcp(stream) = &mut self.stream else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        stream.set_nonblocking(true)?;
        let sent = stream.write(bytes);
        stream.set_nonblocking(false)?;
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// From now on an answer is waited for so long, and an error after that.
    pub(crate) fn wait_at_most(&mut self, patience: Duration) {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(patience)),
            Stream::Unix(stream) => stream.set_read_timeout(Some(patience)),
            Stream::Tls(stream) => stream.sock.set_read_timeout(Some(patience)),
        }
        .expect("it is a socket");
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end(&mut self) {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Stream::Unix(stream) => stream.shutdown(Shutdown::Write),
            Stream::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush()
            }
        }
        .expect("the connection is open");
    }

    /// The next reply; an end of the connection is an error.
    pub(crate) fn try_reply(&mut self) -> io::Result<Reply> {
        loop {
            let decoded = self.decoder.decode(&self.received[self.taken..]);
            if let Some((length, reply)) = decoded.map_err(io::Error::other)? {
                self.taken += length;
                if self.taken == self.received.len() {
                    self.received.clear();
                    self.taken = 0;
                }
                return Ok(reply);
            }
            if self.receive()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let length = self.received.len();
        self.received.resize(length + READ_BYTES, 0);
        let count = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut self.received[length..]),
            Stream::Unix(stream) => stream.read(&mut self.received[length..]),
            Stream::Tls(stream) => stream.read(&mut self.received[length..]),
        };
        self.received.truncate(length + count.as_ref().unwrap_or(&0));
        count
    }

    /// Waits for the first bytes of a reply, and leaves them.
    pub(crate) fn wait_for_bytes(&mut self) {
        assert!(self.receive().expect("the node answers") > 0, "the node closed the connection");
    }

    pub(crate) fn reply(&mut self) -> Reply {
        self.try_reply().expect("the node answers")
    }

    /// The next reply as text, see [`show`].
    pub(crate) fn shown(&mut self) -> String {
        show(&self.reply())
    }

    pub(crate) fn call(&mut self, words: &[&[u8]]) -> Reply {
        self.send(&command(words));
        self.reply()
    }

    /// Sends the words of a line and gives the reply as text.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(&words(line));
        self.shown()
    }

    /// The same where the connection may break.
    pub(crate) fn try_ask(&mut self, line: &str) -> io::Result<String> {
        self.try_send(&words(line))?;
        Ok(show(&self.try_reply()?))
    }

    /// Panics unless each line has its answer.
    pub(crate) fn expect(&mut self, lines: &[(&str, &str)]) {
        for (line, expected) in lines {
            assert_eq!(self.ask(line), *expected, "{line}");
        }
    }

    /// Whether the node closes the connection: what comes before is dropped.
    pub(crate) fn is_closed_by_node(&mut self) -> bool {
        loop {
            self.received.clear();
            self.taken = 0;
            match self.receive() {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
            }
        }
    }

    /// Sets a key to a value of any bytes.
    /// Errors: the connection ended before the answer.
    pub(crate) fn try_set(&mut self, key: &str, value: &[u8]) -> io::Result<()> {
        self.try_send(&command(&[b"SET", key.as_bytes(), value]))?;
        let reply = self.try_reply()?;
        assert_eq!(show(&reply), "OK", "SET {key}");
        Ok(())
    }

    pub(crate) fn set(&mut self, key: &str, value: &[u8]) {
        assert_eq!(show(&self.call(&[b"SET", key.as_bytes(), value])), "OK", "SET {key}");
    }

    /// Panics unless the key has exactly these bytes; does not print them.
    pub(crate) fn expect_bytes(&mut self, key: &str, value: &[u8]) {
        match self.call(&[b"GET", key.as_bytes()]) {
            Reply::Bulk(bytes) => {
                assert!(bytes == value, "{key} has other bytes, {} of them", bytes.len());
            }
            other => panic!("{key}: {}", show(&other)),
        }
    }
}

/// A command as clients send it.
pub(crate) fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// The words of a line as a command.
pub(crate) fn words(line: &str) -> Vec<u8> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    command(&words)
}

/// Several lines as one pipeline.
pub(crate) fn pipeline<T: AsRef<str>>(lines: impl IntoIterator<Item = T>) -> Vec<u8> {
    lines.into_iter().flat_map(|line| words(line.as_ref())).collect()
}

/// A reply as one line: texts as they are, errors behind a minus, null as `nil`, lists in brackets.
pub(crate) fn show(reply: &Reply) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let list = |replies: &[Reply]| replies.iter().map(show).collect::<Vec<_>>().join(" ");
    match reply {
        Reply::Simple(bytes) | Reply::Bulk(bytes) | Reply::BigNumber(bytes) => text(bytes),
        Reply::Error(bytes) => format!("-{}", text(bytes)),
        Reply::Integer(number) => number.to_string(),
        Reply::Null => "nil".to_owned(),
        Reply::Array(replies) | Reply::Push(replies) => format!("[{}]", list(replies)),
        Reply::Set(replies) => format!("~[{}]", list(replies)),
        Reply::Map(pairs) => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{}: {}", show(key), show(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Reply::Double(number) => number.to_string(),
        Reply::Boolean(flag) => flag.to_string(),
        Reply::Verbatim { text: bytes, .. } => text(bytes),
        Reply::Attributed { reply, .. } => show(reply),
    }
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Bytes of any value.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.below(u64::MAX).to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }
}
