//! Length lines of any form: a number ended by CRLF, or the part of one that has come.

use crate::limits::Limits;
use crate::number::parse_i64;

/// What a length line holds.
pub(super) enum Length {
    Value { value: i64, end: usize },
    Incomplete { scanned: usize },
    Malformed,
    TooLong,
}

/// Reads a number that starts at `start` and is ended by CRLF.
pub(super) fn length(input: &[u8], start: usize, scanned: usize, limits: &Limits) -> Length {
    let length_max = limits.inline_bytes_max as usize;
    let Some(end) = find(input, b'\r', start.max(scanned)) else {
        return if input.len() - start > length_max {
            Length::TooLong
        } else {
            Length::Incomplete { scanned: input.len() }
        };
    };
    if end - start > length_max {
        return Length::TooLong;
    }
    match input.get(end + 1) {
        None => Length::Incomplete { scanned: end },
        Some(b'\n') => match input.get(start..end).and_then(parse_i64) {
            Some(value) => Length::Value { value, end: end + 2 },
            None => Length::Malformed,
        },
        Some(_) => Length::Malformed,
    }
}

pub(super) fn find(input: &[u8], wanted: u8, from: usize) -> Option<usize> {
    let rest = input.get(from..)?;
    rest.iter().position(|&byte| byte == wanted).map(|index| from + index)
}
