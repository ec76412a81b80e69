//! What one thread of the load is to do, and what came of it.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::connect::Endpoint;
use crate::limits::LATENCY_NS_MAX;
use crate::request::Source;
use crate::schedule::Schedule;

/// What one thread is to do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) endpoint: Endpoint,
    pub(crate) source: Source,
    pub(crate) connections: u32,
    pub(crate) pipeline: u32,
    /// Most requests to send.
    pub(crate) requests: u64,
    /// How long to send.
    pub(crate) time: Option<Duration>,
    pub(crate) schedule: Option<Schedule>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// In nanoseconds.
    pub(crate) latency: Histogram<u64>,
    pub(crate) replies: u64,
    pub(crate) errors: u64,
    pub(crate) nulls: u64,
    /// Requests sent and never answered.
    pub(crate) lost: u64,
    /// Requests of an open loop that were due and never sent.
    pub(crate) unsent: u64,
    /// Connections that the server closed.
    pub(crate) closed: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) first_error: Option<String>,
    /// From the first request to the last reply.
    pub(crate) elapsed_ns: u64,
    /// Whether no connection was left at the end.
    pub(crate) all_lost: bool,
}

impl Outcome {
    pub(crate) fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)
            .expect("the bounds are constants that a histogram takes");
        Self {
            latency,
            replies: 0,
            errors: 0,
            nulls: 0,
            lost: 0,
            unsent: 0,
            closed: 0,
            bytes_sent: 0,
            bytes_received: 0,
            first_error: None,
            elapsed_ns: 0,
            all_lost: true,
        }
    }

    /// Adds the outcome of another thread.
    pub(crate) fn merge(&mut self, other: Self) {
        self.latency.add(&other.latency).expect("both histograms have the same bounds");
        self.replies += other.replies;
        self.errors += other.errors;
        self.nulls += other.nulls;
        self.lost += other.lost;
        self.unsent += other.unsent;
        self.closed += other.closed;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.first_error = self.first_error.take().or(other.first_error);
        self.elapsed_ns = self.elapsed_ns.max(other.elapsed_ns);
        self.all_lost &= other.all_lost;
    }
}
