//! Owns what a turn was busy with, so that one that took too long can be told with its cause.

use std::time::{Duration, Instant};

/// The parts of the turn under way that may take long.
#[derive(Debug, Default)]
pub(crate) struct TurnParts {
    commands_before: u64,
    writes_before_ns: u64,
    cleaning: Duration,
    tick: Duration,
    mail: u32,
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

    /// Notes how long a tick took.
    pub(super) fn ticked(&mut self, since: Instant) {
        self.tick += since.elapsed();
    }

    /// Notes one message of another core.
    pub(super) fn mailed(&mut self) {
        self.mail += 1;
    }

    /// The causes of a turn that took too long, the largest known part first.
    pub(super) fn causes(
        &self,
        (wall_ns, processor_ns): (u64, u64),
        commands: u64,
        writes_ns: u64,
    ) -> String {
        let ms = |part: Duration| part.as_secs_f64() * 1e3;
        let writes = Duration::from_nanos(writes_ns.saturating_sub(self.writes_before_ns));
        let mut parts =
            [("file writes", writes), ("the cleaner", self.cleaning), ("the tick", self.tick)];
        parts.sort_by_key(|&(_, part)| std::cmp::Reverse(part));
        let known: Vec<String> = parts
            .iter()
            .filter(|(_, part)| *part >= Duration::from_micros(100))
            .map(|&(name, part)| format!("{:.1} ms of it {name}", ms(part)))
            .collect();
        let commands = commands - self.commands_before;
        let known = if known.is_empty() {
            "no part of the housekeeping".to_owned()
        } else {
            known.join(", ")
        };
        format!(
            "a turn took {:.1} ms, {:.1} ms of the processor: {commands} commands, {} messages of other cores, {known}",
            ms(Duration::from_nanos(wall_ns)),
            ms(Duration::from_nanos(processor_ns)),
            self.mail
        )
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

    #[test]
    fn the_largest_part_is_told_first() {
        let mut parts = TurnParts::default();
        parts.begin(100, 5_000_000);
        parts.mailed();
        parts.cleaning(|| std::thread::sleep(Duration::from_millis(1)));
        let text = parts.causes((40_000_000, 36_000_000), 164, 35_000_000);
        assert!(text.starts_with("a turn took 40.0 ms, 36.0 ms of the processor: 64 commands, 1 messages of other cores, 30.0 ms of it file writes, "), "{text}");
        assert!(text.ends_with("ms of it the cleaner"), "{text}");
        parts.begin(164, 0);
        assert!(parts.causes((11_000_000, 0), 165, 0).ends_with("no part of the housekeeping"));
    }
}
