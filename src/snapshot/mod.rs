//! Backups without fork: the log's segments as one checksummed file, written while the node serves, and the way back from it.

mod cluster;
mod core_part;
mod cut;
mod elsewhere;
mod error;
mod file;
mod format;
mod job;
mod limits;
mod progress;
mod restore;
mod restore_error;
mod restore_part;
mod run;
mod source;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use core_part::{CorePart, SnapshotNote};
pub(crate) use restore::restore;
pub(crate) use restore_part::restore_part;
pub(crate) use worker::{SaveFacts, Snapshots, StartRefused};
