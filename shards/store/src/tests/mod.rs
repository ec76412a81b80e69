//! Tests of the whole store, on files that are vectors of bytes.

mod chains;
mod cleaning;
mod damage;
mod disk;
mod evict;
mod expiry;
pub(crate) mod flips;
mod format;
mod golden;
mod keyspace;
mod reuse;
mod snapshot;
mod transactions;
