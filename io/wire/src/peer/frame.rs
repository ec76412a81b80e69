//! The frame: a head of 20 bytes and a body, each with a checksum of its own.
//!
//! All numbers are little endian. Format version 1:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `HYPN` |
//! | 4 | 1 | format version: of this head and of the bodies of the handshake |
//! | 5 | 1 | kind, see [`Kind`] |
//! | 6 | 1 | flags: bit 0 the body is compressed; the others are zero |
//! | 7 | 1 | zero |
//! | 8 | 4 | length of the body in bytes |
//! | 12 | 4 | crc32c (CRC-32/ISCSI) of the body as it is sent |
//! | 16 | 4 | crc32c of the bytes 0..16 |
//! | 20 | | body |
//!
//! The head has its own checksum so that a length is known to be right before anybody waits for,
//! or makes room for, so many bytes. The magic and the version stay where they are for ever.

use super::error::{BodyError, FrameError};
use super::kind::Kind;
use crate::limits::FRAME_BYTES_MAX;
use crc_fast::crc32_iscsi;

/// Version of the head's format and of the handshake's bodies. The bodies after the handshake
/// follow the protocol version that the handshake agrees on.
pub const FRAME_VERSION: u8 = 1;
/// From which protocol version on a body may be compressed.
pub const COMPRESSED_PROTOCOL: u16 = 2;
/// Bytes before the body.
pub const FRAME_HEAD_BYTES: usize = 20;

const MAGIC: [u8; 4] = *b"HYPN";
const FLAG_COMPRESSED: u8 = 1;
const CHECKED_BYTES: usize = 16;

/// One whole frame; the body is where it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the body is.
    pub kind: Kind,
    /// Whether the body is compressed.
    pub is_compressed: bool,
    /// The body as it was sent; its checksum is right.
    pub body: &'a [u8],
}

/// What [`FrameParser::parse`] found at the start of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed<'a> {
    /// A frame.
    Frame {
        /// The frame.
        frame: Frame<'a>,
        /// Bytes of the input that it takes.
        consumed: usize,
    },
    /// The frame is not there whole.
    Incomplete {
        /// Length of the input below which another try is in vain; within the limit, and checked.
        bytes_min: usize,
    },
}

/// Finds frames in the bytes of a link. It keeps nothing but a limit: a half-received frame stays
/// in the caller's buffer, and another try looks at its head again.
#[derive(Debug, Clone, Copy)]
pub struct FrameParser {
    bytes_max: u32,
}

impl FrameParser {
    /// For a link whose handshake is done.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes_max: FRAME_BYTES_MAX }
    }

    /// A parser that takes bodies of at most `bytes_max`, whatever their kind may be else.
    #[must_use]
    pub const fn with_bytes_max(bytes_max: u32) -> Self {
        Self { bytes_max }
    }

    /// Looks for one frame at the start of `input`.
    ///
    /// # Errors
    /// The bytes are not a frame, are damaged, or pass a limit.
    pub fn parse<'a>(&self, input: &'a [u8]) -> Result<Framed<'a>, FrameError> {
        check_start(input)?;
        let Some((head, rest)) = input.split_first_chunk::<FRAME_HEAD_BYTES>() else {
            return Ok(Framed::Incomplete { bytes_min: FRAME_HEAD_BYTES });
        };
        let head = Head::read(head)?;
        let bytes_max = head.kind.bytes_max().min(self.bytes_max);
        if head.bytes > bytes_max {
            return Err(FrameError::TooLong { kind: head.kind, bytes: head.bytes, bytes_max });
        }
        let consumed = FRAME_HEAD_BYTES + head.bytes as usize;
        let Some(body) = rest.get(..head.bytes as usize) else {
            return Ok(Framed::Incomplete { bytes_min: consumed });
        };
        let computed = checksum(body);
        if computed != head.crc {
            return Err(FrameError::BodyDamaged { written: head.crc, computed });
        }
        let frame = Frame { kind: head.kind, is_compressed: head.is_compressed, body };
        Ok(Framed::Frame { frame, consumed })
    }
}

