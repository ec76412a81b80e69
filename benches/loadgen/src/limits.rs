//! Every maximum of the load generator.

use std::time::Duration;

/// Most connections over all threads.
pub(crate) const CONNECTIONS_MAX: u32 = 60_000;
/// Most requests in flight on one connection.
pub(crate) const PIPELINE_MAX: u32 = 100_000;
/// Most threads.
pub(crate) const THREADS_MAX: u32 = 256;
/// Most keys: their number is written with twelve digits.
pub(crate) const KEYS_MAX: u64 = 1_000_000_000_000;
/// Longest value, in bytes.
pub(crate) const VALUE_BYTES_MAX: u32 = 512 * 1024 * 1024;
/// Most bytes of requests in flight over all connections.
pub(crate) const IN_FLIGHT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Highest rate of an open loop, in requests a second.
pub(crate) const RATE_MAX: f64 = 1e9;
/// Bytes taken from a socket by one read.
pub(crate) const READ_BYTES: usize = 64 * 1024;
/// Longest line of a reply, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;
/// Most bytes of an error's text that are kept.
pub(crate) const ERROR_TEXT_BYTES_MAX: usize = 200;
/// Requests in flight on one connection while keys are filled in.
pub(crate) const PRELOAD_PIPELINE: u32 = 64;
/// Bytes in flight on one connection while keys are filled in, beyond one request.
pub(crate) const PRELOAD_BYTES: u64 = 1024 * 1024;
/// Most connections while keys are filled in.
pub(crate) const PRELOAD_CONNECTIONS: u32 = 8;
/// Times that one thread connects again after the server closed a connection.
pub(crate) const RECONNECTS_MAX: u32 = 1000;
/// How long a connection may take to open, and its first replies to come.
pub(crate) const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// How long replies are waited for after the last request.
pub(crate) const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest latency that is told apart from longer ones, in nanoseconds.
pub(crate) const LATENCY_NS_MAX: u64 = 600_000_000_000;
/// Longest sleep in the poll, so that a stop is seen.
pub(crate) const POLL_TIME_MAX: Duration = Duration::from_millis(100);
/// How long a run without a time may see no reply before it ends, in nanoseconds.
pub(crate) const SILENCE_NS_MAX: u64 = 30_000_000_000;
