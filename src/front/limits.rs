//! Owns the numbers that bound what one client may hold.

/// Commands that are read ahead, so that what they touch is in the cache when they run.
pub(crate) const LINES_AHEAD: usize = 16;
/// Words of a command that are listed without an allocation.
pub(crate) const ARGUMENTS_INLINE: usize = 8;
/// Keys above which the index no longer fits the caches and reading ahead pays.
pub(crate) const PREFETCH_KEYS_MIN: u64 = 32_768;
/// Unsent output above which a client's commands wait, and streams bring no more: little enough that it is sent out of the processor's cache, from
/// memory that is used again.
pub(crate) const OUTPUT_PAUSE_BYTES: usize = 128 << 10;
/// Bytes of a long string that a turn brings a client, about.
pub(crate) const STREAM_PART_BYTES: usize = 256 << 10;
/// Answers that wait for those of other cores, to leave in one send; longer ones leave at once, and all leave with the next tick.
pub(crate) const GATHER_BYTES: usize = 16 << 10;
/// Unread input of a waiting client above which nothing more is received from it.
pub(crate) const INPUT_PAUSE_BYTES: usize = 1 << 20;
/// Unread input of a client above which the rest waits for the next turn when the time of this one is up.
pub(crate) const INPUT_LATE_BYTES: usize = 64 << 10;
/// Room for the input of a client that sends a long command.
pub(crate) const INPUT_ROOM_BYTES: usize = 513 << 20;
/// Unread input of a client up to which it may be moved for more room.
pub(crate) const INPUT_MOVED_BYTES_MAX: usize = 4 << 20;
/// A client keeps no buffer above this size while it has no use for it.
pub(crate) const INPUT_KEEP_BYTES: usize = 16 << 10;
/// The rest of a command that is received into its place is this long at least, and so much of it at once at most.
pub(crate) const FILL_BYTES_MIN: usize = 16 << 10;
pub(crate) const FILL_BYTES_MAX: usize = 1 << 20;
/// Long buffers that a core keeps for the next long commands and answers: the longest, their bytes together, and their number; and for how
/// many ticks when nobody wants one.
pub(crate) const SPARE_BUFFER_BYTES_MAX: usize = 4 << 20;
pub(crate) const SPARE_BYTES_MAX: usize = 8 << 20;
pub(crate) const SPARE_BUFFERS_MAX: usize = 64;
pub(crate) const SPARE_IDLE_TICKS: u32 = 20;
/// Bytes of long buffers that a turn gives back at least; and of those beyond the second number one part in the third.
pub(crate) const RETURNED_BYTES: usize = 4 << 20;
pub(crate) const UNRETURNED_BYTES: usize = 64 << 20;
pub(crate) const RETURNED_PART: usize = 4;
/// A client keeps no output buffer above this size when what was in it is sent.
pub(crate) const OUTPUT_KEEP_BYTES: usize = 16 << 10;
/// Unread input of all clients of one core together, at most and at least: between them it is as much as the node's memory.
pub(crate) const INPUT_TOTAL_BYTES_MAX: u64 = 2 << 30;
pub(crate) const INPUT_TOTAL_BYTES_MIN: u64 = 64 << 20;
/// Answers of one client that other cores still owe.
pub(crate) const REMOTE_ANSWERS_MAX: usize = 65_536;
/// Bytes of answers that other cores may be about to send one client, as far as its last answers tell.
pub(crate) const REMOTE_BYTES_MAX: usize = 2 << 20;
/// What a client's first answer of another core is taken to be long, and the least that any is: many may be on the way at
/// once, and the next may be longer than the last.
pub(crate) const REMOTE_ANSWER_BYTES: usize = 128 << 10;
pub(crate) const REMOTE_ANSWER_BYTES_MIN: usize = 16 << 10;
/// An answer to another core's client that is so long is to be taken by it before that core's next command for it runs.
pub(crate) const LONG_ANSWER_BYTES: usize = OUTPUT_PAUSE_BYTES;
/// Answers for another core above which its clients' commands wait for the next turn.
pub(crate) const ANSWERS_A_TURN_BYTES: usize = 4 << 20;
/// Batches that wait for another core's mailbox before clients wait for them.
pub(crate) const BACKLOG_BATCHES_MAX: usize = 64;
/// Empty parcels that a core keeps for what it sends to others next.
pub(crate) const PARCELS_SPARE_MAX: usize = 32;
/// Commands, and bytes of arguments or of answers, for which a kept parcel has room at most.
pub(crate) const PARCEL_KEEP_COMMANDS: usize = 1024;
pub(crate) const PARCEL_KEEP_BYTES: usize = 64 << 10;
/// Longest name of a client, and of its library.
pub(crate) const CLIENT_NAME_BYTES_MAX: usize = 4_096;
/// Bytes of the longest command, and of the longest answer, that is carried between nodes.
pub(crate) const FORWARDED_BYTES_MAX: usize = 64 << 20;
/// Bytes of commands that one core has on their way to other nodes; what comes beyond waits.
pub(crate) const FORWARDING_BYTES_MAX: usize = 256 << 20;
/// Bytes of commands or answers that go into one frame, about, and what goes in parts because it is longer.
pub(crate) const FRAME_BYTES: usize = 1 << 20;
pub(crate) const LONG_FRAME_BYTES: usize = 2 << 20;
/// How long after its start a node lets commands wait for what it does not know yet, rather than refuse them.
pub(crate) const YOUNG_MS: u64 = 2_000;
/// How long a command waits for a leader of its partition, and for an answer of the node that was asked.
pub(crate) const LEADER_WAIT_NS: u64 = 3_000_000_000;
pub(crate) const ANSWER_WAIT_NS: u64 = 10_000_000_000;
/// Commands of one client that wait for EXEC, and their bytes; bytes of those of all clients of one core.
pub(crate) const QUEUED_COMMANDS_MAX: usize = 1 << 20;
pub(crate) const QUEUED_BYTES_MAX: usize = 128 << 20;
pub(crate) const QUEUED_TOTAL_BYTES_MAX: usize = 1 << 30;
/// Keys that one client watches.
pub(crate) const WATCHED_KEYS_MAX: usize = 16_384;
/// Commands that wait on one core for what others write.
pub(crate) const BLOCKED_MAX: usize = 131_072;
/// And of those the ones of one other node.
pub(crate) const KEPT_NODE_MAX: usize = 65_536;
/// Bytes of a command that waits for keys of several partitions or of another node.
pub(crate) const PLACED_BYTES_MAX: usize = 1 << 20;
/// How often commands that wait at other places are looked through, and after which time one is asked for again where it is kept.
pub(crate) const TEND_PLACED_MS: u64 = 1_000;
pub(crate) const PLACED_AGAIN_MS: u64 = 15_000;
/// How long a command of another node is kept that is not asked for again, one that is offered something, and all of a node whose link is
/// gone, or is there again: longer than it takes to be asked for.
pub(crate) const KEPT_MS: u64 = 60_000;
pub(crate) const KEPT_OFFER_MS: u64 = 10_000;
pub(crate) const KEPT_LOST_MS: u64 = 5_000;
pub(crate) const KEPT_FOUND_MS: u64 = 20_000;
const _: () =
    assert!(KEPT_FOUND_MS > PLACED_AGAIN_MS + TEND_PLACED_MS, "who is there asks in time");
/// Commands about all keys of all nodes that one core has under way.
pub(crate) const WHOLE_MAX: usize = 256;
/// How often the log of a core is told of a connection that ended because of TLS, or that spoke HTTP.
pub(crate) const TOLD_EVERY_NS: u64 = 1_000_000_000;
