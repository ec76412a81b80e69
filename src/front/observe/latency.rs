//! Owns what took long beside commands: the newest times of each kind of event, and the longest.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Times of an event that are kept, as in Redis.
const SAMPLES_MAX: usize = 160;

/// A time: Unix seconds, and how long it took in ms.
pub(crate) type Sample = (u64, u64);

/// One kind of event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The newest last; of one second only the longest.
    pub(crate) samples: VecDeque<Sample>,
    pub(crate) max_ms: u64,
}

impl Event {
    fn add(&mut self, (at_s, took_ms): Sample) {
        self.max_ms = self.max_ms.max(took_ms);
        match self.samples.back_mut() {
            Some((last_s, last_ms)) if *last_s == at_s => *last_ms = took_ms.max(*last_ms),
            _ => self.samples.push_back((at_s, took_ms)),
        }
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
    }
}

/// Events by name.
pub(crate) type Events = BTreeMap<&'static str, Event>;

/// The events of one core.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    threshold: Option<Duration>,
    events: Events,
}

impl Latencies {
    /// From this time on an event is noted; `None` for none.
    pub(crate) fn set_threshold(&mut self, threshold: Option<Duration>) {
        self.threshold = threshold;
    }

    /// Whether events are noted, so that it pays to look at the clock.
    pub(crate) fn is_on(&self) -> bool {
        self.threshold.is_some()
    }

    /// Notes how long something took, if that is long.
    pub(crate) fn note(&mut self, event: &'static str, took: Duration, now_ms: u64) {
        if self.threshold.is_some_and(|threshold| took >= threshold) {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            self.events.entry(event).or_default().add((now_ms / 1_000, took_ms));
        }
    }

    pub(crate) fn all(&self) -> Events {
        self.events.clone()
    }

    /// Forgets these events, or all; gives the names of those that were there.
    pub(crate) fn forget(&mut self, names: &[String]) -> Vec<&'static str> {
        let is_meant =
            |name: &&str| names.is_empty() || names.iter().any(|it| it.eq_ignore_ascii_case(name));
        let gone: Vec<&'static str> = self.events.keys().copied().filter(is_meant).collect();
        gone.iter().for_each(|name| drop(self.events.remove(name)));
        gone
    }
}

/// Puts the events of another core to these.
pub(crate) fn join_events(all: &mut Events, more: Events) {
    for (name, event) in more {
        let into = all.entry(name).or_default();
        let mut samples: Vec<Sample> =
            into.samples.drain(..).chain(event.samples.iter().copied()).collect();
        samples.sort_unstable();
        let max_ms = into.max_ms.max(event.max_ms);
        samples.into_iter().for_each(|sample| into.add(sample));
        into.max_ms = max_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_is_short_is_not_noted_and_a_second_keeps_its_longest() {
        let mut latencies = Latencies::default();
        latencies.note("turn", ms(1_000), 1_000);
        assert!(latencies.all().is_empty(), "nobody asked for it");
        latencies.set_threshold(Some(ms(5)));
        for (took, now_ms) in [(4, 1_000), (6, 1_000), (9, 1_500), (7, 1_900), (5, 2_000)] {
            latencies.note("turn", ms(took), now_ms);
        }
        let all = latencies.all();
        assert_eq!(all["turn"].samples, [(1, 9), (2, 5)]);
        assert_eq!(all["turn"].max_ms, 9);
        (3..3 + 2 * SAMPLES_MAX as u64).for_each(|s| latencies.note("turn", ms(5), s * 1_000));
        assert_eq!(latencies.all()["turn"].samples.len(), SAMPLES_MAX);
        assert_eq!(latencies.all()["turn"].max_ms, 9, "it is kept when its sample has gone");
        latencies.note("command", ms(5), 1);
        assert_eq!(latencies.forget(&["TURN".to_owned()]), ["turn"]);
        assert_eq!(latencies.forget(&[]), ["command"]);
    }

    #[test]
    fn cores_are_put_together_by_time() {
        let event = |samples: &[Sample], max_ms| Event {
            samples: samples.iter().copied().collect(),
            max_ms,
        };
        let mut all = Events::from([("turn", event(&[(1, 5), (4, 6)], 50))]);
        join_events(
            &mut all,
            Events::from([
                ("turn", event(&[(2, 7), (4, 9)], 9)),
                ("aof-write", event(&[(1, 1)], 1)),
            ]),
        );
        assert_eq!(all["turn"], event(&[(1, 5), (2, 7), (4, 9)], 50));
        assert_eq!(all["aof-write"], event(&[(1, 1)], 1));
    }
}
