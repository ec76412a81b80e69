//! The arguments of a command: each a `$` line with a length, that many bytes, and CRLF.

use super::length::{Length, length};
use super::{ProtocolError, Span};
use crate::limits::{ARGUMENT_BYTES_MIN, BULK_BYTES_MAX, Limits};

/// Where the arguments end, or where they stopped.
pub(super) enum Bulks {
    Whole { end: usize },
    Partial { position: usize, scanned: usize, missing: u32, bytes_min: usize },
}

/// Reads `missing` arguments from `position` on and appends their spans.
#[inline]
pub(super) fn bulks(
    input: &[u8],
    mut position: usize,
    mut scanned: usize,
    mut missing: u32,
    limits: &Limits,
    spans: &mut Vec<Span>,
) -> Result<Bulks, ProtocolError> {
    while missing > 0 {
        // Lengths below a thousand are nearly all there are; they need no loop.
        let (value, start) = match input.get(position..).unwrap_or_default() {
            [b'$', a @ b'0'..=b'9', b'\r', b'\n', ..] => (digit(*a), position + 4),
            [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', b'\n', ..] => {
                (digit(*a) * 10 + digit(*b), position + 5)
            }
            [b'$', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', b'\n', ..] => {
                (digit(*a) * 100 + digit(*b) * 10 + digit(*c), position + 6)
            }
            rest => match bulk_length(input, rest, position, scanned, limits)? {
                Ok(found) => found,
                Err(scanned) => {
                    let bytes_min = position + missing as usize * ARGUMENT_BYTES_MIN;
                    let bytes_min = bytes_min.max(input.len() + 1);
                    return Ok(Bulks::Partial { position, scanned, missing, bytes_min });
                }
            },
        };
        if value > limits.bulk_bytes_max {
            return Err(bulk_error(value, limits));
        }
        // Both fit far below 2^64: the length was an `i64`, the offset lies within the input.
        let end = start as u64 + value;
        let (Ok(start), Ok(end)) = (u32::try_from(start), u32::try_from(end)) else {
            return Err(ProtocolError::TooBigRequest);
        };
        if end > limits.command_bytes_max {
            return Err(ProtocolError::TooBigRequest);
        }
        let line_end = end as usize;
        match input.get(line_end..) {
            Some([b'\r', b'\n', ..]) => {}
            None | Some([] | [b'\r']) => {
                let bytes_min = line_end + 2 + (missing as usize - 1) * ARGUMENT_BYTES_MIN;
                return Ok(Bulks::Partial { position, scanned: 0, missing, bytes_min });
            }
            Some(_) => return Err(ProtocolError::MissingLineEnd),
        }
        spans.push(Span { start, end });
        position = line_end + 2;
        scanned = 0;
        missing -= 1;
    }
    Ok(Bulks::Whole { end: position })
}

/// Reads any `$` line: its value and where it ends, or up to where its end was searched.
#[cold]
fn bulk_length(
    input: &[u8],
    rest: &[u8],
    position: usize,
    scanned: usize,
    limits: &Limits,
) -> Result<Result<(u64, usize), usize>, ProtocolError> {
    match rest {
        [] => return Ok(Err(0)),
        [b'$', ..] => {}
        [got, ..] => return Err(ProtocolError::ExpectedDollar { got: *got }),
    }
    match length(input, position + 1, scanned, limits) {
        Length::Value { value, end } => match u64::try_from(value) {
            Ok(value) => Ok(Ok((value, end))),
            Err(_) => Err(ProtocolError::InvalidBulkLength),
        },
        Length::Incomplete { scanned } => Ok(Err(scanned)),
        Length::Malformed => Err(ProtocolError::InvalidBulkLength),
        Length::TooLong => Err(ProtocolError::TooBigBulkCount),
    }
}

#[inline]
fn digit(byte: u8) -> u64 {
    u64::from(byte - b'0')
}

#[cold]
fn bulk_error(length: u64, limits: &Limits) -> ProtocolError {
    if limits.authenticated || length > BULK_BYTES_MAX {
        ProtocolError::InvalidBulkLength
    } else {
        ProtocolError::UnauthenticatedBulkLength
    }
}
