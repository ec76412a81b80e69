//! Lists the table of a start: what a node knows, what the others say, and what it does.

mod decide;
mod formation;
mod known;
#[cfg(test)]
mod tests;

pub use decide::{decide, is_given_up};
pub use known::{Known, Majority, PeerReport, Start};
