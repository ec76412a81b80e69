//! Owns the requests and answers of one GET or SET in both protocols.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer takes so long.
const HANG: Duration = Duration::from_secs(30);

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Protocol {
    /// Redis' (RESP).
    Resp,
    /// Memcached's text.
    Memcached,
}

/// Which command is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Command {
    /// A value is read.
    Get,
    /// A value is written.
    Set,
}

/// A blocking connection that waits for each answer.
pub(super) struct Connection {
    protocol: Protocol,
    input: BufReader<TcpStream>,
    output: Vec<u8>,
    line: Vec<u8>,
}

impl Connection {
    pub(super) fn open(protocol: Protocol, address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANG))?;
        Ok(Self { protocol, input: BufReader::new(stream), output: Vec::new(), line: Vec::new() })
    }

    /// Errors: those of the socket, and any answer but that it is stored.
    pub(super) fn set(&mut self, key: &str, value: &[u8]) -> io::Result<()> {
        let (key_bytes, bytes) = (key.len(), value.len());
        self.output.clear();
        let out = &mut self.output;
        match self.protocol {
            Protocol::Resp => {
                write!(out, "*3\r\n$3\r\nSET\r\n${key_bytes}\r\n{key}\r\n${bytes}\r\n")
            }
            Protocol::Memcached => write!(out, "set {key} 0 0 {bytes}\r\n"),
        }?;
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
        self.input.get_mut().write_all(&self.output)?;
        let line = self.read_line()?;
        if matches!(line, b"+OK" | b"STORED") { Ok(()) } else { Err(unexpected(line)) }
    }

    /// Reads a value into the emptied buffer.
    ///
    /// Errors: those of the socket, and any answer but a value.
    pub(super) fn get(&mut self, key: &str, value: &mut Vec<u8>) -> io::Result<()> {
        let key_bytes = key.len();
        self.output.clear();
        match self.protocol {
            Protocol::Resp => {
                write!(self.output, "*2\r\n$3\r\nGET\r\n${key_bytes}\r\n{key}\r\n")
            }
            Protocol::Memcached => write!(self.output, "get {key}\r\n"),
        }?;
        self.input.get_mut().write_all(&self.output)?;
        let line = self.read_line()?;
        let bytes = value_bytes(line).ok_or_else(|| unexpected(line))?;
        value.clear();
        self.input.by_ref().take(bytes).read_to_end(value)?;
        let end: &[&[u8]] = match self.protocol {
            Protocol::Resp => &[b""],
            Protocol::Memcached => &[b"", b"END"],
        };
        for expected in end {
            let line = self.read_line()?;
            if line != *expected {
                return Err(unexpected(line));
            }
        }
        Ok(())
    }

    /// A line without its end.
    fn read_line(&mut self) -> io::Result<&[u8]> {
        self.line.clear();
        self.input.read_until(b'\n', &mut self.line)?;
        self.line.strip_suffix(b"\r\n").ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// The length in `$5` or in `VALUE key 0 5`.
fn value_bytes(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let number = match line.strip_prefix('$') {
        Some(number) => number,
        None => line.strip_prefix("VALUE ")?.rsplit(' ').next()?,
    };
    number.parse().ok()
}

fn unexpected(line: &[u8]) -> io::Error {
    io::Error::other(format!("the server answered {}", line.escape_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_length() {
        for (line, expected) in [
            (&b"$5"[..], Some(5)),
            (b"VALUE key 0 512", Some(512)),
            (b"$-1", None),
            (b"END", None),
            (b"-ERR no", None),
        ] {
            assert_eq!(value_bytes(line), expected, "{}", line.escape_ascii());
        }
    }
}
