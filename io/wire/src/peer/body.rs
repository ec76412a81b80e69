//! How a body becomes a frame and a frame a body: the same for every kind.

use speedy::{IsEof, LittleEndian, Readable, Writable};

use super::error::BodyError;
use super::frame::{FRAME_HEAD_BYTES, Frame, check_length, close};
use super::kind::Kind;

/// The body of one kind of frame.
///
/// The bytes are those of the `speedy` crate in little endian: fields one after the other without
/// gaps, a `u32` count before a list, bytes or a text, one byte before what may be absent, one
/// byte before the fields of a choice. Bytes and texts are borrowed from the frame.
pub trait Body<'a>: Readable<'a, LittleEndian> + Writable<LittleEndian> {
    /// The kind of frame that it is the body of.
    const KIND: Kind;

    /// Whether every field is within its bounds; asked before it is written and after it was read.
    ///
    /// # Errors
    /// The first field that is not.
    fn check(&self) -> Result<(), BodyError>;

    /// Appends one frame with this body to `out`.
    ///
    /// # Errors
    /// A field is out of bounds, or the whole is longer than a frame; `out` is as it was.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.check()?;
        let bytes = self.bytes_needed().map_err(|error| unreadable(Self::KIND, &error))?;
        check_length(Self::KIND, bytes)?;
        let start = out.len();
        out.reserve(FRAME_HEAD_BYTES + bytes);
        out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
        if let Err(error) = self.write_to_stream(&mut *out) {
            out.truncate(start);
            return Err(unreadable(Self::KIND, &error));
        }
        assert_eq!(out.len() - start, FRAME_HEAD_BYTES + bytes, "a body has the size it said");
        close(Self::KIND, 0, out, start);
        Ok(())
    }

    /// Appends the body alone, as it goes into a compressor before
    /// [`encode_compressed`](super::encode_compressed), or is cut by [`Parts`](super::Parts).
    ///
    /// # Errors
    /// A field is out of bounds, or the whole is longer than its parts may be together; `out` is
    /// as it was.
    fn encode_body(&self, out: &mut Vec<u8>) -> Result<(), BodyError> {
        self.check()?;
        let start = out.len();
        let written = self.write_to_stream(&mut *out);
        let checked = written.map_err(|error| unreadable(Self::KIND, &error));
        let checked = checked.and_then(|()| check_long(Self::KIND, out.len() - start));
        if checked.is_err() {
            out.truncate(start);
        }
        checked
    }

    /// Reads the body of a frame.
    ///
    /// # Errors
    /// The frame is of another kind or compressed, or its body is not one.
    fn decode(frame: &Frame<'a>) -> Result<Self, BodyError> {
        if frame.kind != Self::KIND {
            return Err(BodyError::OtherKind { expected: Self::KIND, found: frame.kind });
        }
        if frame.is_compressed {
            return Err(BodyError::Compressed { kind: frame.kind });
        }
        Self::decode_body(frame.body)
    }

    /// Reads a body that was compressed, or that came in parts.
    ///
    /// # Errors
    /// The bytes are not such a body.
    fn decode_body(bytes: &'a [u8]) -> Result<Self, BodyError> {
        check_long(Self::KIND, bytes.len())?;
        if bytes.len() < Self::minimum_bytes_needed() {
            return Err(BodyError::EndsEarly { kind: Self::KIND });
        }
        let (body, read) = Self::read_with_length_from_buffer(bytes);
        let body = body.map_err(|error| unreadable(Self::KIND, &error))?;
        if read != bytes.len() {
            let bytes = bytes.len() - read;
            return Err(BodyError::TooManyBytes { kind: Self::KIND, bytes });
        }
        body.check()?;
        Ok(body)
    }
}

/// Whether a body of `bytes` is one that can be sent at all, in a frame or in parts.
fn check_long(kind: Kind, bytes: usize) -> Result<(), BodyError> {
    let bytes_max = kind.long_bytes_max();
    if bytes > bytes_max as usize {
        return Err(BodyError::TooLong { kind, bytes, bytes_max });
    }
    Ok(())
}

/// Refuses a field that is larger than it may be.
pub(super) fn within(
    kind: Kind,
    field: &'static str,
    value: usize,
    value_max: usize,
) -> Result<(), BodyError> {
    if value > value_max {
        let (value, value_max) = (value as u64, value_max as u64);
        return Err(BodyError::OutOfBounds { kind, field, value, value_max });
    }
    Ok(())
}

#[cold]
fn unreadable(kind: Kind, error: &speedy::Error) -> BodyError {
    if error.is_eof() { BodyError::EndsEarly { kind } } else { BodyError::UnknownValue { kind } }
}
