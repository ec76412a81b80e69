//! Lists the rules of a change from one config to the next, and the changes that nodes make themselves.

mod alone;
mod announce;
mod check;
mod compare;
mod elsewhere;
mod finish;
mod lost;
mod membership;
mod quorum;
mod remove;
pub mod table;
#[cfg(test)]
mod tests;

pub use alone::left_alone;
pub use announce::{announce, announced_by};
pub use check::{Author, Effects, Refusal, Standing, check_change};
pub use compare::{Compared, Stale, compare};
pub use elsewhere::{Elsewhere, restored_elsewhere};
pub use finish::finish_leaving;
pub use lost::{Anew, Left};
pub(crate) use lost::{left_of, note};
pub use membership::is_for_now;
pub use remove::{Removal, remove};
