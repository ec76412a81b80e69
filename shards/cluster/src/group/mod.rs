//! Raft groups: everything that one core's replicas do, as events in and effects out.

mod alone;
mod apply;
mod asked;
mod batch;
mod calm;
mod conf;
mod doubt;
mod drive;
mod effect;
mod election;
mod error;
#[cfg(test)]
mod forced;
mod groups;
mod lease;
pub mod limits;
mod membership;
mod message;
mod overtaken;
mod pace;
mod planted;
mod reads;
mod recovered;
mod repaired;
mod replica;
mod rest;
mod roles;
mod snapshot;
mod tail;
#[cfg(test)]
mod tests;
pub mod timing;
mod truncate;

pub use calm::{Beat, BeatOut};
pub use conf::{Change, Conf};
pub use effect::{Effect, GroupState, Ticket};
pub use error::{GroupError, Refusal};
pub use groups::Groups;
pub use lease::Lease;
pub use limits::Bounds;
pub use planted::Planted;
pub use raft::eraftpb::{Entry, EntryType, Message, MessageType};
pub use recovered::{Position, RecoveredGroup, entry};
pub use repaired::REPAIRED_TERMS;
