//! Owns the numbers that bound what these commands take.

/// Bytes of a word that is looked up; every word that we know is shorter.
pub(super) const KEYWORD_BYTES_MAX: usize = 64;
/// Bits of a password that ACL GENPASS makes, and the most that may be asked for.
pub(super) const GENPASS_BITS: usize = 256;
pub(super) const GENPASS_BITS_MAX: usize = 4_096;
/// The longest password, as for `hyperiond hash-password`.
pub(super) const PASSWORD_BYTES_MAX: usize = 512;
/// The longest that DEBUG SLEEP holds a client, in seconds.
pub(super) const SLEEP_S_MAX: f64 = 86_400.0;
/// Tries to tell a core what became of CONFIG SET, and the pause between two, in milliseconds.
pub(super) const AMENDED_TRIES: u32 = 500;
pub(super) const AMENDED_PAUSE_MS: u64 = 10;
/// Clients that wait for copies on other nodes, as far as one core looks for them.
pub(super) const COPY_WAITS_MAX: usize = 1_024;
/// How long they wait at most.
pub(super) const COPY_WAIT_MS_MAX: u64 = 3_600_000;
/// How long DEBUG RELOAD waits for stable storage.
pub(super) const DURABLE_WAIT_MS: u64 = 30_000;
/// The longest text of DEBUG STRINGMATCH-LEN.
pub(super) const STRING_MATCH_BYTES_MAX: usize = 1 << 20;
/// What the libraries in a payload of FUNCTION RESTORE unpack to, at most; the config holds fewer bytes.
pub(super) const LIBRARIES_UNPACKED_MAX: usize = 4 << 20;
/// From when on a script keeps its core busy where nobody has said, ms; it is stopped at 5 s in any case.
pub(super) const BUSY_MS: u64 = 5_000;
