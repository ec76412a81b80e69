//! Owns the ids of entries: their order, their text, and what a client may write for one.

use super::error::StreamError;
use hyperion_model::number::parse_integer;

type Parsed<T> = Result<T, StreamError>;

/// Bytes of an id as a key.
pub(super) const ID_BYTES: usize = 16;
/// Two numbers of 20 digits and what is between them.
const TEXT_BYTES_MAX: usize = 41;
/// Longest text that may be an id.
const GIVEN_BYTES_MAX: usize = 127;

/// The id of an entry: a time, and a number among those of the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StreamId {
    /// Unix ms, as a rule.
    pub(super) ms: u64,
    pub(super) sequence: u64,
}

impl StreamId {
    /// Before all entries; no entry has it.
    pub(super) const ZERO: Self = Self { ms: 0, sequence: 0 };
    /// The last one there can be.
    pub(super) const MAX: Self = Self { ms: u64::MAX, sequence: u64::MAX };

    /// In the order of the ids.
    pub(super) fn key(self) -> [u8; ID_BYTES] {
        let number = u128::from(self.ms) << 64 | u128::from(self.sequence);
        number.to_be_bytes()
    }

    /// Reads the first bytes of a key.
    ///
    /// # Panics
    /// When there are fewer than [`ID_BYTES`].
    pub(super) fn from_key(key: &[u8]) -> Self {
        let (ms, rest) = key.split_first_chunk().expect("an id has sixteen bytes");
        let sequence = rest.first_chunk().expect("an id has sixteen bytes");
        Self { ms: u64::from_be_bytes(*ms), sequence: u64::from_be_bytes(*sequence) }
    }

    pub(super) fn next(self) -> Option<Self> {
        match self.sequence.checked_add(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => Some(Self { ms: self.ms.checked_add(1)?, sequence: 0 }),
        }
    }

    pub(super) fn previous(self) -> Option<Self> {
        match self.sequence.checked_sub(1) {
            Some(sequence) => Some(Self { sequence, ..self }),
            None => Some(Self { ms: self.ms.checked_sub(1)?, sequence: u64::MAX }),
        }
    }

    /// As clients read it.
    pub(super) fn text(self) -> IdText {
        let mut text = IdText { bytes: [0; TEXT_BYTES_MAX], begin: TEXT_BYTES_MAX };
        text.push_number(self.sequence);
        text.push(b'-');
        text.push_number(self.ms);
        text
    }
}

/// An id as text.
pub(super) struct IdText {
    bytes: [u8; TEXT_BYTES_MAX],
    begin: usize,
}

impl IdText {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }

    fn push(&mut self, byte: u8) {
        self.begin -= 1;
        self.bytes[self.begin] = byte;
    }

    fn push_number(&mut self, mut number: u64) {
        loop {
            self.push(b'0' + u8::try_from(number % 10).expect("a digit"));
            number /= 10;
            if number == 0 {
                break;
            }
        }
    }
}

/// The id of an entry that is to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewId {
    /// `*`: the time, or the next one.
    Next,
    /// `ms-*`: the next one of that time.
    NextOf(u64),
    /// As it is.
    Given(StreamId),
}

impl NewId {
    pub(super) fn parse(word: &[u8]) -> Parsed<Self> {
        if word == b"*" {
            return Ok(Self::Next);
        }
        if matches!(word, b"-" | b"+") {
            return Err(StreamError::InvalidId);
        }
        let text = checked(word)?;
        match split(text) {
            (ms, Some(b"*")) => Ok(Self::NextOf(unsigned(ms)?)),
            _ => Ok(Self::Given(parse_text(text, 0)?)),
        }
    }
}

/// An id of which the part behind the dash may lack; `-` and `+` are none.
pub(super) fn parse_strict(word: &[u8], missing_sequence: u64) -> Parsed<StreamId> {
    if matches!(word, b"-" | b"+") {
        return Err(StreamError::InvalidId);
    }
    parse_text(checked(word)?, missing_sequence)
}

/// As [`parse_strict`]; `-` is the first and `+` the last one there can be.
pub(super) fn parse_any(word: &[u8], missing_sequence: u64) -> Parsed<StreamId> {
    match word {
        b"-" => Ok(StreamId::ZERO),
        b"+" => Ok(StreamId::MAX),
        _ => parse_text(checked(word)?, missing_sequence),
    }
}

/// The first id of a range; behind `(` comes one that is outside.
pub(super) fn parse_start(word: &[u8]) -> Parsed<StreamId> {
    match word {
        [b'(', rest @ ..] if !rest.is_empty() => parse_strict(rest, 0)?
            .next()
            .ok_or(StreamError::Said("invalid start ID for the interval")),
        _ => parse_any(word, 0),
    }
}

/// The last id of a range; behind `(` comes one that is outside.
pub(super) fn parse_end(word: &[u8]) -> Parsed<StreamId> {
    match word {
        [b'(', rest @ ..] if !rest.is_empty() => parse_strict(rest, u64::MAX)?
            .previous()
            .ok_or(StreamError::Said("invalid end ID for the interval")),
        _ => parse_any(word, u64::MAX),
    }
}

/// What counts of a word: it ends at a zero.
fn checked(word: &[u8]) -> Parsed<&[u8]> {
    if word.len() > GIVEN_BYTES_MAX {
        return Err(StreamError::InvalidId);
    }
    Ok(word.split(|&byte| byte == 0).next().unwrap_or_default())
}

fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|&byte| byte == b'-') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

fn parse_text(text: &[u8], missing_sequence: u64) -> Parsed<StreamId> {
    let (ms, sequence) = split(text);
    let ms = unsigned(ms)?;
    Ok(StreamId { ms, sequence: sequence.map_or(Ok(missing_sequence), unsigned)? })
}

/// A number as the C library reads it: blanks and a sign before it and leading zeros are fine.
fn unsigned(text: &[u8]) -> Parsed<u64> {
    if let Some(number) = parse_integer(text) {
        return u64::try_from(number).map_err(|_| StreamError::InvalidId);
    }
    let text = text.trim_ascii_start();
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if digits.is_empty() {
        return Err(StreamError::InvalidId);
    }
    let number = digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    let number = number.ok_or(StreamError::InvalidId)?;
    Ok(if is_negative { number.wrapping_neg() } else { number })
}
