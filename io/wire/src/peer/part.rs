//! Bodies that are too long for one frame, in parts that other frames may go between, so that a
//! value of hundreds of mebibytes holds up no heartbeat.
//!
//! A sender has one long body under way on a link; its parts follow each other in order.

use std::borrow::Cow;

use speedy::{Readable, Writable};

use super::body::{Body, within};
use super::error::BodyError;
use super::kind::Kind;
use crate::limits::BULK_CHUNK_BYTES;

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq, Readable, Writable)]
pub struct Part<'a> {
    /// The kind of the body, by its number.
    pub kind: u8,
    /// The sender's number for the body.
    pub stream: u64,
    /// Where the piece belongs, in bytes from the start of the body.
    pub offset: u32,
    /// Bytes of the whole body.
    pub total: u32,
    /// The piece; never empty.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Body<'a> for Part<'a> {
    const KIND: Kind = Kind::Part;

    fn check(&self) -> Result<(), BodyError> {
        let kind = Kind::of(self.kind).filter(|kind| kind.long_bytes_max() > kind.bytes_max());
        let Some(kind) = kind.filter(|_| !self.bytes.is_empty()) else {
            return Err(BodyError::UnknownValue { kind: Self::KIND });
        };
        let (offset, total) = (self.offset as usize, self.total as usize);
        within(Self::KIND, "length of the whole", total, kind.long_bytes_max() as usize)?;
        within(Self::KIND, "length of the bytes", self.bytes.len(), BULK_CHUNK_BYTES)?;
        within(Self::KIND, "offset", offset, total)?;
        within(Self::KIND, "length of the bytes", self.bytes.len(), total - offset)
    }
}

/// Cuts a body that [`Body::encode_body`] wrote. Keep it until it is `done`, and send other frames
/// between the parts.
#[derive(Debug)]
pub struct Parts {
    kind: Kind,
    stream: u64,
    body: Vec<u8>,
    offset: usize,
}

impl Parts {
    /// The parts of `body`; `stream` differs from that of the link's last long body.
    ///
    /// # Errors
    /// Bodies of this kind are never that long, or it is empty.
    pub fn new(kind: Kind, stream: u64, body: Vec<u8>) -> Result<Self, BodyError> {
        let parts = Self { kind, stream, body, offset: 0 };
        parts.part(0).check()?;
        Ok(parts)
    }

    /// Whether all was sent.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.offset == self.body.len()
    }

    /// Appends the frame of the next part to `out`; nothing when all was sent.
    pub fn encode_next(&mut self, out: &mut Vec<u8>) {
        if self.is_done() {
            return;
        }
        let part = self.part(self.offset);
        let end = self.offset + part.bytes.len();
        part.encode(out).expect("the first part was checked, and the others are like it");
        self.offset = end;
    }

    fn part(&self, offset: usize) -> Part<'_> {
        let rest = self.body.get(offset..).unwrap_or_default();
        let bytes = rest.get(..BULK_CHUNK_BYTES).unwrap_or(rest);
        let short = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Part {
            kind: self.kind as u8,
            stream: self.stream,
            offset: short(offset),
            total: short(self.body.len()),
            bytes: bytes.into(),
        }
    }
}

/// Why a part does not belong to what came before. The link must be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PartError {
    /// It does not follow the last one.
    #[error("the part of stream {stream} at {offset} came where {expected} was due")]
    OutOfOrder {
        /// The stream of the part.
        stream: u64,
        /// Its offset.
        offset: u32,
        /// The offset that was due: 0 when no body was begun.
        expected: u32,
    },
    /// It is of another body than the one that is under way.
    #[error("a part of stream {found} came before stream {open} had ended")]
    OtherStream {
        /// The stream under way.
        open: u64,
        /// The stream of the part.
        found: u64,
    },
}

/// Puts the parts of one link together. The body has its room when the first part comes, so that it is not moved as it grows; the memory
/// that takes grows with what has come.
#[derive(Debug, Default)]
pub struct PartsReader {
    /// Kind, stream and total of the body that is under way.
    open: Option<(u8, u64, u32)>,
    bytes: Vec<u8>,
}

impl PartsReader {
    /// A reader at the start of a link.
    #[must_use]
    pub const fn new() -> Self {
        Self { open: None, bytes: Vec::new() }
    }

    /// Takes the next part; gives the body for [`Message::decode_body`](super::Message::decode_body)
    /// when it was the last one.
    ///
    /// # Errors
    /// The part does not follow the one before.
    pub fn take(&mut self, part: &Part<'_>) -> Result<Option<(Kind, Vec<u8>)>, PartError> {
        let Part { stream, offset, .. } = *part;
        let this = (part.kind, stream, part.total);
        match self.open {
            Some(open) if open != this => {
                return Err(PartError::OtherStream { open: open.1, found: stream });
            }
            _ if offset as usize != self.bytes.len() => {
                let expected = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
                return Err(PartError::OutOfOrder { stream, offset, expected });
            }
            Some(_) => {}
            None => {
                self.open = Some(this);
                // The length is within the limit of the kind; where there is no such room, it may grow as it comes.
                let _ = self.bytes.try_reserve_exact(part.total as usize);
            }
        }
        self.bytes.extend_from_slice(&part.bytes);
        if self.bytes.len() < part.total as usize {
            return Ok(None);
        }
        self.open = None;
        let kind = Kind::of(part.kind).expect("a part is checked when it is read");
        Ok(Some((kind, std::mem::take(&mut self.bytes))))
    }
}
