//! Owns what a core counts of its upkeep, for INFO: the sweep of expired keys, time above the memory limit, long buffers of clients.

use std::time::Duration;

/// Seconds for which the longest buffers are kept in mind, as many as Redis does.
const RECENT_SECONDS: usize = 8;
/// What one sweep counts for in the average.
const STALE_WEIGHT: f64 = 0.05;

/// What is counted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Upkeep {
    /// Time of the sweeps.
    pub(crate) sweep: Duration,
    /// Sweeps that ended before they were through with what they found.
    pub(crate) sweeps_cut: u64,
    /// Of the keys that expire and were looked at, those that had expired: an average in which the last sweeps count most.
    pub(crate) stale_part: f64,
    /// Milliseconds above the memory limit, up to the last tick, and those of them since it was passed last.
    pub(crate) exceeded_ms: u64,
    pub(crate) exceeded_now_ms: u64,
    last_tick_ms: u64,
    /// Input and output, by the second.
    longest: [(u64, u64); RECENT_SECONDS],
    second: u64,
    /// Keys, and bytes of records, when the core began.
    pub(crate) loaded: (u64, u64),
    /// Memory of the Lua machine of scripts, and of that of functions.
    pub(crate) lua_bytes: [u64; 2],
}

impl Upkeep {
    /// As it is shown.
    pub(super) fn with_lua(self, lua_bytes: [u64; 2]) -> Self {
        Self { lua_bytes, ..self }
    }

    /// CONFIG RESETSTAT.
    pub(super) fn reset(&mut self) {
        let Self { loaded, longest, second, last_tick_ms, .. } = *self;
        *self = Self { loaded, longest, second, last_tick_ms, ..Self::default() };
    }

    /// A sweep has looked at so many keys that expire and removed some.
    pub(super) fn swept(&mut self, looked_at: u64, removed: u64, goes_on: bool, took: Duration) {
        self.sweep += took;
        self.sweeps_cut += u64::from(goes_on);
        let part = if looked_at == 0 { 0.0 } else { removed as f64 / looked_at as f64 };
        self.stale_part += (part - self.stale_part) * STALE_WEIGHT;
    }

    /// A tick: whether memory is above its limit.
    pub(super) fn ticked(&mut self, is_exceeded: bool, now_ms: u64) {
        let since_ms = now_ms.saturating_sub(self.last_tick_ms);
        if is_exceeded && self.last_tick_ms > 0 {
            self.exceeded_ms += since_ms;
            self.exceeded_now_ms += since_ms;
        } else {
            self.exceeded_now_ms = 0;
        }
        self.last_tick_ms = now_ms;
    }

    /// The longest buffers of all clients at a time.
    pub(super) fn buffers(&mut self, input: usize, output: usize, now_ms: u64) {
        let second = now_ms / 1_000;
        let passed = second.saturating_sub(self.second).min(RECENT_SECONDS as u64);
        for at in 0..passed {
            self.longest[place(second - at)] = (0, 0);
        }
        self.second = second;
        let longest = &mut self.longest[place(second)];
        *longest = (longest.0.max(input as u64), longest.1.max(output as u64));
    }

    /// The longest input and output of a client in the last seconds, as of ticks.
    pub(crate) fn recent_buffers(&self) -> (u64, u64) {
        let most = |of: fn(&(u64, u64)) -> u64| self.longest.iter().map(of).max().unwrap_or(0);
        (most(|it| it.0), most(|it| it.1))
    }
}

fn place(second: u64) -> usize {
    usize::try_from(second % RECENT_SECONDS as u64).expect("there are few")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_buffers_are_forgotten_after_some_seconds() {
        let mut upkeep = Upkeep::default();
        upkeep.buffers(10, 20, 1_000_000);
        upkeep.buffers(5, 30, 1_000_100);
        assert_eq!(upkeep.recent_buffers(), (10, 30));
        upkeep.buffers(7, 1, 1_007_900);
        assert_eq!(upkeep.recent_buffers(), (10, 30));
        upkeep.buffers(1, 1, 1_008_000);
        assert_eq!(upkeep.recent_buffers(), (7, 1));
        upkeep.buffers(0, 0, 2_000_000);
        assert_eq!(upkeep.recent_buffers(), (0, 0));
    }

    #[test]
    fn time_above_the_limit_adds_up() {
        let mut upkeep = Upkeep::default();
        for (is_exceeded, now_ms, all, now) in [
            (true, 1_000, 0, 0),
            (true, 1_100, 100, 100),
            (false, 1_200, 100, 0),
            (true, 1_250, 150, 50),
        ] {
            upkeep.ticked(is_exceeded, now_ms);
            assert_eq!((upkeep.exceeded_ms, upkeep.exceeded_now_ms), (all, now), "at {now_ms}");
        }
        upkeep.loaded = (3, 4);
        upkeep.reset();
        assert_eq!((upkeep.exceeded_ms, upkeep.loaded), (0, (3, 4)));
    }

    #[test]
    fn what_is_stale_is_an_average() {
        let mut upkeep = Upkeep::default();
        (0..200).for_each(|_| upkeep.swept(100, 50, true, Duration::from_millis(1)));
        assert!((0.49..0.51).contains(&upkeep.stale_part), "{upkeep:?}");
        (0..200).for_each(|_| upkeep.swept(0, 0, false, Duration::ZERO));
        assert!(upkeep.stale_part < 0.01, "{upkeep:?}");
        assert_eq!((upkeep.sweeps_cut, upkeep.sweep.as_millis()), (200, 200));
    }
}
