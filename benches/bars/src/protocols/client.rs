//! Owns what both clients have in common: one blocking socket and what came on it.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Way;

/// No answer takes so long.
const HANG: Duration = Duration::from_secs(30);
/// Bytes asked for at once.
const READ_BYTES: usize = 256 << 10;

/// A client that may send several messages before it takes answers.
pub(super) trait Client {
    /// Sends one message.
    fn send(&mut self, way: Way, body: &[u8]) -> Result<(), Box<dyn Error>>;
    /// Takes one answer; the length of its body.
    fn receive(&mut self, way: Way) -> Result<usize, Box<dyn Error>>;
}

/// A socket and the bytes that came and were not taken.
pub(super) struct Connection {
    stream: TcpStream,
    pub(super) input: Vec<u8>,
    /// What one read brings, before it is appended: nothing is filled with zeros again and again.
    read: Box<[u8]>,
}

impl Connection {
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANG))?;
        stream.set_write_timeout(Some(HANG))?;
        let read = vec![0; READ_BYTES].into_boxed_slice();
        Ok(Self { stream, input: Vec::with_capacity(2 * READ_BYTES), read })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads once more.
    ///
    /// Errors: those of the socket, and its end.
    pub(super) fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read(&mut self.read)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => {
                self.input.extend_from_slice(&self.read[..bytes]);
                Ok(())
            }
        }
    }
}
