//! Owns the connection to one side: commands go out in a row, answers are taken one by one.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use hyperion_wire::reply::{Decoder, Reply};

use super::error::ImportError;
use super::limits::{PATIENCE, READ_BYTES};
use super::url::Url;

/// One side.
pub(super) struct Link {
    pub(super) address: String,
    stream: TcpStream,
    decoder: Decoder,
    /// Commands that were not sent yet.
    out: Vec<u8>,
    received: Vec<u8>,
    /// Bytes of `received` that are done with.
    taken: usize,
}

impl Link {
    /// Connects, says who asks, and chooses the database.
    pub(super) fn connect(url: &Url) -> Result<Self, ImportError> {
        let address = url.address.clone();
        let stream = dial(&address)
            .map_err(|error| ImportError::Link { address: address.clone(), error })?;
        let decoder = Decoder::new();
        let (out, received) = (Vec::new(), Vec::new());
        let mut link = Self { address, stream, decoder, out, received, taken: 0 };
        if let Some(password) = &url.password {
            let mut words = vec![&b"AUTH"[..]];
            words.extend(url.user.as_ref().map(String::as_bytes));
            words.push(password.as_bytes());
            link.call("AUTH", &words)?;
        }
        if url.database > 0 {
            link.call("SELECT", &[b"SELECT", url.database.to_string().as_bytes()])?;
        }
        Ok(link)
    }

    /// What tells this run of the server from its next: a cursor of SCAN means nothing to another.
    pub(super) fn run_id(&mut self) -> Result<String, ImportError> {
        let info = match self.call("INFO", &[b"INFO", b"server"])? {
            Reply::Bulk(text) | Reply::Verbatim { text, .. } => text,
            _ => Vec::new(),
        };
        let info = String::from_utf8_lossy(&info);
        let id = info.lines().find_map(|line| line.strip_prefix("run_id:"));
        Ok(id.unwrap_or_default().trim().to_owned())
    }

    /// Whether the database has no keys, as far as this user may know.
    pub(super) fn is_empty(&mut self) -> bool {
        matches!(self.call("DBSIZE", &[b"DBSIZE"]), Ok(Reply::Integer(0)))
    }

    /// Asks one thing and waits for the answer, which must be no error.
    pub(super) fn call(
        &mut self,
        command: &'static str,
        words: &[&[u8]],
    ) -> Result<Reply, ImportError> {
        self.ask(words);
        self.send()?;
        self.answer(command)
    }

    /// Puts a command behind those that [`Link::send`] sends.
    pub(super) fn ask(&mut self, words: &[&[u8]]) {
        let _ = write!(self.out, "*{}\r\n", words.len());
        for word in words {
            let _ = write!(self.out, "${}\r\n", word.len());
            self.out.extend_from_slice(word);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    /// Bytes that wait to be sent.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.out.len()
    }

    pub(super) fn send(&mut self) -> Result<(), ImportError> {
        let sent = self.stream.write_all(&self.out);
        self.out.clear();
        self.out.shrink_to(READ_BYTES);
        sent.map_err(|error| self.broken(error))
    }

    /// The next answer, errors among them.
    pub(super) fn any_answer(&mut self) -> Result<Reply, ImportError> {
        loop {
            let decoded = self.decoder.decode(&self.received[self.taken..]);
            if let Some((bytes, reply)) =
                decoded.map_err(|error| self.broken(io::Error::other(error)))?
            {
                self.taken += bytes;
                return Ok(reply);
            }
            self.receive().map_err(|error| self.broken(error))?;
        }
    }

    /// The next answer, which must be no error.
    pub(super) fn answer(&mut self, command: &'static str) -> Result<Reply, ImportError> {
        match self.any_answer()? {
            Reply::Error(text) => Err(self.refused(command, &text)),
            reply => Ok(reply),
        }
    }

    pub(super) fn refused(&self, command: &'static str, text: &[u8]) -> ImportError {
        let (address, answer) = (self.address.clone(), String::from_utf8_lossy(text).into_owned());
        ImportError::Refused { address, command, answer }
    }

    fn broken(&self, error: io::Error) -> ImportError {
        ImportError::Link { address: self.address.clone(), error }
    }

    fn receive(&mut self) -> io::Result<()> {
        self.received.drain(..self.taken);
        self.taken = 0;
        self.received.shrink_to(READ_BYTES.max(self.received.len()));
        let before = self.received.len();
        // Grows with what is there, so that a long answer takes few calls.
        let more = READ_BYTES.max(before / 2);
        self.received.resize(before + more, 0);
        let count = self.stream.read(&mut self.received[before..]);
        self.received.truncate(before + count.as_ref().unwrap_or(&0));
        match count? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

fn dial(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for resolved in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&resolved, PATIENCE) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
