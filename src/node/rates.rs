//! Owns what a core does in a second, from the last samples, one a tick.

/// Samples that are averaged, as many as Redis takes.
const SAMPLES: usize = 16;

/// Commands, bytes in and bytes out, in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) commands: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// The samples.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    samples: [Rate; SAMPLES],
    next: usize,
    /// Totals and time of the last sample.
    last: Option<(Rate, u64)>,
}

impl Rates {
    /// Takes the totals at a time. Totals that went back began anew.
    pub(super) fn sample(&mut self, totals: Rate, now_ns: u64) {
        if let Some((last, then_ns)) = self.last {
            let elapsed_ns = now_ns.saturating_sub(then_ns).max(1);
            let a_second = |now: u64, then: u64| {
                let more = now.checked_sub(then).unwrap_or(now);
                let rate = u128::from(more) * 1_000_000_000 / u128::from(elapsed_ns);
                u64::try_from(rate).unwrap_or(u64::MAX)
            };
            self.samples[self.next] = Rate {
                commands: a_second(totals.commands, last.commands),
                bytes_in: a_second(totals.bytes_in, last.bytes_in),
                bytes_out: a_second(totals.bytes_out, last.bytes_out),
            };
            self.next = (self.next + 1) % SAMPLES;
        }
        self.last = Some((totals, now_ns));
    }

    /// The average of the samples.
    pub(super) fn a_second(&self) -> Rate {
        let average = |of: fn(&Rate) -> u64| {
            self.samples.iter().map(of).fold(0, u64::saturating_add) / SAMPLES as u64
        };
        Rate {
            commands: average(|rate| rate.commands),
            bytes_in: average(|rate| rate.bytes_in),
            bytes_out: average(|rate| rate.bytes_out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_load_is_its_rate_and_a_reset_is_no_burst() {
        let mut rates = Rates::default();
        let totals = |commands| Rate { commands, bytes_in: 10 * commands, bytes_out: 0 };
        for tick in 0..=16 {
            rates.sample(totals(50 * tick), tick * 100_000_000);
        }
        let expected = Rate { commands: 500, bytes_in: 5_000, bytes_out: 0 };
        assert_eq!(rates.a_second(), expected);
        // The totals begin anew.
        rates.sample(totals(50), 1_700_000_000);
        assert_eq!(rates.a_second(), expected);
        (18..40).for_each(|tick| rates.sample(totals(50), tick * 100_000_000));
        assert_eq!(rates.a_second(), Rate::default());
    }
}
