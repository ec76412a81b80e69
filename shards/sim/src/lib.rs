//! Many runs of one node or of several on virtual disks, each made from one seed: clients, engines, mail, a network, faults, crashes, and the
//! checks behind them.
//!
//! No clock, no thread, no chance but the seed: the same seed gives the same trace.
#![forbid(unsafe_code)]

pub mod direct;
pub mod disk;
pub mod history;
pub mod network;
pub mod node;
pub mod nodes;
pub mod random;
#[cfg(test)]
mod replica_tests;
mod replies;
#[cfg(test)]
mod tests;
pub mod world;
