//! Owns the numbers that bound a snapshot.

/// Plain bytes of a chunk, unless one batch of the log is longer.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// Longest chunk: a batch lies in one segment.
pub(super) const CHUNK_BYTES_MAX: usize = 64 << 20;
/// Longest index of a file that is read.
pub(super) const INDEX_BYTES_MAX: u64 = 256 << 20;
/// Plain bytes that are read in a second, at most, when the config does not say.
pub(super) const SNAPSHOT_BYTES_A_SECOND: u64 = 128 << 20;
/// Bytes of the file after which they are brought to the disk, so that no long sync stands in the way of the log's.
pub(super) const SYNC_BYTES: u64 = 16 << 20;
/// Bytes that are asked of a core at once, where there are no files.
pub(super) const PIECE_BYTES: usize = 256 << 10;
/// What may be left to copy when the cores are cut.
pub(super) const CUT_REMAINDER_BYTES: u64 = 4 << 20;
/// Passes over the log before the cut is made, however much is left.
pub(super) const PASSES_MAX: u32 = 12;
/// The time in which all cores must have noted their cut, in ms; clients wait meanwhile.
pub(super) const SNAPSHOT_CUT_MS: u64 = 50;
/// How often the cut is tried.
pub(super) const CUT_TRIES: u32 = 3;
/// The pause between two tries, in ms.
pub(super) const CUT_PAUSE_MS: u64 = 200;
/// The time from the cut until what was left is copied, in s: no segment is freed meanwhile.
pub(super) const PIN_S_MAX: u64 = 60;
/// The time after which what was left is copied as it is, in s.
pub(super) const PIN_RAW_S: u64 = 2;
/// The time that a core may take to answer, in s.
pub(super) const ANSWER_S: u64 = 10;
/// The time in which all nodes must have noted one cut, in ms; all clients of the cluster wait meanwhile.
pub(super) const CLUSTER_NOTED_MS: u64 = 100;
/// The time after which a core goes on by itself whose cut other nodes share, in ms; a tick finds it. It is shorter than the time after which
/// followers elect another leader.
pub(super) const CLUSTER_HOLD_MS: u64 = 150;
/// The pause between two tries of a cut over all nodes, in ms: elections and clients go on.
pub(super) const CLUSTER_PAUSE_MS: u64 = 500;
/// The time that a node may take for its part, in s.
pub(super) const PART_S_MAX: u64 = 4 * 3600;
