//! Owns the numbers that bound what of the log waits for standard error.

use std::time::Duration;

/// Lines that wait, and their bytes; what comes beyond is dropped and counted.
pub(super) const LINES_MAX: usize = 4_096;
pub(super) const WAITING_BYTES_MAX: usize = 1 << 20;
/// Bytes of one line; the rest of a longer one is left out.
pub(super) const LINE_BYTES_MAX: usize = 16 << 10;
/// How long the end of the process waits for the last lines to be read.
pub(super) const FLUSH_MAX: Duration = Duration::from_secs(1);
/// How often the log says that lines were dropped, while more and more are.
pub(super) const TELL_DROPPED_EVERY: Duration = Duration::from_secs(1);
/// The pause before a standard error that takes nothing just now is tried again.
pub(super) const AGAIN: Duration = Duration::from_millis(5);

const _: () = assert!(LINE_BYTES_MAX < WAITING_BYTES_MAX, "a longest line has room");
