//! Owns runs of a cluster: nodes with engines and disks of their own, a network between them, clients, misfortunes, and what must hold.

mod check;
mod clients;
mod commands;
mod core;
mod expiring;
mod founding;
mod healed;
mod joining;
mod ledger;
mod losses;
mod member;
mod misfortune;
mod node;
mod operator;
mod peers;
mod report;
mod settings;
mod settled;
mod start;
#[cfg(test)]
mod tests;
mod turn;
mod words;
mod work;
mod world;

pub use report::Report;
pub use settings::{Lean, Settings, Wrong};
pub use world::run;

/// Why a run failed: a sentence, with the seed left to the caller.
pub type Violation = String;

/// A millisecond, in ns.
pub(crate) const MS: u64 = 1_000_000;
