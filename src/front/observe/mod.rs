//! What a core notes of the work it does, for those who ask later and for those who watch.

mod latency;
pub(crate) mod limits;
mod noting;
mod pause;
mod refusals;
mod slow;
mod told;
mod waiting;
mod watch;

pub(crate) use latency::{Event, Events, Sample, join_events};
pub(crate) use noting::{Observer, full_name};
pub(crate) use pause::Pause;
pub(crate) use refusals::{Circumstance, Reason, Refusal, merge_refusals, write_refusals};
pub(crate) use slow::{Slow, write_slow};
pub(crate) use watch::Shown;
