//! Compression where it pays: of snapshots on the disk, and of those that go from node to node.

mod compress;
#[cfg(test)]
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod unpack;

pub(crate) use compress::{Compressor, Goal, Probe};
pub(crate) use unpack::unpack;
