//! Many runs of a node on a virtual disk, each made from one seed: clients, engines, mail, faults, crashes, and the checks behind them.
//!
//! No clock, no thread, no chance but the seed: the same seed gives the same trace.
#![forbid(unsafe_code)]

pub mod direct;
pub mod disk;
pub mod history;
pub mod node;
pub mod random;
#[cfg(test)]
mod tests;
pub mod world;
