//! Counters of one core.

/// What one core has done since it started. Read by the core itself through `Io::stats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Turns of the loop.
    pub turns: u64,
    /// Calls of io_uring_enter.
    pub enters: u64,
    /// Turns that slept in the ring or in glommio.
    pub parks: u64,
    /// Bytes received from peers.
    pub bytes_in: u64,
    /// Bytes accepted by the kernel for peers.
    pub bytes_out: u64,
    /// Sockets accepted.
    pub accepts: u64,
    /// Accepts that failed, among them those without a descriptor left.
    pub accept_errors: u64,
    /// Completed sends, parts of a long one counted each.
    pub sends: u64,
    /// Receives that brought bytes.
    pub receives: u64,
    /// Receives that ended because no buffer was free.
    pub receive_buffers_empty: u64,
    /// Writes completed on the ring.
    pub file_writes: u64,
    /// Syncs completed on the ring.
    pub file_syncs: u64,
    /// Turns that worked longer than `limits::STALL`.
    pub stalls_over_1ms: u64,
    /// Turns that worked longer than 10 ms.
    pub stalls_over_10ms: u64,
    /// The longest turn in nanoseconds.
    pub stall_ns_max: u64,
    /// The longest turn by the processor time of its thread, in nanoseconds: an upper bound, see `limits::PROCESSOR_CLOCK`.
    pub stall_processor_ns_max: u64,
    /// Turns with more processor time than `limits::BUSY_TURN`.
    pub busy_turns_over_2ms: u64,
    /// Turns that left input, or mail, for the next because their time was up.
    pub turns_cut: u64,
    /// Messages given to other cores.
    pub mail_sent: u64,
    /// Messages taken from other cores.
    pub mail_received: u64,
    /// Messages given back because the box was full.
    pub mail_refused: u64,
    /// Notes taken from foreign threads.
    pub notes: u64,
    /// Sleeping cores that were woken.
    pub doorbells: u64,
    /// TLS handshakes that came through.
    pub tls_handshakes: u64,
    /// Those of them that went on from an earlier session.
    pub tls_resumed: u64,
    /// Connections that ended because of TLS: handshakes that came to nothing, and damaged records.
    pub tls_failures: u64,
}
