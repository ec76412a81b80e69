//! Owns why a snapshot was not restored.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::config::ConfigError;
use crate::node::NodeError;
use crate::remedy::Remedy;

/// Why nothing was restored. Nothing is left of it on the disk.
#[derive(Debug, Error)]
pub(crate) enum RestoreError {
    /// The snapshot is not what was written.
    #[error(
        "{path} is damaged at offset {offset}: {what}; nothing was restored: copy the file anew from where it was kept, or use another snapshot"
    )]
    Damaged {
        /// The snapshot.
        path: PathBuf,
        /// Bytes from the start of the file.
        offset: u64,
        /// What was found.
        what: String,
    },
    /// Another release wrote it.
    #[error(
        "{path} has format version {found}, this program knows version {known}; nothing was restored: restore it with the release that \
         wrote it, or a later one"
    )]
    Version {
        /// The snapshot.
        path: PathBuf,
        /// What the file says.
        found: u16,
        /// What this program reads.
        known: u16,
    },
    /// There is something where the data is to be.
    #[error("{path} is not empty; restore into a folder that is empty or not there")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be replaced whole.
    #[error(
        "{path} is a mount point, which a restore cannot put a whole folder in the place of; restore into a folder below it, as in {path}/data"
    )]
    MountPoint {
        /// The folder.
        path: PathBuf,
    },
    /// A restore was killed here, or is under way.
    #[error(
        "{path} is there: a restore goes on, or is left of one that was cut short; in that case remove it and restore again"
    )]
    LeftOver {
        /// The folder.
        path: PathBuf,
    },
    /// The file is a part of a snapshot over all nodes.
    #[error(
        "{path} is one node's part of a snapshot over all nodes; give the snapshot-*.json that names all parts with --from, and --node"
    )]
    IsPart {
        /// The part.
        path: PathBuf,
    },
    /// Parts of a snapshot over all nodes do not belong together.
    #[error("{path}: {what}; nothing was restored")]
    Parts {
        /// What names them.
        path: PathBuf,
        /// What was found, and what to do.
        what: String,
    },
    /// The config for other machines does not fit: all problems, as sentences.
    #[error("{path}: {what}; nothing was restored")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// What was restored is not what a node starts with.
    #[error("{0}; nothing was restored")]
    Data(#[from] NodeError),
    /// A call failed.
    #[error(
        "{path}: {error}; {}, and restore again", Remedy::of(error).advice()
    )]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl RestoreError {
    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Damaged { .. } | Self::Version { .. } => 65,
            Self::Config { .. } => ConfigError::EXIT_CODE,
            Self::Data(error) => error.exit_code(),
            _ => 1,
        }
    }
}
