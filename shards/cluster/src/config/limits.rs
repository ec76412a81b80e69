//! Owns the numbers that bound the config and its values.

/// The longest config that is read, from a file or from a client.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;
/// The highest epoch: every integer up to here is exact in JSON (RFC 7493, section 2.2).
pub const EPOCH_MAX: u64 = (1 << 53) - 1;
/// The most partitions of a cluster.
pub const PARTITIONS_MAX: u32 = 1024;
/// Partitions of a cluster when the config does not say.
pub const PARTITIONS_DEFAULT: u32 = 64;
/// The highest number of a core that a list may name.
pub const CORE_NUMBER_MAX: u16 = 1023;
/// The longest name of a node, in bytes.
pub const NODE_NAME_BYTES_MAX: usize = 64;
/// The longest path of a Unix socket, in bytes: the kernel keeps 108 with the closing zero.
pub const UNIX_PATH_BYTES_MAX: usize = 107;
/// The longest rack, in bytes.
pub const RACK_BYTES_MAX: usize = 128;
/// The smallest segment.
pub const SEGMENT_BYTES_MIN: u64 = 1 << 20;
/// The largest segment, and the one that is used when the config does not say.
pub const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Segments that a core gets, where that leaves them their largest size or less: the more, the fuller memory can be.
pub const SEGMENTS_A_CORE: u64 = 128;
/// The same, where that would make them smaller than a huge page.
pub const SMALL_SEGMENTS_A_CORE: u64 = 64;
/// Smaller segments waste memory: each begins on a huge page of its own.
pub const HUGE_PAGE_BYTES: u64 = 2 << 20;
/// Segments that a core needs: one open, one sealed, and two in reserve for the cleaner.
pub const SEGMENTS_A_CORE_MIN: u64 = 6;
/// The largest memory limit: 1 PiB, exact in JSON.
pub const MEMORY_BYTES_MAX: u64 = 1 << 50;
/// The part of the machine's memory, in percent, that is used when the config does not say.
pub const MEMORY_PERCENT_DEFAULT: u64 = 60;
/// The longest time between two syncs, in milliseconds.
pub const SYNC_INTERVAL_MS_MAX: u32 = 60_000;
/// The time between two syncs, in milliseconds, when the config does not say.
pub const SYNC_INTERVAL_MS_DEFAULT: u32 = 100;
/// The most clients of a node.
pub const CLIENTS_MAX: u32 = 1_000_000;
/// Clients of a node when the config does not say.
pub const CLIENTS_DEFAULT: u32 = 10_000;
/// The longest idle timeout, in seconds: one year.
pub const IDLE_TIMEOUT_S_MAX: u32 = 31_536_000;
/// The smallest bound on the output that waits for one client, in bytes.
pub const OUTPUT_BYTES_MIN: u64 = 64 << 10;
/// The bound on the output that waits for one client, in bytes, when the config does not say.
pub const OUTPUT_BYTES_DEFAULT: u64 = 256 << 20;
/// What it stands for: one answer may be longer, and comes whole. The config has the old number, as a default is in its hash.
pub const OUTPUT_BYTES_UNSAID: u64 = 2 << 30;
/// What may wait for a client that listens to channels, in bytes, at once and for a time, when the config does not say.
pub const PUBSUB_HARD_BYTES_DEFAULT: u64 = 32 << 20;
/// See above.
pub const PUBSUB_SOFT_BYTES_DEFAULT: u64 = 8 << 20;
/// That time, in seconds, when the config does not say.
pub const PUBSUB_SOFT_S_DEFAULT: u32 = 60;
/// The longest such time.
pub const PUBSUB_SOFT_S_MAX: u32 = 86_400;
/// The least that the longest value may be, in bytes: below, the words of commands themselves would be too long.
pub const VALUE_BYTES_MIN: u64 = 1 << 20;
/// The largest value, in bytes.
pub const VALUE_BYTES_MAX: u64 = 512 << 20;
/// The longest wait for a client that does not read, in seconds.
pub const WRITE_TIMEOUT_S_MAX: u32 = 86_400;
/// The wait for a client that does not read, in seconds, when the config does not say.
pub const WRITE_TIMEOUT_S_DEFAULT: u32 = 60;
/// Snapshots that stay when the config does not say: a week of daily ones.
pub const SNAPSHOTS_KEPT_DEFAULT: u32 = 7;
/// The most snapshots that a config may name.
pub const SNAPSHOTS_KEPT_MAX: u32 = 10_000;
/// The lowest speed of a snapshot, in bytes a second.
pub const SNAPSHOT_BYTES_A_SECOND_MIN: u64 = 64 << 10;
/// The longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 512;
/// The most nodes of a cluster.
pub const NODES_MAX: usize = 128;
/// The most copies of a partition: each write waits for a majority of them.
pub const REPLICATION_MAX: u32 = 9;
/// The most identifiers of nodes that may not come back.
pub const REMOVED_MAX: usize = 10_000;
/// The longest path of the file with the secret of the nodes, in bytes.
pub const PEER_SECRET_PATH_BYTES_MAX: usize = 4096;
/// The lowest speed of moves, in bytes a second.
pub const MOVE_BYTES_A_SECOND_MIN: u64 = 64 << 10;
/// The most users of a config.
pub const USERS_MAX: usize = 4_096;
/// The longest name of a user, in bytes.
pub const USER_NAME_BYTES_MAX: usize = 256;
/// The longest rules of a user, in bytes.
pub const USER_BYTES_MAX: usize = 64 << 10;
/// The most libraries of functions.
pub const LIBRARIES_MAX: usize = 1_024;
/// What their code takes in the config, in bytes of JSON: it leaves as much for all else that a config holds.
pub const LIBRARIES_BYTES_MAX: usize = CONFIG_BYTES_MAX / 2;
/// Slow commands that a core keeps when the config does not say.
pub const SLOWLOG_LEN_DEFAULT: u32 = 128;
/// Refusals that a core keeps when the config does not say.
pub const ACL_LOG_LEN_DEFAULT: u32 = 128;
/// Slow commands, and refusals, that a core keeps at most.
pub const LOG_LEN_MAX: u32 = 65_536;
/// The time from which on a command is slow, in microseconds, when the config does not say.
pub const SLOWLOG_SLOWER_THAN_US_DEFAULT: u64 = 10_000;
/// The longest value of a parameter of Redis that is only shown back.
pub const SHOWN_BACK_BYTES_MAX: usize = 1_024;
/// The most of them.
pub const SHOWN_BACK_MAX: usize = 256;
