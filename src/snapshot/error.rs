//! Owns why a snapshot was not made.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::remedy::Remedy;

use super::limits::{ANSWER_S, CUT_TRIES, PIN_S_MAX, SNAPSHOT_CUT_MS};

/// Why a snapshot was not made. Nothing of it is left on the disk, and the node goes on.
#[derive(Debug, Error)]
pub(super) enum SnapshotError {
    /// The file cannot be written, or a segment not be read.
    #[error(
        "{path}: {error}; {}, and ask for the snapshot again", Remedy::of(error).advice()
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Bytes of a segment are not what was written.
    #[error(
        "segment {segment} of core {core} is damaged at offset {offset}; nothing was backed up: check the disk, and keep the older snapshots"
    )]
    Damaged {
        /// Whose.
        core: u16,
        /// The file's id.
        segment: u64,
        /// Bytes from its start.
        offset: u64,
    },
    /// A core is too busy, or the node stops.
    #[error("a core did not answer within {ANSWER_S} s; ask for the snapshot again")]
    NoAnswer,
    /// The cores did not come together.
    #[error(
        "the cores did not note one cut within {SNAPSHOT_CUT_MS} ms in {CUT_TRIES} tries; ask for the snapshot again when the node is less busy"
    )]
    NoCut,
    /// Another node has no part.
    #[error(
        "node {node}: {why}; nothing was kept: ask for the snapshot again when all nodes are up"
    )]
    AtNode {
        /// Its name.
        node: String,
        /// What happened there.
        why: String,
    },
    /// The nodes did not come together.
    #[error(
        "the nodes did not note one cut in {CUT_TRIES} tries; ask for the snapshot again when they are less busy"
    )]
    NoClusterCut,
    /// The config is another one than at the begin.
    #[error("the config of the cluster has changed meanwhile; ask for the snapshot again")]
    ConfigChanged,
    /// Segments may not be kept from their next use for longer.
    #[error(
        "copying what was left at the cut took longer than {PIN_S_MAX} s; ask for the snapshot again when the disk is less busy"
    )]
    Slow,
}

/// What the system said about a path.
pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> SnapshotError + '_ {
    |error| SnapshotError::Io { path: path.to_path_buf(), error }
}
