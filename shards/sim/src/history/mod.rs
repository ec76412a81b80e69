//! What clients were told and what logs hold, and whether the two can be true together.

mod checker;
mod operation;
mod prefix;
mod search;
#[cfg(test)]
mod tests;

pub use checker::Checker;
pub use operation::{Answer, Held, KeyId, Operation, State, ValueId, Values, unexpired};
pub use prefix::Prefix;
pub use search::{Call, Verdict, search};
