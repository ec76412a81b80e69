//! Owns the limits of the log and the index.

/// Segment size when nothing else is configured.
pub(crate) const SEGMENT_BYTES_MIN: usize = 64 << 10;
/// Largest segment: offsets and positions in it fit 26 bits.
pub(crate) const SEGMENT_BYTES_MAX: usize = 64 << 20;
/// Most segments of one core: what a 40-bit location of 4-byte units can name.
pub(crate) const SEGMENTS_MAX: usize = 1 << 16;
/// Free segments that are kept filled and ready; more are given back.
pub(crate) const READY_SEGMENTS_MAX: usize = 4;
/// The cleaner keeps this much of what is held live, in thousandths, on average: it swings by one percent either way.
pub(crate) const CLEANING_LIVE_PERMILLE: u64 = 864;
/// Where less than this of it is live because the disk is late with what was emptied, writers wait for the disk.
pub(crate) const CLEANING_BEHIND_PERMILLE: u64 = 855;
/// And less than this: the cleaner waits too.
pub(crate) const CLEANING_LATE_PERMILLE: u64 = 852;
/// But no less of the memory free than one part in the first number, and no more than one in the second. And the least number of segments.
pub(crate) const CLEANING_SPARE_PART_MIN: u64 = 20;
pub(crate) const CLEANING_SPARE_PART_MAX: usize = 9;
/// Emptied segments that wait for the disk are made up for, up to one part in this many of the memory.
pub(crate) const CLEANING_WAITING_PART_MAX: u64 = 20;
/// The cleaner's pace changes over this part of the segments, and is at most so many times that of the writers.
pub(crate) const CLEANING_SPAN_PART: usize = 32;
pub(crate) const CLEANING_PACE_MAX: u64 = 4;
pub(crate) const CLEANING_SPARE_SEGMENTS_MIN: usize = 3;
/// Ready segments that only the cleaner may begin, when no more can be made.
pub(crate) const CLEANER_RESERVE_SEGMENTS: usize = 2;
/// One part in this many of the segments that may be is what the cleaner gets beyond them, where what lies beside the log grew.
pub(crate) const OVER_LIMIT_PART: usize = 4;
/// With fewer segments the cleaner copies to the log itself; with fewer than the second, what expires lies among what does not.
pub(crate) const COPIES_SEGMENTS_MIN: usize = 8;
pub(crate) const COPIES_APART_SEGMENTS_MIN: usize = 12;
/// One part in this many of a segment is kept back for deletions when no more segments can be made. Each may take a block of the file.
pub(crate) const FULL_RESERVE_PART: usize = 4;
/// Bytes of segments that the cleaner looks through in a turn in which nothing was written.
pub(crate) const CLEANING_IDLE_BYTES: u64 = 16 << 10;
/// The same where writers rest.
pub(crate) const CLEANING_REST_BYTES: u64 = 64 << 10;
/// Dead bytes in so many segments are left alone while memory is plenty; beyond, half of what is held is live.
pub(crate) const SLACK_SEGMENTS: usize = 8;
/// Writers rest when in so long a time, ms, less was appended than one part in this many of a segment. Then no more than one part in the third
/// number of what is held is left dead.
pub(crate) const REST_MS: u64 = 2_000;
pub(crate) const REST_BYTES_PART: usize = 512;
pub(crate) const REST_DEAD_PART: u64 = 8;
/// Memory in which nothing lies that is given back in a tick while writers rest.
pub(crate) const GIVEN_BYTES_A_TICK: usize =
    if cfg!(test) { 4 * SEGMENT_BYTES_MIN } else { 16 << 20 };
