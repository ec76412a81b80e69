//! Seeds: many small worlds, each checked all the time and at its end.

use super::chaos::{Outcome, run};
use super::faults::Faults;

/// Seeds of a test run; `HYPERION_GROUP_SEEDS=10000` runs as many, `HYPERION_GROUP_SEED_FIRST` says from where.
fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str, default| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let first = number("HYPERION_GROUP_SEED_FIRST", 0);
    first..first + number("HYPERION_GROUP_SEEDS", 200)
}

/// Every fourth seed, so that four tests share the work.
fn quarter(part: u64) {
    let mut sum = Outcome::default();
    for seed in seeds().filter(|seed| seed % 4 == part) {
        let outcome = run(seed, Faults::default());
        assert!(outcome.violations.is_empty(), "seed {seed}: {:#?}", outcome.violations);
        sum.writes += outcome.writes;
        sum.beats += outcome.beats;
        sum.lease_reads += outcome.lease_reads;
        sum.index_reads += outcome.index_reads;
        sum.snapshots += outcome.snapshots;
        sum.changes += outcome.changes;
    }
    println!("{sum:?}");
    let all = [sum.writes, sum.beats, sum.lease_reads, sum.index_reads, sum.snapshots, sum.changes];
    assert!(all.iter().all(|count| *count > 0), "the seeds do not reach everything: {all:?}");
}

#[test]
fn seeds_of_the_first_quarter_hold() {
    quarter(0);
}

#[test]
fn seeds_of_the_second_quarter_hold() {
    quarter(1);
}

#[test]
fn seeds_of_the_third_quarter_hold() {
    quarter(2);
}

#[test]
fn seeds_of_the_fourth_quarter_hold() {
    quarter(3);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..8 {
        assert_eq!(run(seed, Faults::default()), run(seed, Faults::default()), "seed {seed}");
    }
}

fn finds(faults: Faults) -> Option<u64> {
    (0..200)
        .find(|seed| run(*seed, faults).violations.iter().any(|what| what.contains("lease read")))
}

#[test]
fn a_lease_from_the_time_of_receipt_is_found() {
    let found = finds(Faults { lease_at_receipt: true, ..Faults::default() });
    println!("seed {found:?}");
    assert!(found.is_some(), "no seed shows a stale read");
}

#[test]
fn votes_inside_the_lease_are_found() {
    let found = finds(Faults { votes_inside_lease: true, ..Faults::default() });
    println!("seed {found:?}");
    assert!(found.is_some(), "no seed shows a stale read");
}
