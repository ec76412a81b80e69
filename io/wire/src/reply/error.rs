//! What a server can get wrong on the wire.

/// Why the bytes are not a reply. The connection cannot be used further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// The first byte of a reply names no type.
    #[error("reply starts with the unknown type byte '{}' at offset {offset}", .got.escape_ascii())]
    UnknownType {
        /// The byte that was found.
        got: u8,
        /// Its offset from the start of the reply.
        offset: usize,
    },
    /// A length, a number or a line is not well formed; streamed lengths (`$?`) are refused too.
    #[error("reply is malformed at offset {offset}")]
    Malformed {
        /// Offset from the start of the reply.
        offset: usize,
    },
    /// The reply is larger, longer or deeper than the client side accepts.
    #[error("reply passes the limit of {limit} {what}")]
    TooBig {
        /// What the limit counts.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
}
