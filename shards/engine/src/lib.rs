//! One core's machine: commands over the store, locks, and transactions over several cores.
//!
//! Requests and mail go in, answers and effects come out; nothing here waits, opens or reads a clock.
#![forbid(unsafe_code)]

pub mod acl;
mod blocking;
pub mod collection;
pub mod command;
mod effect;
mod engine;
mod epochs;
mod events;
mod evict;
mod execute;
mod field_sweep;
mod limits;
mod lock;
mod mail;
mod recorded;
mod replication;
mod request;
mod route;
mod serving;
mod settings;
mod slices;
mod spanning;
mod staging;
#[cfg(test)]
mod tests;
mod told;
mod transaction;
mod words;
mod work;

pub use blocking::Waiter;
pub use effect::{Answer, Effect, Mail, Ticket, TransactionMail, Want, Wanted};
pub use engine::Engine;
pub use epochs::EpochMail;
pub use events::{Change, Events, KeyEvent};
pub use hyperion_cluster::config::Thresholds;
pub use hyperion_store::{Key, Policy as Eviction, ValueHandle as Handle};
pub use recorded::Recorded;
pub use replication::{
    ANNOUNCED, GroupReport, LeaveProgress, Marks, Outgoing, Proposed, Replica, ReplicateError,
    ReportMark, SNAPSHOT_PART_BYTES_MAX, Said, SnapshotMail, SnapshotStep, groups_of,
    mark_repaired, recovered,
};
pub use request::{Outcome, Request};
pub use route::{Route, key_slot};
pub use serving::Leader;
pub use settings::{Durability, Reads, Settings};
pub use spanning::{SpanId, SpanMail, SpanStep};
pub use told::Told;
pub use work::{Bench, Halt, Queued, Unit, WatchedKey, Work};
