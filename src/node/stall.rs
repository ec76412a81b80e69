//! Owns what a turn was busy with, so that one that took too long can be told with its cause.

use std::time::{Duration, Instant};

use hyperion_runtime::limits::LONG_STALL;

/// Parts of a turn that are shorter are not told.
const PART_MIN: Duration = Duration::from_micros(100);
/// How often a core tells of its long turns.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// The parts of the turn under way that may take long.
#[derive(Debug, Default)]
pub(crate) struct TurnParts {
    commands_before: u64,
    writes_before_ns: u64,
    cleaning: Duration,
    tick: Duration,
    expiry: Duration,
    mail: u32,
    /// The slowest command of those that were timed.
    slowest: (&'static str, Duration),
}

impl TurnParts {
    /// A turn begins.
    pub(super) fn begin(&mut self, commands: u64, writes_ns: u64) {
        *self = Self { commands_before: commands, writes_before_ns: writes_ns, ..Self::default() };
    }

    /// Runs a slice of the cleaner, timed.
    pub(super) fn cleaning<T>(&mut self, work: impl FnOnce() -> T) -> T {
        timed(&mut self.cleaning, work)
    }

    /// Removes expired keys, timed.
    pub(super) fn expiring<T>(&mut self, work: impl FnOnce() -> T) -> T {
        timed(&mut self.expiry, work)
    }

    /// Notes how long a tick took.
    pub(super) fn ticked(&mut self, since: Instant) {
        self.tick += since.elapsed();
    }

    /// Notes one message of another core.
    pub(super) fn mailed(&mut self) {
        self.mail += 1;
    }

    /// Notes how long a command took.
    #[inline]
    pub(crate) fn ran(&mut self, command: &'static str, took: Duration) {
        if took > self.slowest.1 {
            self.slowest = (command, took);
        }
    }

    /// How long a turn took that took too long, and why, the largest known part first.
    pub(super) fn causes(
        &self,
        (wall_ns, processor_ns): (u64, u64),
        commands: u64,
        writes_ns: u64,
    ) -> String {
        let ms = |part: Duration| part.as_secs_f64() * 1e3;
        let writes = Duration::from_nanos(writes_ns.saturating_sub(self.writes_before_ns));
        let mut parts = [
            ("file writes", writes),
            ("the cleaner", self.cleaning),
            ("the tick", self.tick),
            ("expiry", self.expiry),
            self.slowest,
        ];
        parts.sort_by_key(|&(_, part)| std::cmp::Reverse(part));
        let known: Vec<String> = parts
            .iter()
            .filter(|(_, part)| *part >= PART_MIN)
            .map(|&(name, part)| format!("{:.1} ms of it {name}", ms(part)))
            .collect();
        let commands = commands - self.commands_before;
        let known = if known.is_empty() {
            "no part of the housekeeping".to_owned()
        } else {
            known.join(", ")
        };
        format!(
            "{:.1} ms, {:.1} ms of the processor: {commands} commands, {} messages of other cores, {known}",
            ms(Duration::from_nanos(wall_ns)),
            ms(Duration::from_nanos(processor_ns)),
            self.mail
        )
    }
}

/// The long turns of a core that the log has not been told of.
#[derive(Debug, Default)]
pub(crate) struct LongTurns {
    count: u64,
    longest_ns: u64,
    /// Of the longest.
    causes: String,
    told_ns: Option<u64>,
}

impl LongTurns {
    /// Notes a turn, if it was a long one.
    pub(super) fn note(&mut self, wall_ns: u64, causes: impl FnOnce() -> String) {
        if Duration::from_nanos(wall_ns) <= LONG_STALL {
            return;
        }
        self.count += 1;
        if wall_ns > self.longest_ns {
            (self.longest_ns, self.causes) = (wall_ns, causes());
        }
    }

    /// What the log is to be told now: of all since it was last, once a second.
    pub(super) fn tell(&mut self, now_ns: u64) -> Option<String> {
        let is_soon = |told_ns| Duration::from_nanos(now_ns.saturating_sub(told_ns)) < TELL_EVERY;
        if self.count == 0 || self.told_ns.is_some_and(is_soon) {
            return None;
        }
        let Self { count, causes, .. } =
            std::mem::replace(self, Self { told_ns: Some(now_ns), ..Self::default() });
        let turns = if count == 1 { "turn" } else { "turns" };
        Some(format!("{count} {turns} of over 10 ms, the longest took {causes}"))
    }
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let since = Instant::now();
    let done = work();
    *sum += since.elapsed();
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn the_largest_part_is_told_first() {
        let mut parts = TurnParts::default();
        parts.begin(100, 5_000_000);
        parts.mailed();
        parts.cleaning(|| std::thread::sleep(Duration::from_millis(1)));
        parts.ran("get", Duration::from_micros(1));
        let text = parts.causes((40 * MS, 36 * MS), 164, 35 * MS);
        assert!(text.starts_with("40.0 ms, 36.0 ms of the processor: 64 commands, 1 messages of other cores, 30.0 ms of it file writes, "), "{text}");
        assert!(text.ends_with("ms of it the cleaner"), "{text}");
        parts.begin(164, 0);
        assert!(parts.causes((11 * MS, 0), 165, 0).ends_with("no part of the housekeeping"));
    }

    #[test]
    fn the_slowest_command_has_its_name() {
        let mut parts = TurnParts::default();
        parts.begin(0, 0);
        parts.ran("sort", Duration::from_millis(12));
        parts.ran("lrange", Duration::from_millis(3));
        let text = parts.causes((16 * MS, 16 * MS), 2, 0);
        assert!(text.ends_with(": 2 commands, 0 messages of other cores, 12.0 ms of it sort"));
    }

    #[test]
    fn a_second_of_long_turns_is_one_line() {
        let mut turns = LongTurns::default();
        turns.note(10 * MS, || panic!("it is not long"));
        assert_eq!(turns.tell(1), None);
        turns.note(11 * MS, || "11".to_owned());
        assert_eq!(turns.tell(2).unwrap(), "1 turn of over 10 ms, the longest took 11");
        for wall_ms in [12, 40, 13] {
            turns.note(wall_ms * MS, || wall_ms.to_string());
            assert_eq!(turns.tell(999 * MS), None);
        }
        assert_eq!(turns.tell(1_001 * MS).unwrap(), "3 turns of over 10 ms, the longest took 40");
        assert_eq!(turns.tell(5_000 * MS), None);
    }
}
