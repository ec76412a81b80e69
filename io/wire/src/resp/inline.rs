//! Inline commands: one line, arguments apart by white space, with quotes.
//!
//! Double quotes know `\n \r \t \b \a \xHH` and take any other escaped byte as it is; single
//! quotes know only `\'`. A quote may open within a word and must be followed by white space.

use super::{ProtocolError, Span};

/// Splits a line without its end. Returns the bytes that `spans` point into when the line had
/// quotes, or `None` when they point into `line` itself.
///
/// `line` must be shorter than `u32::MAX`; the caller's limit on inline commands sees to it.
pub(super) fn split(line: &[u8], spans: &mut Vec<Span>) -> Result<Option<Vec<u8>>, ProtocolError> {
    if line.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
        return split_quoted(line, spans).map(Some);
    }
    let mut word_start = None;
    for (index, byte) in line.iter().enumerate() {
        match (is_space(*byte), word_start) {
            (true, Some(start)) => {
                spans.push(span(start, index)?);
                word_start = None;
            }
            (false, None) => word_start = Some(index),
            _ => {}
        }
    }
    if let Some(start) = word_start {
        spans.push(span(start, line.len())?);
    }
    Ok(None)
}

fn split_quoted(line: &[u8], spans: &mut Vec<Span>) -> Result<Vec<u8>, ProtocolError> {
    let mut words = Vec::with_capacity(line.len());
    let mut rest = line;
    loop {
        while let [byte, tail @ ..] = rest
            && is_space(*byte)
        {
            rest = tail;
        }
        if rest.is_empty() {
            return Ok(words);
        }
        let start = words.len();
        rest = word(rest, &mut words)?;
        spans.push(span(start, words.len())?);
    }
}

/// Takes one word off the front of `rest`; gives what follows it.
fn word<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        rest = match rest {
            [] => return Ok(rest),
            [byte, ..] if is_space(*byte) => return Ok(rest),
            [b'"', tail @ ..] => return after_quote(double_quoted(tail, words)?),
            [b'\'', tail @ ..] => return after_quote(single_quoted(tail, words)?),
            [byte, tail @ ..] => {
                words.push(*byte);
                tail
            }
        };
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, tail) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'"', tail @ ..] => return Ok(tail),
            [b'\\', b'x', high, low, tail @ ..]
                if let (Some(high), Some(low)) = (nibble(*high), nibble(*low)) =>
            {
                (high << 4 | low, tail)
            }
            [b'\\', escaped, tail @ ..] => (unescape(*escaped), tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        words.push(byte);
        rest = tail;
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], words: &mut Vec<u8>) -> Result<&'a [u8], ProtocolError> {
    loop {
        let (byte, tail) = match rest {
            [] => return Err(ProtocolError::UnbalancedQuotes),
            [b'\'', tail @ ..] => return Ok(tail),
            [b'\\', b'\'', tail @ ..] => (b'\'', tail),
            [byte, tail @ ..] => (*byte, tail),
        };
        words.push(byte);
        rest = tail;
    }
}

fn after_quote(rest: &[u8]) -> Result<&[u8], ProtocolError> {
    match rest {
        [byte, ..] if !is_space(*byte) => Err(ProtocolError::UnbalancedQuotes),
        _ => Ok(rest),
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// White space as C's `isspace` has it, vertical tab included.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn span(start: usize, end: usize) -> Result<Span, ProtocolError> {
    match (u32::try_from(start), u32::try_from(end)) {
        (Ok(start), Ok(end)) => Ok(Span { start, end }),
        _ => Err(ProtocolError::TooBigInlineRequest),
    }
}
