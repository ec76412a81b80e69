//! Owns the limits of an import.

use std::time::Duration;

/// Keys that SCAN is asked for at once.
pub(super) const SCAN_COUNT: usize = 512;
/// Keys whose values are on their way at once, in either direction.
pub(super) const WINDOW_KEYS: usize = 64;
/// How long either side may take for an answer, and for a connection.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two words about how far it has come.
pub(super) const PROGRESS: Duration = Duration::from_secs(2);
/// Keys that are named of those that were refused or that differ.
pub(super) const NAMED_MAX: usize = 10;
/// Bytes that are read at once, and bytes of a state file.
pub(super) const READ_BYTES: usize = 256 << 10;
pub(super) const STATE_BYTES_MAX: u64 = 64 << 10;
/// Bytes that a packed key of a dump file may unpack to.
pub(super) const FILE_STRING_BYTES_MAX: usize = 64 << 20;
