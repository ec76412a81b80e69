//! Owns the config file of a node that does not run.

use std::fs;
use std::io;
use std::path::Path;

use hyperion_cluster::config::Config;

use super::file;

/// Puts a config into the file and keeps the one before it: under its epoch, or as `.bak` where that is not an earlier one.
///
/// Errors: those of writing; the file is the old one or the new one.
pub(crate) fn replace_file(path: &Path, before: &Config, next: &Config) -> io::Result<()> {
    // A link is followed, as a start does.
    let path = fs::canonicalize(path)?;
    if before == next {
        return Ok(());
    }
    if before.epoch < next.epoch {
        file::keep_earlier(&path, before.epoch, before.to_text().as_bytes())?;
    } else {
        file::keep_bak(&path)?;
    }
    file::write_atomically(&path, next.to_text().as_bytes())
}

/// Writes the config of a folder that is made.
///
/// Errors: those of writing.
pub(crate) fn write_file(path: &Path, config: &Config) -> io::Result<()> {
    file::write_atomically(path, config.to_text().as_bytes())
}
