//! Transactions over several cores: the coordinator's side, the participant's side, and what waits for the log.
//!
//! Keys are locked in the order of the cores, all of one core at once, so transactions never wait for each other in a circle.
//! Writes are prepared on stable storage everywhere before the coordinator's decision is written, and the decision is on
//! stable storage before anyone commits: what a power cut leaves is whole or absent in every durability mode.

mod coordinator;
mod participant;
mod scanning;
mod shape;
mod waiting;

pub(crate) use coordinator::Coordinator;
pub(crate) use participant::Looked;
pub(crate) use shape::{Shape, Verdict};
pub(crate) use waiting::{Then, Until, Waiting};
