//! Lists what is known of places: which node holds which replica, where they should be, and the steps between.

mod balance;
mod dry_run;
mod leaders;
mod listen;
mod map;
mod meta;
mod next;
mod plan;
mod racks;
mod target;
#[cfg(test)]
pub(crate) mod tests;

pub use dry_run::{DryRun, Transfer, dry_run};
pub use listen::next_meta_step;
pub use map::{META, Placement, Replicas, Step, StepError};
pub use next::{GROUPS_AT_A_TIME, Seen, next_step, next_steps};
pub use plan::{Plan, plan};
pub use target::{initial, target};
