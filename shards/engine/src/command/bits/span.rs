//! Owns the part of a string that BITCOUNT and BITPOS mean: whole bytes, and bits of the first and the last that do not count.

use super::super::context::is_word;
use super::super::error::CommandError;
use hyperion_model::number::parse_integer;

/// What the words say.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits {
    /// First byte or bit, from the back when negative.
    pub(super) start: i64,
    /// Last byte or bit, from the back when negative; the last one of the string where nothing is said.
    pub(super) end: Option<i64>,
    /// They are bits.
    in_bits: bool,
}

/// A part of a string, which is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First byte, and the byte behind the last.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Bits of the first and of the last byte that lie outside.
    pub(super) first_outside: u8,
    pub(super) last_outside: u8,
}

impl Limits {
    /// Reads `[start [end [BYTE | BIT]]]`; BITCOUNT wants an end where there is a start. A wrong word counts first as in Redis: the start, then
    /// the unit when it is asked of BITPOS, then the end.
    pub(super) fn parse(words: &[&[u8]], unit_first: bool) -> Result<Self, CommandError> {
        let number = |word: &[u8]| parse_integer(word).ok_or(CommandError::NotInteger);
        let unit = |word: &[u8]| match word {
            _ if is_word(word, "bit") => Ok(true),
            _ if is_word(word, "byte") => Ok(false),
            _ => Err(CommandError::Syntax),
        };
        match *words {
            [] => Ok(Self::default()),
            [start] => Ok(Self { start: number(start)?, ..Self::default() }),
            [start, end] => {
                Ok(Self { start: number(start)?, end: Some(number(end)?), in_bits: false })
            }
            [start, end, word] if unit_first => {
                let (start, in_bits) = (number(start)?, unit(word)?);
                Ok(Self { start, end: Some(number(end)?), in_bits })
            }
            [start, end, word] => {
                let (start, end) = (number(start)?, Some(number(end)?));
                Ok(Self { start, end, in_bits: unit(word)? })
            }
            _ => Err(CommandError::Syntax),
        }
    }

    /// Whether it begins behind its end when both count from the back: nothing for BITCOUNT, however short the string.
    pub(super) fn is_backward(self) -> bool {
        let end = self.end.unwrap_or(-1);
        self.start < 0 && end < 0 && self.start > end
    }

    /// The part of a string of `bytes` bytes; `None` when it is empty.
    pub(super) fn span(self, bytes: usize) -> Option<Span> {
        let total = i64::try_from(bytes).expect("strings are shorter than i64::MAX bits");
        let total = if self.in_bits { total.checked_mul(8)? } else { total };
        let from_front = |at: i64| if at < 0 { at.saturating_add(total).max(0) } else { at };
        let end = self.end.unwrap_or(-1);
        let (start, end) = (from_front(self.start), from_front(end).min(total - 1));
        if start > end {
            return None;
        }
        let unsigned = |at: i64| usize::try_from(at).expect("it lies within the string");
        let (start, end) = (unsigned(start), unsigned(end));
        if !self.in_bits {
            return Some(Span { start, end: end + 1, first_outside: 0, last_outside: 0 });
        }
        Some(Span {
            start: start >> 3,
            end: (end >> 3) + 1,
            first_outside: !(0xff >> (start & 7)),
            last_outside: 0x7f >> (end & 7),
        })
    }
}
