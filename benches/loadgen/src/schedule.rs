//! When the requests of an open loop are to be sent, whatever the server does.

/// One thread's share of an evenly spaced schedule. All times are nanoseconds since the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Between two requests of all threads.
    interval_ns: f64,
    threads: f64,
    thread: f64,
}

impl Schedule {
    /// `rate` requests a second over all `threads`; this one is number `thread`.
    pub(crate) fn new(rate: f64, threads: u32, thread: u32) -> Self {
        Self { interval_ns: 1e9 / rate, threads: f64::from(threads), thread: f64::from(thread) }
    }

    /// When request `index` of this thread is to be sent.
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the run's length")]
    #[expect(clippy::cast_sign_loss, reason = "a product of numbers from 0 on")]
    pub(crate) fn intended_ns(&self, index: u64) -> u64 {
        ((index as f64 * self.threads + self.thread) * self.interval_ns).round() as u64
    }

    /// How many requests of this thread are to be sent by `now_ns`.
    #[expect(clippy::cast_possible_truncation, reason = "bounded by rate and length of the run")]
    #[expect(clippy::cast_sign_loss, reason = "guarded by the comparison")]
    pub(crate) fn due(&self, now_ns: u64) -> u64 {
        let passed = (now_ns as f64 + 0.5) / self.interval_ns - self.thread;
        if passed < 0.0 { 0 } else { (passed / self.threads) as u64 + 1 }
    }
}
