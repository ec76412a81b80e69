//! Runs one hot path so that callgrind can count its instructions: `instructions PATH`, driven by `scripts/instructions`.
//!
//! What is counted is what `measured` calls; what prepares it stands outside. The last line tells the operations in it.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::process::ExitCode;

use hyperion_hot::TURN;
use hyperion_hot::machine::Machine;
use hyperion_hot::raft::Members;
use hyperion_hot::store::Shelf;
use hyperion_hot::wire::Pipeline;

/// Turns of a path.
const ROUNDS: usize = 200;
const KEYS: u64 = 20_000;

/// The one function that callgrind looks into.
#[inline(never)]
fn measured(path: &mut dyn FnMut()) {
    for _ in 0..ROUNDS {
        path();
    }
}

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    match name.as_str() {
        "parse-encode" => {
            let mut pipeline = Pipeline::default();
            measured(&mut || {
                black_box((pipeline.parse(), pipeline.encode()));
            });
        }
        "index-hit" => {
            let mut shelf = Shelf::new(KEYS);
            measured(&mut || {
                black_box(shelf.hits());
            });
        }
        "append-commit" => {
            let mut shelf = Shelf::new(KEYS);
            measured(&mut || {
                black_box(shelf.overwrites());
            });
        }
        "hset" => {
            let mut machine = Machine::new(KEYS);
            for _ in 0..ROUNDS {
                black_box(machine.hsets());
            }
            measured(&mut || {
                black_box(machine.hsets());
            });
        }
        "raft-apply" => {
            let mut members = Members::new(1);
            measured(&mut || {
                black_box(members.propose());
            });
        }
        _ => {
            eprintln!(
                "instructions: no path is called {name:?}; the paths are parse-encode, index-hit, append-commit, hset and raft-apply"
            );
            return ExitCode::from(64);
        }
    }
    println!("operations {}", ROUNDS * TURN);
    ExitCode::SUCCESS
}
