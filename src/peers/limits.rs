//! Owns the numbers that bound what peers may take.

use std::time::Duration;

use hyperion_wire::limits::BULK_FRAME_BYTES_MAX;

/// Bytes that wait for one peer on one core; what comes beyond is dropped, and Raft sends it again.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 << 20;
/// Long messages, of a group each, that wait for one peer on one core.
pub(super) const LONG_MAX: usize = 16;
/// How long a group waits for the answer to a long message before it may send another one to the same peer.
pub(super) const LONG_ANSWER_NS: u64 = 2_000_000_000;
/// A buffer above this size is given back when what was in it is sent or taken: a frame with a part of what is long has room in it.
pub(super) const BUFFER_KEEP_BYTES: usize = BULK_FRAME_BYTES_MAX as usize + (64 << 10);
/// The rest of a frame that is received into its place is this long at least.
pub(super) const FILL_BYTES_MIN: usize = 16 << 10;
/// Links of peers that one core takes at once.
pub(super) const INCOMING_MAX: usize = 256;
/// Links of nodes that the config does not name, which one core takes at once: they may ask for the config and announce themselves.
pub(super) const STRANGERS_MAX: usize = 8;
/// How long one that was asked what it knows has for the answer.
pub(super) const STRANGER_ANSWER_NS: u64 = 2_000_000_000;
/// And how long such a node may be silent.
pub(super) const STRANGER_SILENCE_NS: u64 = 10_000_000_000;
/// How long a connection to a peer may take to be made.
pub(super) const DIAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Compressed parts of snapshots of one core that wait for the side thread: more than the windows of its transfers hold.
pub(super) const BULK_JOBS_MAX: usize = 1_024;
/// Bytes of records that go each way before one is chosen.
pub(super) const TRIAL_BYTES: u64 = 4 << 20;
/// How fast the compressed way must be to be used, in percent of the other.
pub(super) const TRIAL_PAYS_PERCENT: u64 = 110;
/// After which time it is measured anew.
pub(super) const TRIAL_AGAIN: Duration = Duration::from_secs(600);
/// How long links that others have dialed may go on as they were after the config says otherwise whether they speak TLS.
pub(super) const PLAIN_STAYS_NS: u64 = 5_000_000_000;
/// How long the handshake may take.
pub(super) const HANDSHAKE_NS: u64 = 2_000_000_000;
/// The first wait before a peer is dialed again, and the longest: it doubles.
pub(super) const BACK_OFF_MIN_NS: u64 = 50_000_000;
pub(super) const BACK_OFF_MAX_NS: u64 = 1_000_000_000;
/// A link on which nothing came for so long is asked whether it is alive, and closed after twice as long.
pub(super) const SILENCE_NS: u64 = 1_000_000_000;
