//! Owns the log: its level, and the way of its lines to standard error, on which no core ever waits.

mod control;
mod limits;
mod queue;

pub(crate) use control::LogControl;
pub(crate) use queue::{dropped, flush};
