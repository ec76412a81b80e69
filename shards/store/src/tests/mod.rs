//! Tests of the whole store, on files that are vectors of bytes.

mod chains;
mod damage;
mod disk;
mod expiry;
mod format;
mod golden;
mod keyspace;
mod reuse;
mod transactions;
