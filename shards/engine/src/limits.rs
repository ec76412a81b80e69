//! Owns the limits of one core's machine.

/// What one command writes to a replicated log: a leader that handles more in one turn is not heard for as long as a lease.
pub(crate) const ENTRY_BYTES_MAX: usize = (64 << 20) + (64 << 10);
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
/// Keys that go between two looks at the clock when memory is short and nobody writes.
pub(crate) const EVICTIONS_A_SLICE: usize = 32;
/// Evictions that wait for other nodes beyond which none is begun but by ticks and commands.
pub(crate) const EVICTIONS_ON_THE_WAY_MAX: usize = 512;
/// Ticks without a key to evict after which a write is refused: what could go is led by other nodes, or a transaction holds it.
pub(crate) const FRUITLESS_TICKS_MAX: u32 = 10;
/// A write of so many bytes that is refused for lack of memory is told how many there are, and how many could be.
pub(crate) const OOM_TOLD_BYTES: usize = 64 << 10;
/// A write goes on while evictions lag behind by less than one part in this many of the limit.
pub(crate) const MEMORY_LAG_PART: u64 = 64;
/// Bytes of the answers of one transaction above which what it reads is left out.
pub(crate) const UNIT_ANSWER_BYTES_MAX: usize = 1 << 30;
/// Bytes of values that are brought to one core for a command whose keys lie on several, and keys that it names at most.
pub(crate) const COLLECT_BYTES_MAX: usize = 32 << 20;
pub(crate) const COLLECT_KEYS_MAX: usize = 16_384;
/// Bytes of the store that such a command runs on, and of its segments at most.
pub(crate) const SCRATCH_BYTES_MAX: usize = 96 << 20;
pub(crate) const SCRATCH_SEGMENT_BYTES: usize = 8 << 20;
/// How often work begins anew because it has met keys that it did not name.
pub(crate) const WORK_ROUNDS_MAX: usize = 64;
/// Bytes and keys of one command whose keys lie in several replicated partitions, and bytes that it reads of one of them.
pub(crate) const SPAN_BYTES_MAX: usize = 16 << 20;
pub(crate) const SPAN_KEYS_MAX: usize = 16_384;
/// Transactions over groups that have keys locked, or wait for them, in the partitions that one core leads.
pub(crate) const SPAN_HELD_MAX: usize = 16_384;
/// Transactions and decisions of one partition that are prepared and not at their end.
pub(crate) const SPAN_PLACES: u16 = 128;
/// How long a transaction waits for the keys of one partition.
pub(crate) const SPAN_LOCK_WAIT_NS: u64 = 2_000_000_000;
/// How long keys are locked for a coordinator that says nothing more.
pub(crate) const SPAN_LOCKED_NS: u64 = 5_000_000_000;
/// Age of what is prepared at which its leader asks what became of it, and at which it can no more be decided once somebody has asked.
pub(crate) const SPAN_STALE_NS: u64 = 1_000_000_000;
pub(crate) const SPAN_UNDECIDED_NS: u64 = 3_000_000_000;
/// How long other commands wait for keys that are locked.
pub(crate) const SPAN_STUCK_NS: u64 = 6_000_000_000;
/// Between two words about the same.
pub(crate) const SPAN_AGAIN_NS: u64 = 300_000_000;
/// How long a coordinator waits for a leader, how long it begins anew where others have the keys locked, and its rest between two tries.
pub(crate) const SPAN_PATIENCE_NS: u64 = 3_000_000_000;
pub(crate) const SPAN_CONTENTION_NS: u64 = 10_000_000_000;
pub(crate) const SPAN_PAUSE_NS: u64 = 20_000_000;
/// How long a coordinator waits for one step, and for the decision.
pub(crate) const SPAN_ANSWER_NS: u64 = 4_000_000_000;
pub(crate) const SPAN_DECISION_NS: u64 = 5_000_000_000;
/// Keyspace events that wait on one core for the log, and bytes of their keys; those beyond are counted and dropped.
pub(crate) const EVENTS_MAX: usize = 1 << 18;
pub(crate) const EVENT_BYTES_MAX: usize = 64 << 20;
/// Bytes that work which runs on the store itself may write in one batch of the log.
pub(crate) const WORK_BATCH_BYTES: usize = 64 << 10;
/// Keys whose values are kept while work changes them there, so that it can be taken back, the bytes of one value, and of all.
pub(crate) const UNDO_KEYS_MAX: usize = 4_096;
pub(crate) const UNDO_VALUE_BYTES_MAX: usize = 16 << 10;
pub(crate) const UNDO_BYTES_MAX: usize = 4 << 20;
/// Names of changed keys that wait on one core for the log, and their bytes; beyond that, all keys are said to have changed.
pub(crate) const CHANGES_MAX: usize = 1 << 18;
pub(crate) const CHANGE_BYTES_MAX: usize = 64 << 20;
/// Keys that a tick looks at for fields that have expired, about; and while it finds some.
pub(crate) const FIELD_SWEEP_KEYS: u64 = 32;
pub(crate) const FIELD_SWEEP_KEYS_BUSY: u64 = 256;
