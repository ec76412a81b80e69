//! Owns the way back: a compressed body as it was, bounded however little it is made of.

use std::io::Read;

/// Bytes that are read at once, at most.
const READ_BYTES: usize = 64 << 10;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unpacking {
    /// The bytes are not what the compressor makes.
    Damaged,
    /// They stand for more than there may be.
    TooLong {
        /// Bytes that there may be.
        bytes_max: usize,
    },
}

impl std::fmt::Display for Unpacking {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged => formatter.write_str("a compressed frame does not unpack"),
            Self::TooLong { bytes_max } => {
                write!(formatter, "a compressed frame unpacks to more than {bytes_max} bytes")
            }
        }
    }
}

/// What `packed` stands for. Not more than `bytes_max` and one buffer are held, whatever it says.
///
/// Errors: [`Unpacking`].
pub(crate) fn unpack(packed: &[u8], bytes_max: usize) -> Result<Vec<u8>, Unpacking> {
    let reader = brotli::Decompressor::new(packed, READ_BYTES.min(packed.len().max(1)));
    let mut plain = Vec::new();
    let read = reader.take(bytes_max as u64 + 1).read_to_end(&mut plain);
    if plain.len() > bytes_max {
        return Err(Unpacking::TooLong { bytes_max });
    }
    read.map_err(|_| Unpacking::Damaged)?;
    Ok(plain)
}
