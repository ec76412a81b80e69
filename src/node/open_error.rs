//! Owns why the data cannot be used, and what to do about it.

use super::supply::segment_path;
use crate::remedy::Remedy;
use hyperion_runtime::files::LockError;
use hyperion_store::manifest::ManifestError;
use hyperion_store::{Damage, FORMAT_VERSION};
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the data cannot be used.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// Somebody else uses it.
    #[error("{0}")]
    Locked(LockError),
    /// There is no data to look at.
    #[error("there is no data in {path}: {what}; correct --data")]
    NoData {
        /// The data directory.
        path: PathBuf,
        /// What is not there.
        what: &'static str,
    },
    /// The manifest is not right.
    #[error("{path}: {error}")]
    Manifest {
        /// The data directory.
        path: PathBuf,
        /// What is wrong.
        error: ManifestError,
    },
    /// There are segments and no manifest.
    #[error(
        "{path} has segments but no MANIFEST; restore it from a backup, or move the directory away to start empty"
    )]
    NoManifest {
        /// The data directory.
        path: PathBuf,
    },
    /// A setting that is fixed for the life of the data.
    #[error(
        "the data at {path} was made with {what} {made}, the config says {configured}; set it back to {made}"
    )]
    Fixed {
        /// The data directory.
        path: PathBuf,
        /// The setting.
        what: &'static str,
        /// What the data has.
        made: u64,
        /// What the config has.
        configured: u64,
    },
    /// No segment is of the node that MANIFEST names.
    #[error(
        "{folder}: all {segments} segments belong to another node than MANIFEST says, so MANIFEST is what is wrong; restore the MANIFEST \
         that belongs to them; nothing was changed"
    )]
    Foreign {
        /// The core's folder.
        folder: PathBuf,
        /// How many.
        segments: usize,
    },
    /// Bytes that had been durable are not there any more.
    #[error("{}: {damage}", segment_path(folder, damage.segment).display())]
    Damaged {
        /// The core's folder.
        folder: PathBuf,
        /// What and where.
        damage: Damage,
    },
    /// A core's folder is gone.
    #[error(
        "{folder} is missing, and with it all that core {core} held; restore it from a backup, or start with --repair to go on with what \
         the other cores have"
    )]
    NoFolder {
        /// The core's folder.
        folder: PathBuf,
        /// The core.
        core: u16,
    },
    /// A segment's file is gone.
    #[error(
        "{path} is missing, and with it what it held; restore it from a backup, or start with --repair to save what can be saved"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A segment's header is not right.
    #[error(
        "{path}: {what}; {}restore the file from a backup, or start with --repair to save what can be saved",
        concerned(*records)
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
        /// Records in the file, when its batches tell.
        records: Option<u64>,
    },
    /// A segment of another release.
    #[error(
        "{path} has format version {found}, this program knows version {FORMAT_VERSION}; start the release that wrote it, or a \
         later one"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What the file says.
        found: u16,
    },
    /// A segment cannot be made: what, where, why, and what to do.
    #[error("{0}, then start again")]
    Segment(String),
    /// A call failed.
    #[error("{path}: {error}; {}, then try again", Remedy::of(error).advice())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl From<LockError> for OpenError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Failed { path, source } => Self::Io { path, error: source },
            held @ LockError::Held { .. } => Self::Locked(held),
        }
    }
}

fn concerned(records: Option<u64>) -> String {
    records.map_or_else(String::new, |records| {
        format!("up to {records} records in it are concerned; ")
    })
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> OpenError + '_ {
    |error| OpenError::Io { path: path.to_path_buf(), error }
}
