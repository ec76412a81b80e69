//! Owns the way back from a snapshot over all nodes: each node gets the folder that it had at the cut, if all parts are there.

use std::io;
use std::path::Path;

use super::cluster::Manifest;
use super::restore::{Restored, Snapshot, restore_with};
use super::restore_error::RestoreError;
use crate::cluster::{keep_agreed, keep_mark};
use crate::config;

/// Makes the data folder `to` of a node, with its config. `from` names the parts, which lie beside it.
///
/// Errors: [`RestoreError`]; the folder is as it was then.
pub(crate) fn restore_part(from: &Path, node: &str, to: &Path) -> Result<Restored, RestoreError> {
    let unfit = |what: String| RestoreError::Parts { path: from.to_path_buf(), what };
    let manifest = Manifest::read(from).map_err(unfit)?;
    let Some(own) = manifest.parts.iter().find(|part| part.node == node) else {
        let names: Vec<&str> = manifest.parts.iter().map(|part| part.node.as_str()).collect();
        return Err(unfit(format!("it has no node {node:?}; give one of {}", names.join(", "))));
    };
    // All of them: nodes of two snapshots would contradict each other.
    for part in &manifest.parts {
        let path = from.with_file_name(&part.file);
        let snapshot = match Snapshot::open(&path) {
            Err(RestoreError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Err(unfit(format!(
                    "{} of node {:?} is not beside it; bring the parts of all nodes together",
                    part.file, part.node
                )));
            }
            opened => opened?,
        };
        if snapshot.began_ms() != manifest.snapshot || snapshot.bytes() != part.bytes {
            return Err(unfit(format!("{} is not the part that was made with it", part.file)));
        }
    }
    restore_with(&from.with_file_name(&own.file), to, true, |folder| {
        keep_mark(folder, &own.mark)?;
        keep_agreed(folder, &manifest.state)?;
        config::write_file(&folder.join("config.json"), manifest.state.config())
    })
}
