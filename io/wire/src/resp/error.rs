//! What a client can get wrong on the wire, in the words that clients already match on.

use std::fmt;

/// Why the bytes of a connection are not a command. The connection must be closed after the
/// error was sent: where the next command starts is unknown.
///
/// Each text is complete; an error reply puts `ERR ` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The count after `*` is not a canonical number, or more than the limit.
    #[error("Protocol error: invalid multibulk length")]
    InvalidMultibulkLength,
    /// The length after `$` is not a canonical number, negative, or more than the limit.
    #[error("Protocol error: invalid bulk length")]
    InvalidBulkLength,
    /// An argument does not start with `$`.
    #[error("Protocol error: expected '$', got '{}'", Shown(*.got))]
    ExpectedDollar {
        /// The byte that stands in its place.
        got: u8,
    },
    /// The bytes of an argument are not followed by CRLF, so its length was wrong.
    #[error("Protocol error: bulk argument is not followed by CRLF")]
    MissingLineEnd,
    /// The whole command is longer than [`crate::Limits::command_bytes_max`].
    #[error("Protocol error: too big request")]
    TooBigRequest,
    /// An inline command is longer than [`crate::Limits::inline_bytes_max`].
    #[error("Protocol error: too big inline request")]
    TooBigInlineRequest,
    /// The line after `*` does not end.
    #[error("Protocol error: too big mbulk count string")]
    TooBigMultibulkCount,
    /// The line after `$` does not end.
    #[error("Protocol error: too big bulk count string")]
    TooBigBulkCount,
    /// A quote of an inline command is open at its end, or text follows a closing quote.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// More arguments than a client may send before it authenticates.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnauthenticatedMultibulkLength,
    /// A longer argument than a client may send before it authenticates.
    #[error("Protocol error: unauthenticated bulk length")]
    UnauthenticatedBulkLength,
}

/// A byte as it is when it can be read, escaped when it cannot.
struct Shown(u8);

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == b' ' || self.0.is_ascii_graphic() {
            write!(formatter, "{}", char::from(self.0))
        } else {
            write!(formatter, "{}", self.0.escape_ascii())
        }
    }
}
