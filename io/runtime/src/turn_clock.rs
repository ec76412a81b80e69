//! How long turns take by the wall and by the processor, without a system call a turn.
//!
//! A turn that was long by the wall may have been short and preempted. Reading the thread's clock is a system call (0.2 to 0.7 us), so
//! it is read at the start of a turn only where the last reading is older than `limits::PROCESSOR_CLOCK`, and at the end only of
//! turns that were long by the wall. What is told is an upper bound: it may hold up to that much of the turns before.
#![expect(unsafe_code, reason = "the thread's clock has no safe wrapper in std")]

use crate::{Stats, limits};

/// The clock of one core's turns.
#[derive(Debug, Default)]
pub(crate) struct TurnClock {
    begin_ns: u64,
    /// The last reading of the thread's clock, and when that was by the wall.
    processor_ns: u64,
    read_ns: u64,
}

/// How long a turn was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TurnTime {
    pub(crate) wall_ns: u64,
    pub(crate) processor_ns: u64,
}

impl TurnClock {
    /// A turn begins at `now_ns`.
    pub(crate) fn begin(&mut self, now_ns: u64, processor_ns: impl FnOnce() -> u64) {
        self.begin_ns = now_ns;
        if now_ns.saturating_sub(self.read_ns) >= nanoseconds(limits::PROCESSOR_CLOCK) {
            (self.processor_ns, self.read_ns) = (processor_ns(), now_ns);
        }
    }

    /// It ends: counts it. Gives its time when it was a long one, or used its processor for long.
    pub(crate) fn end(
        &mut self,
        now_ns: u64,
        stats: &mut Stats,
        processor_ns: impl FnOnce() -> u64,
    ) -> Option<TurnTime> {
        let wall_ns = now_ns.saturating_sub(self.begin_ns);
        stats.stall_ns_max = stats.stall_ns_max.max(wall_ns);
        if wall_ns <= nanoseconds(limits::STALL) {
            stats.stall_processor_ns_max = stats.stall_processor_ns_max.max(wall_ns);
            return None;
        }
        stats.stalls_over_1ms += 1;
        let read_ns = processor_ns();
        let processor_ns = read_ns.saturating_sub(self.processor_ns).min(wall_ns);
        (self.processor_ns, self.read_ns) = (read_ns, now_ns);
        stats.stall_processor_ns_max = stats.stall_processor_ns_max.max(processor_ns);
        let is_busy = processor_ns > nanoseconds(limits::BUSY_TURN);
        stats.busy_turns_over_2ms += u64::from(is_busy);
        let is_long = wall_ns > nanoseconds(limits::LONG_STALL);
        stats.stalls_over_10ms += u64::from(is_long);
        (is_busy || is_long).then_some(TurnTime { wall_ns, processor_ns })
    }
}

fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What the calling thread has used of processors.
pub(crate) fn thread_processor_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`.
    let read = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(read, 0, "each thread has a clock of its own");
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_turn_that_was_preempted_is_short_by_the_processor() {
        let (mut clock, mut stats) = (TurnClock::default(), Stats::default());
        // What the thread had used when a turn began and when it ended, and how it is counted.
        for (begin, end, used, told, processor_max, busy) in [
            (10 * MS, 10 * MS + MS / 2, 0, None, MS / 2, 0),
            (20 * MS, 25 * MS, MS, None, MS, 0),
            (40 * MS, 60 * MS, 2 * MS, Some((20 * MS, 2 * MS)), 2 * MS, 0),
            (70 * MS, 73 * MS, 3 * MS, Some((3 * MS, 3 * MS)), 3 * MS, 1),
        ] {
            clock.begin(begin, || 100 * MS);
            let told = told.map(|(wall_ns, processor_ns)| TurnTime { wall_ns, processor_ns });
            assert_eq!(clock.end(end, &mut stats, || 100 * MS + used), told, "{begin}");
            assert_eq!(stats.stall_processor_ns_max, processor_max, "{begin}");
            assert_eq!(stats.busy_turns_over_2ms, busy, "{begin}");
        }
        assert_eq!((stats.stalls_over_1ms, stats.stalls_over_10ms), (3, 1));
        assert_eq!(stats.stall_ns_max, 20 * MS);
    }

    #[test]
    fn the_thread_is_asked_seldom() {
        let (mut clock, mut stats, mut asked) = (TurnClock::default(), Stats::default(), 0);
        for turn in 0..1_000 {
            let now_ns = MS + turn * 10_000;
            clock.begin(now_ns, || {
                asked += 1;
                0
            });
            assert_eq!(clock.end(now_ns + 9_000, &mut stats, || panic!("a short turn")), None);
        }
        assert!(asked <= 10 * MS / nanoseconds(limits::PROCESSOR_CLOCK) + 1, "{asked}");
    }

    #[test]
    fn the_clock_of_a_thread_does_not_go_back() {
        let before = thread_processor_ns();
        assert!(thread_processor_ns() >= before);
    }
}
