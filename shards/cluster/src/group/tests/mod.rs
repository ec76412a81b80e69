//! Tests of groups: a small world of nodes, its seeds, and a test for each trap.

mod alone;
mod chaos;
mod checks;
mod disk;
pub(super) mod faults;
mod lab;
mod membership;
mod node;
mod random;
mod simulation;
mod traps_calm;
mod traps_doubt;
mod traps_election;
mod traps_lease;
mod traps_log;
mod traps_repaired;
mod world;
