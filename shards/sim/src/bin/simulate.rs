//! Runs many seeds and names those that fail: `simulate [SEEDS] [FIRST]`.

use hyperion_sim::node::Memory;
use hyperion_sim::world::{Report, Settings, run_with};
use std::process::ExitCode;

fn number(argument: Option<String>, otherwise: u64) -> Result<u64, String> {
    let Some(argument) = argument else { return Ok(otherwise) };
    argument
        .parse()
        .map_err(|_| format!("{argument:?} is not a number; use: simulate [SEEDS] [FIRST]"))
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (seeds, first) = match (number(arguments.next(), 10_000), number(arguments.next(), 0)) {
        (Ok(seeds), Ok(first)) => (seeds, first),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("simulate: {error}");
            return ExitCode::from(64);
        }
    };
    let (mut memory, mut failed, mut sum) = (Memory::default(), 0_u64, Report::default());
    for seed in first..first.saturating_add(seeds) {
        match run_with(seed, Settings::of_seed(seed), &mut memory) {
            Ok(report) => sum.add(&report),
            Err(violation) => {
                failed += 1;
                println!("seed {seed}: {violation}\n  again: scripts/simulate 1 {seed}");
            }
        }
    }
    println!("{seeds} seeds from {first}: {failed} failed; {sum}");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
