//! Owns drawing the random identifiers of clusters and nodes.

use std::fs::File;
use std::io::{self, Read};

use hyperion_cluster::config::from_random;

/// Draws a new identifier from the kernel's random source.
///
/// Errors: those of reading `/dev/urandom`.
pub(crate) fn generate() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(from_random(bytes))
}
