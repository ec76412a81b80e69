//! Lists the tests of the config, and makes what they share.

mod agreed;
mod asked;
#[expect(dead_code, reason = "the tests of the whole node use the rest")]
#[path = "../../tests/certificates.rs"]
mod certificates;
mod folder;
mod keeper;
mod load;

pub(crate) use folder::Folder;

use std::path::Path;

use hyperion_cluster::config::{Config, Machine};

use super::file;
use super::first::first_config;
use super::keeper::Keeper;
use super::overrides::Overrides;

/// Two cores and 8 GiB.
pub(crate) fn machine() -> Machine {
    Machine { cores_allowed: vec![0, 1], memory_bytes: 8 << 30 }
}

/// The first config of a node named `a`.
pub(crate) fn config() -> Config {
    first_config("a", &Overrides::default(), &machine()).expect("random numbers")
}

/// A keeper whose config is written to `path`.
pub(crate) fn keeper_at(path: &Path, config: Config) -> Keeper {
    file::write_atomically(path, config.to_text().as_bytes()).expect("the folder is there");
    Keeper::new(path, config, Overrides::default(), machine()).expect("the config is right")
}
