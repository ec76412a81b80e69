//! Owns what names all parts of a snapshot over all nodes, and holds what is not in their logs.

use std::fs;
use std::io;
use std::path::Path;

use hyperion_cluster::state::ClusterState;
use hyperion_runtime::files;
use serde::{Deserialize, Serialize};

use crate::cluster::Mark;

/// The format of the file.
const VERSION: u32 = 1;

/// One node's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::snapshot) struct Part {
    /// The node's name in the config.
    pub(in crate::snapshot) node: String,
    /// The name of its file.
    pub(in crate::snapshot) file: String,
    pub(in crate::snapshot) bytes: u64,
    /// Keys of its copies at the cut, expired ones that nobody met too.
    pub(in crate::snapshot) keys: u64,
    /// The epoch of the config at the end.
    pub(in crate::snapshot) epoch: u64,
    /// Whose folder it is.
    pub(in crate::snapshot) mark: Mark,
}

/// A snapshot over all nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::snapshot) struct Manifest {
    pub(in crate::snapshot) version: u32,
    /// Unix ms at which it was begun; every part has it.
    pub(in crate::snapshot) snapshot: u64,
    /// The config, the epochs before it, and where copies are.
    pub(in crate::snapshot) state: ClusterState,
    pub(in crate::snapshot) parts: Vec<Part>,
}

/// The name of the file that names the parts.
pub(in crate::snapshot) fn manifest_name(snapshot: u64) -> String {
    format!("snapshot-{snapshot:013}.json")
}

impl Manifest {
    pub(in crate::snapshot) fn new(snapshot: u64, state: ClusterState, parts: Vec<Part>) -> Self {
        Self { version: VERSION, snapshot, state, parts }
    }

    /// Writes it into the folder of the snapshots, whole or not at all.
    ///
    /// Errors: those of the system.
    pub(in crate::snapshot) fn write(&self, folder: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        files::replace(&folder.join(manifest_name(self.snapshot)), &bytes)
    }

    /// Reads one.
    ///
    /// Errors: it cannot be read, or is none; a few words.
    pub(in crate::snapshot) fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|error| {
            format!(
                "it does not name the parts of a snapshot over all nodes ({error}); the snapshot of a single node is restored without --node"
            )
        })?;
        if manifest.version != VERSION {
            return Err(format!(
                "it has format version {}, this release reads {VERSION}: use the release that wrote it, or a later one",
                manifest.version
            ));
        }
        Ok(manifest)
    }
}
