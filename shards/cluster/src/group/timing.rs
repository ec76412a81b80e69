//! Owns the times of elections, heartbeats and leases.

/// One tick of every group.
pub const TICK_NS: u64 = 10_000_000;
/// A leader's heartbeat, in ticks: 50 ms.
pub const HEARTBEAT_TICKS: usize = 5;
/// The same where nothing went on for so many of them: 100 ms. A lease outlives one that is lost.
pub const CALM_HEARTBEAT_TICKS: usize = 10;
/// See there: a second.
pub const CALM_BEATS: usize = 20;
/// Shortest election timeout, in ticks: 300 ms.
pub const ELECTION_TICKS_MIN: usize = 30;
/// End of the election timeouts, in ticks: 600 ms.
pub const ELECTION_TICKS_END: usize = 60;
/// No campaign and no vote so long after the last message of a leader, and after a start.
pub const QUIET_NS: u64 = ELECTION_TICKS_MIN as u64 * TICK_NS;
/// How long a lease lasts from the sending of the heartbeats that a majority acknowledged: 0.8 of the shortest
/// election timeout, so that clocks may run apart by a quarter.
pub const LEASE_NS: u64 = QUIET_NS / 10 * 8;
/// Ticks between the first campaigns of followers of neighbouring rank.
pub const RANK_TICKS: usize = 8;
/// Rank from which followers wait alike.
pub const RANK_MAX: usize = 3;
/// After a dead connection: how long past the quiet time the first follower campaigns. Voters heard the leader last at
/// slightly different times.
pub const FAST_MARGIN_NS: u64 = 2 * TICK_NS;
/// After a dead connection: time between the campaigns of followers of neighbouring rank.
pub const FAST_RANK_NS: u64 = 4 * TICK_NS;
/// What a campaign without success takes off the wait for the next one, in ticks, by attempt: a vote is answered in a
/// few milliseconds, or, when disks are slow, only after longer and longer.
pub const RETRY_CREDIT_TICKS: [usize; 3] = [16, 12, 6];
/// Longest time that an advanced commit index stays unrecorded.
pub const COMMIT_RECORD_NS: u64 = 500_000_000;
/// A gap between turns that counts as a stall.
pub const STALL_NS: u64 = 100_000_000;

const _: () = assert!(LEASE_NS < QUIET_NS, "a lease ends before anyone may vote");
const _: () = assert!(
    2 * CALM_HEARTBEAT_TICKS as u64 * TICK_NS < LEASE_NS,
    "a lease outlives a heartbeat that is lost"
);
const _: () = assert!(
    ELECTION_TICKS_MIN + RANK_MAX * RANK_TICKS < ELECTION_TICKS_END,
    "the last rank's timeout lies inside raft's range"
);
