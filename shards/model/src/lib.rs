//! The shared words of the database: ids, slots, limits, expiry and the writer of replies.
//!
//! Everything below `shards/` speaks in these words; nothing here waits, allocates without a bound or knows a format.
#![forbid(unsafe_code)]

pub mod collections;
pub mod counted;
pub mod databases;
pub mod events;
pub mod ids;
pub mod limits;
pub mod number;
pub mod reply;
pub mod slot;

pub use counted::Counted;
pub use databases::Databases;
pub use events::{EventClass, EventMask};
pub use ids::{CoreId, DatabaseId, GroupId, PartitionId, TransactionId};
pub use reply::ReplyWriter;
pub use slot::{PartitionMap, slot_of};
