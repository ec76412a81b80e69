//! One core's part of the data: the log as bytes, the indexes over it, expiry, transactions' records and recovery.
//!
//! The truth is the arena: segments of memory that only grow until they are sealed. The same bytes go to segment files, which the
//! node writes for us: nothing here opens, waits or reads a clock.
#![deny(unsafe_code)]

mod batch;
mod cleaner;
mod content;
mod copies;
mod database;
mod error;
mod index;
mod limits;
mod log;
pub mod manifest;
pub mod mend;
mod object;
mod prefetch;
mod presize;
mod reach;
mod record;
mod recovery;
mod replicated;
mod salvage;
mod segment;
mod snapshot;
mod store;
mod transaction;

#[cfg(test)]
mod tests;

pub use cleaner::CleanerFigures;
pub use content::{Content, Form, OwnedContent};
pub use database::{Found, Key, Pieces, Value};
pub use error::{Damage, StoreError};
pub use index::Unbacked;
pub use log::{Append, Room, SyncTicket};
pub use object::{
    Between, Edit, Insert, LogMark, NOTE_KINDS, Note, Notes, ObjectHandle, Splice, Spliced,
    Splices, Split, StagedAt, StagedText, ValueHandle, ValueType,
};
pub use prefetch::prefetch_bytes;
pub use reach::{BatchPlace, Ending, Reach, Resting, cuts};
pub use record::Attributes;
pub use recovery::{Adopted, Digest, Digester, Recovered, StepRoom, Unresolved};
pub use replicated::{
    Change, ChangeKind, GroupState, PartitionCursor, RecoveredEntry, RecoveredGroup,
    decode_changes, encode_changes,
};
pub use salvage::Hole;
pub use segment::{
    FORMAT_VERSION, HEADER_BYTES, Header as SegmentHeader, HeaderState, OTHER_VERSION, Role,
};
pub use snapshot::{BatchCheck, SegmentInUse, Whole};
pub use store::{
    Evicted, Gone, GoneWhy, Held, KeyMark, Lookups, Options, Policy, ScanCursor, Store,
    StoreFigures, Swept, Uses,
};
pub use transaction::Write;
