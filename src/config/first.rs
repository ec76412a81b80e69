//! Owns the first config of a node that was given none.

use std::io;

use hyperion_cluster::config::{Config, Machine};

use super::overrides::Overrides;
use super::uuid;

/// The first config of a single node, with what the flags say written in.
///
/// Segments are smaller than the default where the machine's memory asks for it.
///
/// Errors: those of drawing the two identifiers.
pub(crate) fn first_config(
    node_name: &str,
    flags: &Overrides,
    machine: &Machine,
) -> io::Result<Config> {
    let config = Config::single(node_name, uuid::generate()?, uuid::generate()?);
    let mut config = flags.over(&config);
    config.fit_segments(machine);
    Ok(config)
}