/// The fewest segments of a core: one to write, two for the cleaner, two to clean.
pub(crate) const SEGMENTS_MIN: usize = 6;
/// Segments of a flushed index whose records are counted as dead in one slice.
pub(crate) const DETACHED_SEGMENTS_A_SLICE: usize = 4;
/// Cost of one slice of the cleaner, in about nanoseconds.
pub(crate) const SLICE_COST_MAX: u64 = 400_000;
/// And of a step of it that fills filters, after which it may end; one that looks at records is as many as are looked at together.
pub(crate) const STEP_COST_MAX: u64 = 16_000;
/// Cost of looking at a record, of copying one, and bytes copied for one unit more.
pub(crate) const COST_A_RECORD: u64 = 60;
pub(crate) const COST_A_COPY: u64 = 150;
pub(crate) const COPY_BYTES_PER_COST: u64 = 4;
/// Longest record body that one segment takes, as a part of the segment: a string above it lies in chunks.
pub(crate) const RECORD_PART_OF_SEGMENT: usize = 8;
/// Longest chunk of an object: with what goes before it in its record, the small form's length field holds it.
pub(crate) const OBJECT_CHUNK_BYTES_MAX: usize = 65_520;
/// Most chunks of an object.
pub(crate) const OBJECT_CHUNKS_MAX: usize = 1 << 20;
/// What the amendments of one entry write when they are applied, at most, as a part of a batch; from which part on values are written whole;
/// and what entries write at most that are applied together, unless it is one.
pub(crate) const AMENDED_PART_OF_BATCH: usize = 2;
pub(crate) const WHOLE_PART_OF_BATCH: usize = 4;
pub(crate) const APPLIED_PART_OF_BATCH: usize = 8;
/// A chunk gets a new base when its deltas take more than its own length and this part of it more, and this at least: one that is filled entry by
/// entry, from where it was cut to where it is cut again, gets none in between.
pub(crate) const DELTA_BYTES_PART: usize = 2;
pub(crate) const DELTA_BYTES_MIN: usize = 1_536;
/// Bytes that a changed chunk grows by before its memory is another, at least, and as a part of its own.
pub(crate) const HOT_GROWS_BYTES: usize = 128;
pub(crate) const HOT_GROWS_PART: usize = 8;
/// That memory is a multiple of so much: the allocator gives as much anyway.
pub(crate) const HOT_BYTES_STEP: usize = 128;
/// Bytes of objects on the heap that lie in the caches nearest to a core, roundly.
pub(crate) const CACHED_OBJECT_BYTES: u64 = if cfg!(test) { 0 } else { 512 << 10 };
/// Changed chunks that are watched to be cooled, at most: others wait for their next change.
pub(crate) const WARM_CHUNKS_MAX: usize = 1 << 22;
/// Looks at them that make a round, and how many a tick are made at least and at most.
pub(crate) const WARM_ROUND_TICKS: usize = 64;
pub(crate) const WARM_LOOKS_A_TICK_MIN: usize = 8;
pub(crate) const WARM_LOOKS_A_TICK_MAX: usize = 1_024;
/// Bytes of those that rest which are written anew in a tick.
pub(crate) const COOLED_BYTES_A_TICK: usize = 512 << 10;
/// Chunks and deltas of values that are gone, counted as dead in one slice.
pub(crate) const DYING_CHUNKS_A_SLICE: usize = 512;
/// Values of more chunks than this are counted when they are given back: a small stream has one for each of its parts.
pub(crate) const UNCOUNTED_CHUNKS_MAX: usize = 4;
/// Deepest directory of one index: 2^20 segments, 300 million keys in a partition.
pub(crate) const DEPTH_MAX: u8 = 20;
/// The most that live records may take of the memory for segments, in percent: the rest is what the cleaner works with.
pub(crate) const LIVE_PERCENT_MAX: u64 = 85;
/// Segments that live records leave free in any case: one to write, two for the cleaner.
pub(crate) const LIVE_RESERVE_SEGMENTS: u64 = 3;
/// The most that live records may take of the other segments, in percent: fuller ones cost the cleaner too much.
pub(crate) const LIVE_SEALED_PERCENT_MAX: u64 = 88;
/// Tombstones count against live records up to one part in this many of the memory.
pub(crate) const TOMBSTONES_PART_MAX: u64 = 10;
/// Candidates for eviction that are kept from one eviction to the next.
pub(crate) const CANDIDATES_MAX: usize = 16;
/// Entries that one eviction looks at, at least, where there are so many.
pub(crate) const EVICTION_SAMPLES: usize = 10;
/// Places that one eviction draws by chance, at most.
pub(crate) const EVICTION_DRAWS_MAX: usize = 24;
/// Buckets that one eviction looks at in each place.
pub(crate) const EVICTION_DRAW_BUCKETS: usize = 2;
/// Index segments that an eviction searches in order when chance finds nothing.
pub(crate) const EVICTION_SEARCH_SEGMENTS: usize = 64;
/// Expired keys of replicated partitions that wait for their entries: a later sweep meets the others again.
pub(crate) const EXPIRED_KEYS_MAX: usize = 1_000;
/// Bytes of applied entries of one group that a start gives back, for followers that ask for them.
pub(crate) const RECOVERED_ENTRIES_BYTES_MAX: u64 = 1 << 20;
/// Keys that recovery looks ahead, so that their buckets are in the cache when they are indexed.
pub(crate) const REPLAY_AHEAD: usize = 32;
/// Keys that recovery holds to bring those together that lie together, of 16 bytes each.
pub(crate) const REPLAY_QUEUED_MAX: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };
/// Records whose steps a start keeps from the first look at them, of 16 bytes each; the others are looked at twice.
pub(crate) const DIGEST_STEPS_MAX: usize = if cfg!(test) { 1 << 13 } else { 1 << 23 };
/// Directory bits of a region: 256 segments of an index are one mebibyte.
pub(crate) const REPLAY_REGION_DEPTH: u32 = if cfg!(test) { 2 } else { 8 };
/// An index is replayed in two to this many regions at most.
pub(crate) const REPLAY_REGION_BITS_MAX: u32 = 6;
/// Bytes of segments below which recovery lets the indexes grow by themselves.
pub(crate) const PRESIZE_BYTES_MIN: usize = 4 << 20;
/// One key of so many is counted to know how large the indexes will be. A power of two.
pub(crate) const PRESIZE_SAMPLE: u64 = 64;
/// Keys of one core that clients watch, and how long each is kept for who says nothing more.
pub(crate) const WATCHED_KEYS_MAX: usize = 1 << 20;
pub(crate) const WATCH_KEPT_MS: u64 = 3_600_000;
/// Keys of one hole that are named.
pub(crate) const HOLE_KEYS_MAX: usize = 1_000;
/// Bytes that are checked in search of the keys of one hole.
pub(crate) const HOLE_CHECKED_BYTES_MAX: usize = 256 << 20;
/// Names of keys that went by themselves which are kept until somebody asks.
pub(crate) const GONE_KEYS_MAX: usize = 65_536;
/// Names of keys that entries have changed which are kept until somebody asks; beyond, any may have changed.
pub(crate) const APPLIED_KEYS_MAX: usize = 65_536;
/// A clock that is back by no more than this, ms, is waited for.
pub(crate) const CLOCK_MOMENT_MS: u64 = 1_000;
