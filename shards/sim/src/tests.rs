//! Tests of the simulator, and 200 seeds of it.

use crate::node::Memory;
use crate::world::{Report, Settings, run, run_with};

#[test]
fn two_hundred_seeds_keep_every_promise() {
    let (mut sum, mut memory) = (Report::default(), Memory::default());
    for seed in 0..200 {
        match run_with(seed, Settings::default(), &mut memory) {
            Ok(report) => {
                sum.changes += report.changes;
                sum.crashes += report.crashes;
                sum.transactions += report.transactions;
                sum.refused += report.refused;
            }
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
    // The seeds reach what they are for.
    assert!(sum.crashes > 600 && sum.transactions > 500 && sum.refused > 100, "{sum:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let traces: Vec<u64> =
        (0..20).map(|seed| run(seed, Settings::default()).expect("it holds").trace).collect();
    for (seed, &trace) in (0..).zip(&traces) {
        let again = run(seed, Settings::default()).expect("it holds").trace;
        assert_eq!(again, trace, "seed {seed}");
    }
    let distinct: std::collections::BTreeSet<_> = traces.iter().collect();
    assert_eq!(distinct.len(), traces.len());
}

/// Without this the checks might find nothing because they look at nothing.
#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    let settings = Settings { lies_about_sync: true };
    let found = (0..20).filter(|&seed| run(seed, settings).is_err()).count();
    assert!(found >= 15, "{found} of 20 seeds found it");
}
