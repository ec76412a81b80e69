//! Owns the client of frames: a body goes in parts of at most 1 MiB, each a frame with its checksum.

use std::error::Error;
use std::net::SocketAddr;

use hyperion_wire::limits::BULK_CHUNK_BYTES;
use hyperion_wire::peer::{Body, FrameParser, Framed, Kind, Message, Part, PartsReader};

use super::Way;
use super::client::{Client, Connection};

/// The kind of a body that is sent back.
pub(super) const ECHO: Kind = Kind::Forwarded;
/// The kind of a body of which only its arrival is told.
const TAKE: Kind = Kind::Replies;

/// A client of the ring.
pub(super) struct FrameClient {
    connection: Connection,
    sent: u64,
    output: Vec<u8>,
    parts: PartsReader,
}

impl FrameClient {
    pub(super) fn open(address: SocketAddr) -> std::io::Result<Self> {
        let connection = Connection::open(address)?;
        Ok(Self { connection, sent: 0, output: Vec::new(), parts: PartsReader::new() })
    }
}

impl Client for FrameClient {
    fn send(&mut self, way: Way, body: &[u8]) -> Result<(), Box<dyn Error>> {
        self.sent += 1;
        let kind = if way == Way::RoundTrip { ECHO } else { TAKE };
        let total = u32::try_from(body.len())?;
        let mut offset = 0;
        for bytes in body.chunks(BULK_CHUNK_BYTES) {
            self.output.clear();
            let (kind, stream) = (kind as u8, self.sent);
            Part { kind, stream, offset, total, bytes: bytes.into() }.encode(&mut self.output)?;
            self.connection.write(&self.output)?;
            offset += u32::try_from(bytes.len())?;
        }
        Ok(())
    }

    fn receive(&mut self, _: Way) -> Result<usize, Box<dyn Error>> {
        let mut bytes_min = 1;
        loop {
            while self.connection.input.len() < bytes_min {
                self.connection.read_more()?;
            }
            match FrameParser::new().parse(&self.connection.input)? {
                Framed::Incomplete { bytes_min: more } => bytes_min = more,
                Framed::Frame { frame, consumed } => {
                    let answer = match Message::decode(&frame)? {
                        Message::Part(part) => self.parts.take(&part)?.map(|(_, body)| body.len()),
                        Message::Pong(_) => Some(0),
                        other => return Err(format!("a frame of {:?}", other.kind()).into()),
                    };
                    self.connection.input.drain(..consumed);
                    bytes_min = 1;
                    if let Some(bytes) = answer {
                        return Ok(bytes);
                    }
                }
            }
        }
    }
}
