//! Runs many seeds and names those that fail: `simulate [SEEDS] [FIRST]` of one node, `simulate --nodes N [--seeds SEEDS] [--first FIRST]
//! [--wrong WHAT] [--lean WHERE] [--tell]` of several.

use hyperion_sim::node::Memory;
use hyperion_sim::{nodes, world};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const USE: &str = "use: simulate [SEEDS] [FIRST], or simulate --nodes N [--seeds SEEDS] [--first FIRST] [--wrong \
                   lease|clock|quorum|vote|joint|learner|founds|emptied|old|cut|\
                   repaired|hides|lost] [--lean \
                   calm|snapshots|elections|full|leaders|moves|spans|expiry] [--members | --still] [--tell]";

/// What is asked for.
struct Asked {
    nodes: u16,
    seeds: u64,
    first: u64,
    wrong: nodes::Wrong,
    lean: Option<nodes::Lean>,
    tells: bool,
    /// Whether members change, where that is said.
    members: Option<bool>,
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number; {USE}"))
}

fn asked(mut words: impl Iterator<Item = String>) -> Result<Asked, String> {
    let wrong = nodes::Wrong::Nothing;
    let mut asked =
        Asked { nodes: 1, seeds: 10_000, first: 0, wrong, lean: None, tells: false, members: None };
    let mut places = 0;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} wants a value; {USE}"));
        match word.as_str() {
            "--nodes" => asked.nodes = number(&value()?)?,
            "--seeds" => asked.seeds = number(&value()?)?,
            "--first" => asked.first = number(&value()?)?,
            "--wrong" => {
                let name = value()?;
                let is_named = |(_, word): &&(nodes::Wrong, &str)| *word == name;
                let known = nodes::Wrong::WORDS.iter().find(is_named);
                (asked.wrong, _) = *known.ok_or_else(|| format!("{name:?} is no fault; {USE}"))?;
            }
            "--tell" => asked.tells = true,
            "--members" => asked.members = Some(true),
            "--still" => asked.members = Some(false),
            "--lean" => {
                asked.lean = Some(match value()?.as_str() {
                    "calm" => nodes::Lean::Calm,
                    "snapshots" => nodes::Lean::Snapshots,
                    "elections" => nodes::Lean::Elections,
                    "leaders" => nodes::Lean::Leaders,
                    "moves" => nodes::Lean::Moves,
                    "spans" => nodes::Lean::Spans,
                    "expiry" => nodes::Lean::Expiry,
                    "full" => nodes::Lean::FullDisks,
                    other => return Err(format!("nothing leans to {other:?}; {USE}")),
                });
            }
            _ if places == 0 => (asked.seeds, places) = (number(&word)?, 1),
            _ if places == 1 => (asked.first, places) = (number(&word)?, 2),
            _ => return Err(format!("{word:?} is one word too many; {USE}")),
        }
    }
    if !(1..=9).contains(&asked.nodes) {
        return Err(format!("{} nodes cannot be simulated, 1 to 9 can; {USE}", asked.nodes));
    }
    Ok(asked)
}

/// Runs all seeds; gives how many failed, and the figures of the others.
fn run_all(
    asked: &Asked,
    again: &str,
    mut run: impl FnMut(u64, &mut Memory) -> Result<(), String>,
) -> u64 {
    let (mut memory, mut failed) = (Memory::default(), 0_u64);
    let running = Arc::new(AtomicU64::new(asked.first));
    let (named, tell) = (Arc::clone(&running), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        eprintln!("seed {}: a panic", named.load(Ordering::Relaxed));
        tell(info);
    }));
    for seed in asked.first..asked.first.saturating_add(asked.seeds) {
        running.store(seed, Ordering::Relaxed);
        let result = catch_unwind(AssertUnwindSafe(|| run(seed, &mut memory)));
        let violation = match result {
            Ok(Ok(())) => continue,
            Ok(Err(violation)) => violation,
            Err(_) => "a panic, told above".to_owned(),
        };
        failed += 1;
        println!("seed {seed}: {violation}\n  again: scripts/simulate {again}{seed}");
    }
    failed
}

fn main() -> ExitCode {
    let asked = match asked(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(error) => {
            eprintln!("simulate: {error}");
            return ExitCode::from(64);
        }
    };
    let (failed, figures) = if asked.nodes == 1 {
        let mut sum = world::Report::default();
        let failed = run_all(&asked, "1 ", |seed, memory| {
            sum.add(&world::run_with(seed, world::Settings::of_seed(seed), memory)?);
            Ok(())
        });
        (failed, sum.to_string())
    } else {
        let mut sum = nodes::Report::default();
        let members = match asked.members {
            Some(true) => "--members ",
            Some(false) => "--still ",
            None => "",
        };
        let again = format!("--nodes {} {members}--seeds 1 --first ", asked.nodes);
        let failed = run_all(&asked, &again, |seed, memory| {
            let settings = nodes::Settings::of_seed_with(seed, asked.nodes, asked.wrong);
            let lean = asked.lean.unwrap_or(settings.lean);
            let settings = match asked.members {
                Some(true) => settings.with_members(seed),
                Some(false) => settings.without_members(),
                // Who has no copy is not told who leads.
                None if lean == nodes::Lean::Spans => settings.without_members(),
                None => settings,
            };
            let settings = nodes::Settings { lean, tells: asked.tells, ..settings };
            sum.add(&nodes::run(seed, settings, memory)?);
            Ok(())
        });
        (failed, sum.to_string())
    };
    println!("{} seeds from {}: {failed} failed; {figures}", asked.seeds, asked.first);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
