//! Owns the limits of groups. Units are in the names.

use hyperion_model::limits::PARTITIONS_MAX;

/// Groups that a core can hold: one a partition and the metadata group.
pub const GROUPS_MAX: usize = PARTITIONS_MAX as usize + 1;
/// Entries of one group that are kept for followers that lag.
pub const TAIL_ENTRIES_MAX: usize = 65_536;
/// Bytes of one group's entries that are kept for followers that lag.
pub const TAIL_BYTES_MAX: usize = 64 << 20;
/// Bytes of all groups' entries that a core keeps.
pub const CORE_TAIL_BYTES_MAX: usize = 256 << 20;
/// Bytes of one group's proposals that may wait for their commit; one proposal is always taken.
pub const UNCOMMITTED_BYTES_MAX: usize = 32 << 20;
/// Entries in one message, in bytes; one entry always goes.
pub const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// Append messages that may be under way to one follower of one group.
pub const INFLIGHT_MESSAGES_MAX: usize = 8;
/// A learner is caught up when it lacks no more entries than this.
pub const CAUGHT_UP_ENTRIES: u64 = 1_024;
/// Reads of one group that may wait for one round of heartbeats.
pub const READS_MAX: usize = 65_536;
/// Members of a group, learners and both sides of a change counted.
pub const MEMBERS_MAX: usize = 512;

/// What a core keeps of its groups' logs in memory; the defaults are the constants of this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Entries of one group.
    pub tail_entries: usize,
    /// Bytes of one group.
    pub tail_bytes: usize,
    /// Bytes of all groups of the core.
    pub core_bytes: usize,
    /// Bytes of one group's proposals that wait for their commit.
    pub uncommitted_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            tail_entries: TAIL_ENTRIES_MAX,
            tail_bytes: TAIL_BYTES_MAX,
            core_bytes: CORE_TAIL_BYTES_MAX,
            uncommitted_bytes: UNCOMMITTED_BYTES_MAX,
        }
    }
}
