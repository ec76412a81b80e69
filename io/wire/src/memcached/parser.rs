//! Owns the way from bytes to requests: a line of words, and for some a value behind it.

use crate::Span;
use crate::limits::{MEMCACHED_KEY_BYTES_MAX, MEMCACHED_LINE_BYTES_MAX};

/// What stands at the front of the bytes that have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A request; its words are in the list of spans, at least one.
    Request {
        /// Bytes that it takes.
        consumed: usize,
        /// The value, of a request that brings one.
        value: Option<Span>,
    },
    /// The request is not whole.
    Incomplete {
        /// Bytes with which another try makes sense.
        bytes_min: usize,
    },
    /// No request: this line answers it. Others may follow.
    Bad {
        /// Bytes to be dropped, which may not all have come.
        consumed: usize,
        /// The answer, without the line end.
        answer: &'static str,
        /// The client wants no answer.
        is_silent: bool,
    },
    /// No request, and nobody knows where the next begins: this line is the last answer.
    Broken {
        /// The answer, without the line end.
        answer: &'static str,
    },
}

const ERROR: &str = "ERROR";
const BAD_LINE: &str = "CLIENT_ERROR bad command line format";
const BAD_CHUNK: &str = "CLIENT_ERROR bad data chunk";
const TOO_LARGE: &str = "SERVER_ERROR object too large for cache";

/// Reads the request at the front of `input`. `words` are spans into `input`, replaced by each call.
pub fn parse(input: &[u8], value_bytes_max: usize, words: &mut Vec<Span>) -> Parsed {
    words.clear();
    // The line end may be two bytes.
    let within = input.get(..MEMCACHED_LINE_BYTES_MAX + 2).unwrap_or(input);
    let Some(end) = within.iter().position(|&byte| byte == b'\n') else {
        if within.len() > MEMCACHED_LINE_BYTES_MAX + 1 {
            return Parsed::Broken { answer: "CLIENT_ERROR line too long" };
        }
        return Parsed::Incomplete { bytes_min: input.len() + 1 };
    };
    let line = within.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    split(line, words);
    let behind_line = end + 1;
    let word = |at: usize| words.get(at).map_or(&[][..], |span: &Span| span.of(input));
    let value = match word(0) {
        b"" => return Parsed::Bad { consumed: behind_line, answer: ERROR, is_silent: false },
        b"set" | b"add" | b"replace" | b"append" | b"prepend" => {
            value_of_store(5, words.len(), &word)
        }
        b"cas" => value_of_store(6, words.len(), &word),
        b"ms" => match parse_length(word(2)) {
            Some(length) => Ok(length),
            None => Err(BAD_LINE),
        },
        _ => return Parsed::Request { consumed: behind_line, value: None },
    };
    let is_silent = word(0) != b"ms" && word(words.len().saturating_sub(1)) == b"noreply";
    let bad = |consumed, answer| Parsed::Bad { consumed, answer, is_silent };
    let length = match value {
        Ok(length) => length,
        Err(answer) => return bad(behind_line, answer),
    };
    let value_end = behind_line + length;
    let consumed = value_end + 2;
    if length > value_bytes_max {
        return bad(consumed, TOO_LARGE);
    }
    if word(1).len() > MEMCACHED_KEY_BYTES_MAX {
        return bad(consumed, BAD_LINE);
    }
    let Some(ending) = input.get(value_end..consumed) else {
        return Parsed::Incomplete { bytes_min: consumed };
    };
    if ending != b"\r\n" {
        return bad(consumed, BAD_CHUNK);
    }
    let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let value = Some(Span { start: position(behind_line), end: position(value_end) });
    Parsed::Request { consumed, value }
}

fn split(line: &[u8], words: &mut Vec<Span>) {
    let mut start = 0;
    for word in line.split(|&byte| byte == b' ') {
        let end = start + word.len();
        if !word.is_empty() {
            let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            words.push(Span { start: position(start), end: position(end) });
        }
        start = end + 1;
    }
}

/// The length of the value of a line of `count` words, and one more for `noreply`: the fifth. Flags and time are checked before the value
/// is read.
fn value_of_store<'a>(
    least: usize,
    count: usize,
    word: &impl Fn(usize) -> &'a [u8],
) -> Result<usize, &'static str> {
    if count != least && count != least + 1 {
        return Err(ERROR);
    }
    let has_flags = number::<u32>(word(2)).is_some();
    let has_time = number::<i64>(word(3)).is_some();
    let has_cas = least < 6 || number::<u64>(word(5)).is_some();
    let length = parse_length(word(4)).filter(|_| has_flags && has_time && has_cas);
    length.ok_or(BAD_LINE)
}

fn parse_length(word: &[u8]) -> Option<usize> {
    let length = number::<u32>(word)?;
    // Room is left for what stands before and behind.
    usize::try_from(length).ok().filter(|_| length <= u32::MAX / 2)
}

fn number<N: std::str::FromStr>(word: &[u8]) -> Option<N> {
    std::str::from_utf8(word).ok()?.parse().ok()
}
