//! Owns the limits of the log and the index.

/// Segment size when nothing else is configured.
pub(crate) const SEGMENT_BYTES_MIN: usize = 64 << 10;
/// Largest segment: offsets and positions in it fit 26 bits.
pub(crate) const SEGMENT_BYTES_MAX: usize = 64 << 20;
/// Most segments of one core: what a 40-bit location of 4-byte units can name.
pub(crate) const SEGMENTS_MAX: usize = 1 << 16;
/// Free segments that are kept filled and ready; more are given back.
pub(crate) const READY_SEGMENTS_MAX: usize = 4;
/// Longest record body that one segment takes, as a part of the segment: a value above it becomes a chain.
pub(crate) const RECORD_PART_OF_SEGMENT: usize = 8;
/// Deepest directory of one index: 2^20 segments, 300 million keys in a partition.
pub(crate) const DEPTH_MAX: u8 = 20;
/// Records that recovery looks ahead, so that their buckets are in the cache when they are indexed.
pub(crate) const REPLAY_AHEAD: usize = 48;