impl Default for FrameParser {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends a frame around a body that the caller has compressed.
///
/// # Errors
/// The kind is not one that may be compressed, or the body is too long; `out` is as it was.
pub fn encode_compressed(kind: Kind, body: &[u8], out: &mut Vec<u8>) -> Result<(), BodyError> {
    if !kind.may_be_compressed() {
        return Err(BodyError::OtherKind { expected: Kind::SnapshotChunk, found: kind });
    }
    check_length(kind, body.len())?;
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
    out.extend_from_slice(body);
    close(kind, FLAG_COMPRESSED, out, start);
    Ok(())
}

/// Writes the head of the frame that starts at `start` and whose body ends with `out`.
pub(super) fn close(kind: Kind, flags: u8, out: &mut [u8], start: usize) {
    let frame = out.get_mut(start..).and_then(|frame| frame.split_first_chunk_mut());
    let (head, body): (&mut [u8; FRAME_HEAD_BYTES], _) = frame.expect("the head's room is there");
    let bytes = u32::try_from(body.len()).expect("the length was checked");
    *head = Head { kind, is_compressed: flags & FLAG_COMPRESSED != 0, bytes, crc: checksum(body) }
        .write();
}

/// Whether a body of `bytes` fits a frame of this kind.
pub(super) fn check_length(kind: Kind, bytes: usize) -> Result<(), BodyError> {
    let bytes_max = kind.bytes_max();
    if bytes > bytes_max as usize {
        return Err(BodyError::TooLong { kind, bytes, bytes_max });
    }
    Ok(())
}

/// What a head says.
struct Head {
    kind: Kind,
    is_compressed: bool,
    bytes: u32,
    crc: u32,
}

impl Head {
    fn write(&self) -> [u8; FRAME_HEAD_BYTES] {
        let [m0, m1, m2, m3] = MAGIC;
        let [b0, b1, b2, b3] = self.bytes.to_le_bytes();
        let [c0, c1, c2, c3] = self.crc.to_le_bytes();
        let flags = if self.is_compressed { FLAG_COMPRESSED } else { 0 };
        let kind = self.kind as u8;
        let checked: [u8; CHECKED_BYTES] =
            [m0, m1, m2, m3, FRAME_VERSION, kind, flags, 0, b0, b1, b2, b3, c0, c1, c2, c3];
        let mut head = [0; FRAME_HEAD_BYTES];
        let (front, back) = head.split_at_mut(CHECKED_BYTES);
        front.copy_from_slice(&checked);
        back.copy_from_slice(&checksum(&checked).to_le_bytes());
        head
    }

    fn read(head: &[u8; FRAME_HEAD_BYTES]) -> Result<Self, FrameError> {
        let [_, _, _, _, _, kind, flags, zero, b0, b1, b2, b3, c0, c1, c2, c3, h0, h1, h2, h3] =
            *head;
        let written = u32::from_le_bytes([h0, h1, h2, h3]);
        let computed = checksum(head.first_chunk::<CHECKED_BYTES>().expect("a head is longer"));
        if written != computed {
            return Err(FrameError::HeadDamaged { written, computed });
        }
        let kind = Kind::of(kind).ok_or(FrameError::UnknownKind { found: kind })?;
        let is_compressed = flags == FLAG_COMPRESSED && kind.may_be_compressed();
        if zero != 0 || (flags != 0 && !is_compressed) {
            return Err(FrameError::WrongFlags {
                kind,
                found: if flags == 0 { zero } else { flags },
            });
        }
        Ok(Self {
            kind,
            is_compressed,
            bytes: u32::from_le_bytes([b0, b1, b2, b3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }
}

/// Refuses another protocol at its first byte, and another version before its checksum is sought
/// where this version has it.
fn check_start(input: &[u8]) -> Result<(), FrameError> {
    if input.iter().zip(&MAGIC).any(|(byte, expected)| byte != expected) {
        let mut found = [0; 4];
        found.iter_mut().zip(input).for_each(|(to, from)| *to = *from);
        return Err(FrameError::WrongMagic { found });
    }
    match input.get(MAGIC.len()) {
        Some(&found) if found != FRAME_VERSION => Err(FrameError::OtherVersion { found }),
        _ => Ok(()),
    }
}

pub(super) fn checksum(bytes: &[u8]) -> u32 {
    crc32_iscsi(bytes)
}
