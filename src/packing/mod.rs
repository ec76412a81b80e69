//! Compression where it pays: of snapshots on the disk, and of those that go from node to node.

mod compress;
#[cfg(test)]
mod tests;
mod unpack;

pub(crate) use compress::{Compressor, Probe};
pub(crate) use unpack::unpack;
