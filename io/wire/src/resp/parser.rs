//! The command parser: finds where the arguments of one command lie, and goes on where it
//! stopped when a command arrives in pieces.

use super::arguments::{Bulks, bulks};
use super::length::{Length, find, length};
use super::{ProtocolError, inline};
use crate::limits::{ARGUMENTS_MAX, Limits};

/// Where one argument lies, in bytes from the start of the command; `end` is past its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset past the last byte.
    pub end: u32,
}

impl Span {
    /// The argument's bytes. `input` is what the spans were made from; empty when it is not.
    #[inline]
    #[must_use]
    pub fn of(self, input: &[u8]) -> &[u8] {
        input.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// What [`Parser::parse`] found at the start of its input.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A command. Its argument spans point into the input.
    Command {
        /// Bytes of the input that it takes.
        consumed: usize,
    },
    /// An inline command with quotes. Its argument spans point into `bytes`, not into the input.
    Unquoted {
        /// Bytes of the input that it takes.
        consumed: usize,
        /// The arguments without quotes and escapes, one after the other.
        bytes: Vec<u8>,
    },
    /// An empty line, or a command of no arguments: nothing to answer.
    Nothing {
        /// Bytes of the input that it takes.
        consumed: usize,
    },
    /// The command is not there whole.
    Incomplete {
        /// Length of the input below which another try is in vain. The sender's claim, within the
        /// limits: a hint when to call again, not a size to allocate ahead of the bytes.
        bytes_min: usize,
    },
}

/// The state of one connection's command stream: idle, or inside a command that is not there
/// whole. Idle it owns no memory.
#[derive(Debug, Default)]
pub struct Parser {
    /// The arguments found so far of an incomplete command.
    spans: Vec<Span>,
    /// Start of the argument that is not there whole.
    position: usize,
    /// The line end searched for is not before this offset.
    scanned: usize,
    /// Arguments still to come; 0 while the command's first line is not there whole.
    missing: u32,
}

impl Parser {
    /// A parser at the start of a command.
    #[must_use]
    pub const fn new() -> Self {
        Self { spans: Vec::new(), position: 0, scanned: 0, missing: 0 }
    }

    /// Whether no command is half read.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.missing == 0 && self.scanned == 0
    }

