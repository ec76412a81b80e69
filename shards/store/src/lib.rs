//! One core's part of the data: the log as bytes, the indexes over it, expiry, transactions' records and recovery.
//!
//! The truth is the arena: segments of memory that only grow until they are sealed. The same bytes go to segment files, which the
//! node writes for us: nothing here opens, waits or reads a clock.
#![deny(unsafe_code)]

mod batch;
mod chain;
mod database;
mod error;
mod index;
mod limits;
mod log;
pub mod manifest;
mod prefetch;
mod record;
mod recovery;
mod segment;
mod store;
mod transaction;

#[cfg(test)]
mod tests;

pub use database::{Found, Key, Pieces, Value};
pub use error::{Damage, StoreError};
pub use log::{Append, Room, SyncTicket};
pub use record::Attributes;
pub use recovery::{Recovered, Unresolved};
pub use segment::{HEADER_BYTES, Header as SegmentHeader, HeaderState};
pub use store::{Options, ScanCursor, Store, StoreFigures, Swept};
pub use transaction::Write;
