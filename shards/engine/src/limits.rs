//! Owns the limits of one core's machine.

/// One part in this many of a segment is written of a long string in one turn: half a mebibyte of the largest.
pub(crate) const STAGED_PART_OF_SEGMENT: usize = 128;
/// Shorter values of a command with many are written when it runs.
pub(crate) const STAGED_VALUE_BYTES_MIN: usize = 4 << 10;
/// Time after which a long string whose command does not come again is dropped.
pub(crate) const STAGED_PATIENCE_MS: u64 = 2_000;
/// Commands of more words are worked in slices of so many keys and bytes a turn, about; the bytes are no fewer where segments are small.
pub(crate) const SLICED_ARGUMENTS: usize = 2 * SLICE_KEYS;
pub(crate) const SLICE_KEYS: usize = 1024;
pub(crate) const SLICED_BYTES_MIN: usize = 16 << 10;
/// Keys whose places in the index and in the log are asked for together.
pub(crate) const SLICE_AHEAD: usize = 16;
/// Keys that one command evicts to make room for what it writes, at most.
pub(crate) const EVICTIONS_A_COMMAND: usize = 64;
/// Keys that a turn evicts beyond [`EVICTIONS_FREE`] a command. At about a microsecond each, this bounds what is added to a turn.
pub(crate) const EVICTIONS_A_TURN: usize = 512;
/// Keys that every command may evict, whatever the turn has done: in the long run a key comes for a key that goes.
pub(crate) const EVICTIONS_FREE: usize = 2;
/// Keys that a tick evicts when memory is short.
pub(crate) const EVICTIONS_A_TICK: usize = 512;
/// A write goes on while evictions lag behind by less than one part in this many of the limit.
pub(crate) const MEMORY_LAG_PART: u64 = 64;
