//! Tests of the whole store, on files that are vectors of bytes.

mod cleaning;
mod contents;
mod copies;
mod cuts;
mod damage;
mod disk;
mod evict;
mod expiry;
pub(crate) mod flips;
mod format;
mod golden;
mod keyspace;
mod known;
mod long_values;
mod moving;
mod notes;
mod objects;
mod regions;
mod replicated;
mod rest;
mod reuse;
mod room;
mod snapshot;
mod staged;
mod transactions;