    /// Bytes on the heap, held for a half-read command; at most four times what it sent so far.
    #[must_use]
    pub const fn held_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Span>()
    }

    /// Forgets a half-read command.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// Looks for one command at the start of `input` and leaves its argument spans in `arguments`
    /// (empty unless a command was found).
    ///
    /// After `Incomplete` the next call must pass the same bytes again with more behind them; it
    /// goes on where this one stopped, so that a command costs time in its length however it is
    /// cut. After anything else `input` starts `consumed` bytes further on.
    ///
    /// # Errors
    /// The bytes are not a command or pass a limit; the parser is idle again.
    #[inline]
    pub fn parse(
        &mut self,
        input: &[u8],
        limits: &Limits,
        arguments: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        arguments.clear();
        if self.missing != 0 {
            return self.resume(input, limits, arguments);
        }
        let [b'*', digit @ b'1'..=b'9', b'\r', b'\n', ..] = input else {
            return self.first_line(input, limits, arguments);
        };
        let count = u32::from(digit - b'0');
        if count > limits.arguments_max {
            return self.fail(count_error(i64::from(count), limits));
        }
        self.first_bulks(input, 4, count, limits, arguments)
    }

    /// Reads the arguments of a command whose first line has just been read.
    #[inline]
    fn first_bulks(
        &mut self,
        input: &[u8],
        position: usize,
        count: u32,
        limits: &Limits,
        arguments: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        match bulks(input, position, 0, count, limits, arguments) {
            Ok(Bulks::Whole { end }) => {
                self.scanned = 0;
                Ok(Parsed::Command { consumed: end })
            }
            Ok(Bulks::Partial { position, scanned, missing, bytes_min }) => {
                self.spans.extend_from_slice(arguments);
                arguments.clear();
                self.position = position;
                self.scanned = scanned;
                self.missing = missing;
                Ok(Parsed::Incomplete { bytes_min })
            }
            Err(error) => {
                arguments.clear();
                self.fail(error)
            }
        }
    }

    /// Goes on with a command whose first arguments are in `self.spans`.
    #[cold]
    fn resume(
        &mut self,
        input: &[u8],
        limits: &Limits,
        arguments: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        debug_assert!(input.len() >= self.position, "the input lost bytes of an open command");
        let (position, scanned, missing) = (self.position, self.scanned, self.missing);
        match bulks(input, position, scanned, missing, limits, &mut self.spans) {
            Ok(Bulks::Whole { end }) => {
                arguments.extend_from_slice(&self.spans);
                self.reset();
                Ok(Parsed::Command { consumed: end })
            }
            Ok(Bulks::Partial { position, scanned, missing, bytes_min }) => {
                self.position = position;
                self.scanned = scanned;
                self.missing = missing;
                Ok(Parsed::Incomplete { bytes_min })
            }
            Err(error) => self.fail(error),
        }
    }

    /// Reads any first line: a count of any size, an inline command, or a part of either.
    #[cold]
    fn first_line(
        &mut self,
        input: &[u8],
        limits: &Limits,
        arguments: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        match input {
            [] => return Ok(Parsed::Incomplete { bytes_min: 1 }),
            [b'*', ..] => {}
            _ => return self.inline(input, limits, arguments),
        }
        let (value, end) = match length(input, 1, self.scanned, limits) {
            Length::Value { value, end } => (value, end),
            Length::Incomplete { scanned } => {
                self.scanned = scanned;
                return Ok(Parsed::Incomplete { bytes_min: input.len() + 1 });
            }
            Length::Malformed => return self.fail(ProtocolError::InvalidMultibulkLength),
            Length::TooLong => return self.fail(ProtocolError::TooBigMultibulkCount),
        };
        self.scanned = 0;
        if value <= 0 {
            return Ok(Parsed::Nothing { consumed: end });
        }
        match u32::try_from(value) {
            Ok(count) if count <= limits.arguments_max => {
                self.first_bulks(input, end, count, limits, arguments)
            }
            _ => self.fail(count_error(value, limits)),
        }
    }

    fn inline(
        &mut self,
        input: &[u8],
        limits: &Limits,
        arguments: &mut Vec<Span>,
    ) -> Result<Parsed, ProtocolError> {
        let length_max = limits.inline_bytes_max as usize;
        let Some(newline) = find(input, b'\n', self.scanned) else {
            if input.len() > length_max + 1 {
                return self.fail(ProtocolError::TooBigInlineRequest);
            }
            self.scanned = input.len();
            return Ok(Parsed::Incomplete { bytes_min: input.len() + 1 });
        };
        self.scanned = 0;
        let line = input.get(..newline).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > length_max {
            return self.fail(ProtocolError::TooBigInlineRequest);
        }
        let consumed = newline + 1;
        match inline::split(line, arguments) {
            Ok(_) if arguments.is_empty() => Ok(Parsed::Nothing { consumed }),
            Ok(None) => Ok(Parsed::Command { consumed }),
            Ok(Some(bytes)) => Ok(Parsed::Unquoted { consumed, bytes }),
            Err(error) => {
                arguments.clear();
                self.fail(error)
            }
        }
    }

    #[cold]
    fn fail(&mut self, error: ProtocolError) -> Result<Parsed, ProtocolError> {
        self.reset();
        Err(error)
    }
}

#[cold]
fn count_error(count: i64, limits: &Limits) -> ProtocolError {
    if limits.authenticated || count > i64::from(ARGUMENTS_MAX) {
        ProtocolError::InvalidMultibulkLength
    } else {
        ProtocolError::UnauthenticatedMultibulkLength
    }
}
