//! Owns why an import ends before its end, or not well.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::flags::EXIT_BAD_FLAGS;
use crate::remedy::Remedy;

/// Why nothing, or not all, was imported.
#[derive(Debug, Error)]
pub(crate) enum ImportError {
    /// An address that is none.
    #[error("{0:?} is no address; give redis://[user:password@]host:port[/database]")]
    BadUrl(String),
    /// TLS is not spoken here.
    #[error("{0:?} wants TLS, which import does not speak; give a plain port, or a tunnel to one")]
    Secure(String),
    /// One side cannot be reached, or went away.
    #[error(
        "{address}: {error}; when it answers again, run the same command, it goes on where it was"
    )]
    Link {
        /// Host and port.
        address: String,
        /// What happened.
        error: io::Error,
    },
    /// One side refused what the import needs.
    #[error("{address} refuses {command}: {answer}")]
    Refused {
        /// Host and port.
        address: String,
        /// The command.
        command: &'static str,
        /// What it said.
        answer: String,
    },
    /// The state file is of something else, or cannot be used.
    #[error("{path}: {why}")]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The dump file cannot be read, or not to its end.
    #[error("{path}: {why}; keys before that place are imported")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It ran to its end, and both sides are not the same.
    #[error("{said}{why}")]
    Differs {
        /// What was done.
        said: String,
        /// What is wrong, and what to do.
        why: String,
    },
}

impl ImportError {
    pub(super) fn state(path: &std::path::Path, error: &io::Error) -> Self {
        let why = format!("{error}; {}", Remedy::of(error).advice());
        Self::State { path: path.to_owned(), why }
    }

    pub(super) fn file(path: &std::path::Path, error: &io::Error) -> Self {
        Self::File { path: path.to_owned(), why: error.to_string() }
    }

    /// 64: bad flags, 65: not all is there or the same, 69: a side does not answer as it must, 74: the state file or the dump file.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::BadUrl(_) | Self::Secure(_) => EXIT_BAD_FLAGS,
            Self::Differs { .. } => 65,
            Self::Link { .. } | Self::Refused { .. } => 69,
            Self::State { .. } | Self::File { .. } => 74,
        }
    }
}
