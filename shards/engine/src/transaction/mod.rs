//! Transactions over several cores: the coordinator's side, the participant's side, and what waits for the log.
//!
//! Keys are locked in the order of the cores, all of one core at once, so transactions never wait for each other in a circle.
//! Writes are prepared everywhere before the coordinator's decision is written, and that before anyone commits. With `always` each
//! of these is on stable storage before the next; else it is written, and says what it rests on (`hyperion_store::Reach`), which
//! `epochs` makes durable together and a start holds against what is left. So what a power cut leaves is whole or absent in every mode.

mod coordinator;
mod participant;
mod scanning;
mod shape;
mod waiting;

pub(crate) use coordinator::Coordinator;
pub(crate) use participant::Looked;
pub(crate) use shape::{Shape, Verdict};
pub(crate) use waiting::{Then, Until, Waiting};
