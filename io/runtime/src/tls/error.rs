//! What can be wrong with the files of TLS.

use std::{io, path::PathBuf};

/// Which of the files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// The certificate of this node.
    Certificate,
    /// Its key.
    Key,
    /// The certificates that others are checked by.
    Authority,
}

impl TlsFile {
    /// The word in the config.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Certificate => "cert_file",
            Self::Key => "key_file",
            Self::Authority => "ca_file",
        }
    }
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} {}: {error}; give a file that the node may read", file.field(), path.display())]
    Unreadable {
        /// Which.
        file: TlsFile,
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is longer than any of its kind.
    #[error("{} {} is longer than {bytes_max} bytes; give a PEM file", file.field(), path.display())]
    TooLong {
        /// Which.
        file: TlsFile,
        /// Where.
        path: PathBuf,
        /// The longest.
        bytes_max: u64,
    },
    /// A file has nothing of what it is for.
    #[error("{} {} has no {wanted} in PEM; {hint}", file.field(), path.display())]
    Empty {
        /// Which.
        file: TlsFile,
        /// Where.
        path: PathBuf,
        /// What it should have.
        wanted: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// A file has something of its kind, and that is damaged or of an unknown sort.
    #[error("{} {}: {why}; make it anew", file.field(), path.display())]
    Unusable {
        /// Which.
        file: TlsFile,
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Others are to be checked, and nothing says by what.
    #[error(
        "no ca_file, and certificates of others are to be checked by one; give the certificate of the authority that signs them"
    )]
    NoAuthority,
}

impl TlsError {
    /// The file that it is about.
    #[must_use]
    pub fn file(&self) -> TlsFile {
        match self {
            Self::Unreadable { file, .. }
            | Self::TooLong { file, .. }
            | Self::Empty { file, .. }
            | Self::Unusable { file, .. } => *file,
            Self::NoAuthority => TlsFile::Authority,
        }
    }
}
