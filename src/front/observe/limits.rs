//! Owns the numbers that bound what is told to those who watch.

/// Bytes of the lines that a core has in one turn for those who watch.
pub(super) const SHOWN_BYTES_MAX: usize = 4 << 20;
/// Bytes of one line, and of one word of it, about; what is escaped takes up to four times as much.
pub(super) const SHOWN_LINE_BYTES_MAX: usize = 256 << 10;
pub(super) const SHOWN_WORD_BYTES_MAX: usize = 64 << 10;
/// Unsent lines of a client that watches; one with more is closed.
pub(crate) const WATCHER_BYTES_MAX: usize = 32 << 20;
