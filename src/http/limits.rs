//! Owns the numbers that bound the HTTP side.

/// The request line and the headers, in bytes.
pub(crate) const HEAD_BYTES_MAX: usize = 16 << 10;
/// The body of a request, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 20;
/// Connections at the same time, and requests under way.
pub(crate) const HTTP_CONNECTIONS_MAX: usize = 64;
/// The time from the accept to the end of the headers, in seconds.
pub(crate) const HEADER_DEADLINE_S: u64 = 10;
/// The time from the end of the headers to the end of the body, in seconds.
pub(crate) const BODY_DEADLINE_S: u64 = 30;
/// The time from the whole request to the whole answer, in seconds.
pub(crate) const ANSWER_DEADLINE_S: u64 = 30;
/// The longest answer, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Threads that answer requests; changes of the config have one of their own.
pub(crate) const HANDLERS: usize = 4;
/// Changes of the config that may wait.
pub(crate) const CHANGES_WAITING_MAX: usize = 64;
/// The stack of each thread here, in bytes.
pub(crate) const STACK_BYTES: usize = 512 << 10;
