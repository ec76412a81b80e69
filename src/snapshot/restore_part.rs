//! Owns the way back from a snapshot over all nodes: each node gets the folder that it had at the cut, if all parts are there.

use std::io;
use std::path::Path;

use super::cluster::{Manifest, Part};
use super::elsewhere::Elsewhere;
use super::restore::{Snapshot, failed, restore_with};
use super::restore_error::RestoreError;
use crate::cluster::{keep_agreed, keep_mark};
use crate::config;

/// Makes the data folder `to` of a node, with its config. `from` names the parts, which lie beside it; with `elsewhere`, the config file of
/// other machines, it is that of a node of another cluster with the same data. Gives what to tell.
///
/// Errors: [`RestoreError`]; the folder is as it was then.
pub(crate) fn restore_part(
    from: &Path,
    node: &str,
    elsewhere: Option<&Path>,
    to: &Path,
) -> Result<String, RestoreError> {
    let unfit = |what: String| RestoreError::Parts { path: from.to_path_buf(), what };
    let manifest = Manifest::read(from).map_err(unfit)?;
    let part = manifest.parts.iter().find(|part| part.node == node);
    let Some(file) = elsewhere else {
        let own = part.ok_or_else(|| {
            let names: Vec<&str> = manifest.parts.iter().map(|part| part.node.as_str()).collect();
            unfit(format!("it has no node {node:?}; give one of {}", names.join(", ")))
        })?;
        check_parts(from, &manifest)?;
        let restored = restore_with(&from.with_file_name(&own.file), to, true, |folder| {
            keep_mark(folder, &own.mark)
                .and_then(|()| keep_agreed(folder, &manifest.state))
                .and_then(|()| {
                    config::write_file(&folder.join("config.json"), manifest.state.config())
                })
                .map_err(failed(folder))
        })?;
        return Ok(restored.sentence(to));
    };
    let elsewhere = Elsewhere::plan(&manifest, file)?;
    let own = elsewhere.node(node)?;
    let Some(part) = part else {
        elsewhere.add(to, own)?;
        let told = elsewhere.sentence(own, to);
        return Ok(format!(
            "the snapshot has no part for it, so it gets its share from the others; {told}"
        ));
    };
    check_parts(from, &manifest)?;
    let restored = restore_with(&from.with_file_name(&part.file), to, true, |folder| {
        elsewhere.fill(folder, own)
    })?;
    Ok(format!("restored {} keys; {}", restored.keys, elsewhere.sentence(own, to)))
}

/// Refuses a snapshot of which not all parts are there: nodes of two snapshots would contradict each other.
fn check_parts(from: &Path, manifest: &Manifest) -> Result<(), RestoreError> {
    let unfit = |what: String| RestoreError::Parts { path: from.to_path_buf(), what };
    let check = |part: &Part| {
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
        Ok(())
    };
    manifest.parts.iter().try_for_each(check)
}
