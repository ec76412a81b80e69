//! A control beside a server: how long turns take of a program that does nothing but read and write memory of its own, here and there, as an index is read.
//! What is too long in it is the machine's doing: `scripts/soak --witness` runs it on the server's core.
//!
//! `hyperion-control SECONDS MIB` prints one line of JSON: turns, those above 2 ms of the processor's time, the median and the longest in us.

use std::time::{Duration, Instant};

use clap::Parser;
use hdrhistogram::Histogram;
use nix::time::{ClockId, clock_gettime};

/// What a turn takes, about.
const TURN: Duration = Duration::from_micros(600);
/// A turn that takes longer is counted.
const LONG: Duration = Duration::from_millis(2);
/// The most memory that it takes.
const MIB_MAX: i64 = 1 << 20;
/// Places that are looked at to learn what one takes.
const PLACES_FIRST: u32 = 1 << 20;

#[derive(Parser)]
struct Arguments {
    /// How long it runs
    seconds: u64,
    /// Its memory, MiB
    #[arg(value_parser = clap::value_parser!(u32).range(1..=MIB_MAX))]
    mib: u32,
}

/// Reads and writes so many places, each after the one before.
fn look(words: &mut [u64], state: &mut u64, places: u32) {
    for _ in 0..places {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        let at = usize::try_from(*state % words.len() as u64).unwrap_or(0);
        words[at] = words[at].wrapping_add(*state);
        *state ^= words[at] | 1;
    }
}

/// The processor's time of this thread.
fn worked() -> nix::Result<Duration> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { seconds, mib } = Arguments::parse();
    let mut words = vec![1_u64; usize::try_from(mib)? * ((1 << 20) / size_of::<u64>())];
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let before = worked()?;
    look(&mut words, &mut state, PLACES_FIRST);
    let each = (worked()? - before) / PLACES_FIRST;
    let places = u32::try_from(TURN.as_nanos() / each.as_nanos().max(1))?;
    let mut turns = Histogram::<u64>::new(3)?;
    let (mut long, begun) = (0, Instant::now());
    let mut last = worked()?;
    while begun.elapsed() < Duration::from_secs(seconds) {
        look(&mut words, &mut state, places);
        let now = worked()?;
        let took = now.saturating_sub(last);
        last = now;
        long += u64::from(took > LONG);
        turns.record(u64::try_from(took.as_micros())?)?;
    }
    println!(
        r#"{{"turns": {}, "long": {long}, "median_us": {}, "longest_us": {}}}"#,
        turns.len(),
        turns.value_at_quantile(0.5),
        turns.max()
    );
    Ok(())
}
