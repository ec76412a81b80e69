//! Owns the numbers that bound what one core remembers of its readers.

/// Keys that are remembered, and about what they and their readers take; beyond that the oldest is said to have changed.
pub(super) const TRACKED_KEYS_MAX: usize = 1_000_000;
pub(super) const TRACKED_BYTES_MAX: usize = 256 << 20;
/// What a key and a reader of it take beside the key's bytes, roughly.
pub(super) const KEY_SLACK_BYTES: usize = 128;
pub(super) const READER_BYTES: usize = 16;
/// Changes that a core is told of in one turn; beyond them, and while it takes no mail, it is told that all keys have changed.
pub(super) const INVALID_MAX: usize = 65_536;
/// Flushes of all cores whose end is awaited; beyond them everything is said to have changed.
pub(super) const FLUSHES_MAX: usize = 1_024;
/// Prefixes of one client.
pub(super) const PREFIXES_MAX: usize = 4_096;
