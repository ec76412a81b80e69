//! Commands that run on copies: all their keys are locked, the values are brought to one core, a scratch store takes them, and what was
//! changed there is written back as one transaction.

mod bench;
mod here;
mod keys;
mod plan;
mod ready;
mod scratch;
mod undo;
mod unit;
mod units;
mod watching;

pub use bench::{Bench, Halt};
pub(crate) use keys::lock_keys;
pub(crate) use plan::{Judged, Plan, too_many_bytes};
pub(crate) use ready::{Ready, ReadyWork};
pub(crate) use scratch::Scratch;
pub(crate) use undo::Undo;
pub use unit::{Queued, Unit, WatchedKey};
pub(crate) use units::{UnitMail, Units};

use crate::effect::Answer;
use std::fmt::Debug;

/// What runs on copies of the values of its keys.
pub trait Work: Debug {
    /// Runs, and gives the answer. All of it is done again where it gives [`Halt::Missing`]: nothing of this run has an effect then. While it takes
    /// long it calls `attend` now and then, so that whoever runs it looks after others.
    ///
    /// # Errors
    /// When it met a key that is not among its own, or is not to have any effect.
    fn run(&mut self, bench: &mut Bench<'_>, attend: &mut dyn FnMut()) -> Result<Answer, Halt>;

    /// Whether it may change something.
    fn may_write(&self) -> bool;
}
