//! Owns why a node does not run, and the exit code of each reason.

use hyperion_runtime::RuntimeError;
use std::io::ErrorKind;
use thiserror::Error;

use super::commit::EXIT_DISK;
use super::open_error::OpenError;
use super::repair::EXIT_DAMAGED;
use crate::config::ConfigError;
use crate::flags::EXIT_BAD_FLAGS;
use crate::http::HttpSideError;
use crate::remedy::Remedy;

/// Why the node does not run.
#[derive(Debug, Error)]
pub(crate) enum NodeError {
    /// The config is refused.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// What several nodes need is not there: a whole sentence.
    #[error("{0}")]
    Cluster(String),
    /// The data cannot be used.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The runtime does not start.
    #[error("{0}")]
    Runtime(#[from] RuntimeError),
    /// The HTTP side does not start.
    #[error("{0}")]
    Http(#[from] HttpSideError),
    /// A listener does not open.
    #[error("cannot listen on {address}: {error}; {}", listen_advice(error))]
    Listen {
        /// Where.
        address: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A segment for the start cannot be made.
    #[error("{0}, then start again")]
    Segment(String),
    /// Another core did not start.
    #[error("another core did not start")]
    Other,
    /// A call failed.
    #[error("{what}: {error}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
}

/// What helps where an address or a path takes no listener.
fn listen_advice(error: &std::io::Error) -> &'static str {
    match (error.kind(), Remedy::of(error)) {
        (ErrorKind::AddrNotAvailable, _) => "give an address that this machine has",
        (ErrorKind::PermissionDenied, _) => {
            "let the node listen there (ports below 1024 want CAP_NET_BIND_SERVICE, a socket's folder wants to be writable), or choose another"
        }
        (_, Remedy::Place) => "make the folder of the socket, or correct its path",
        (_, remedy @ (Remedy::Room | Remedy::Writable | Remedy::Descriptors)) => remedy.advice(),
        _ => "free the address or choose another",
    }
}

impl NodeError {
    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Cluster(_) => ConfigError::EXIT_CODE,
            Self::Open(
                OpenError::Foreign { .. }
                | OpenError::Damaged { .. }
                | OpenError::Header { .. }
                | OpenError::NoFolder { .. }
                | OpenError::Missing { .. }
                | OpenError::Manifest { .. }
                | OpenError::Version { .. }
                | OpenError::NoManifest { .. },
            ) => EXIT_DAMAGED,
            Self::Open(OpenError::NoData { .. }) => EXIT_BAD_FLAGS,
            Self::Open(OpenError::Fixed { .. }) => ConfigError::EXIT_CODE,
            Self::Open(OpenError::Io { .. } | OpenError::Segment(_)) | Self::Segment(_) => {
                u8::try_from(EXIT_DISK).unwrap_or(1)
            }
            _ => 1,
        }
    }
}
