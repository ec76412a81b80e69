//! Tests of runs of several nodes.

use super::{Lean, Report, Settings, run};
use crate::node::Memory;

fn run_all(seeds: impl Iterator<Item = u64>, settings: impl Fn(u64) -> Settings) -> Report {
    let (mut sum, mut memory) = (Report::default(), Memory::default());
    for seed in seeds {
        match run(seed, settings(seed), &mut memory) {
            Ok(report) => sum.add(&report),
            Err(violation) => panic!("seed {seed}: {violation}"),
        }
    }
    sum
}

#[test]
fn a_calm_cluster_serves() {
    let sum = run_all(0..2, |seed| Settings { lean: Lean::Calm, ..Settings::of_seed(seed, 3) });
    assert!(sum.answers > 500 && sum.unknown == 0, "{sum}");
}
