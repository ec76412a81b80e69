//! Owns why a node does not start with its config: one sentence each, with what to do.

use std::io;
use std::path::PathBuf;

use hyperion_cluster::config::limits::CONFIG_BYTES_MAX;
use hyperion_cluster::config::{Problem, Unidentified};

use crate::remedy::Remedy;

/// Why the config is refused at start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// There is no file at the path that was given.
    #[error(
        "there is no config at {path}; correct --config, or leave it out to have one made in the data folder"
    )]
    Missing {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the config at {path} cannot be read: {error}; {}", unread(error))]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// What the kernel says.
        error: io::Error,
    },
    /// The file is too long.
    #[error("the config at {path} is longer than {CONFIG_BYTES_MAX} bytes; is it the right file?")]
    TooBig {
        /// The path of the file.
        path: PathBuf,
    },
    /// The file is not JSON.
    #[error(
        "the config at {path} is not JSON at line {line}, column {column}: {problem}; correct it there"
    )]
    NotJson {
        /// The path of the file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What the reader found.
        problem: String,
    },
    /// The file is JSON, but one or more fields are wrong.
    #[error("the config at {path} is refused: {}", joined(.problems))]
    Invalid {
        /// The path of the file.
        path: PathBuf,
        /// All that is wrong.
        problems: Vec<Problem>,
    },
    /// The node that the flag names is not in the config.
    #[error("the config at {path} has no node {wanted:?}, it has {found:?}; correct --node")]
    NodeUnknown {
        /// The path of the file.
        path: PathBuf,
        /// The name in the flag.
        wanted: String,
        /// The name in the file.
        found: String,
    },
    /// The config has several nodes and no flag says which one this is.
    #[error("the config at {path} has the nodes {found}; say with --node which one this is")]
    NodeNotNamed {
        /// The path of the file.
        path: PathBuf,
        /// The names in the file.
        found: String,
    },
    /// The data is of another node than the config or the flag says.
    #[error("the config at {path}: {why}")]
    Unidentified {
        /// The path of the file.
        path: PathBuf,
        /// Which node is meant and is not there.
        why: Unidentified,
    },
    /// The config cannot be kept current; the sentence is whole.
    #[error("{0}")]
    NotWritable(String),
    /// The first config cannot be made.
    #[error("a config cannot be made at {path}: {error}; {}", not_made(error))]
    NotMade {
        /// The path of the file.
        path: PathBuf,
        /// What the kernel says.
        error: io::Error,
    },
}

impl ConfigError {
    /// The exit code of a start with a refused config.
    pub(crate) const EXIT_CODE: u8 = 78;
}

fn unread(error: &io::Error) -> &'static str {
    match Remedy::of(error) {
        Remedy::Place => "correct --config, or give --data a folder",
        Remedy::Rights | Remedy::Other => "let the node read it",
        remedy => remedy.advice(),
    }
}

fn not_made(error: &io::Error) -> &'static str {
    match Remedy::of(error) {
        Remedy::Rights | Remedy::Place | Remedy::Other => {
            "give --data a folder that the node may write"
        }
        remedy => remedy.advice(),
    }
}

fn joined(problems: &[Problem]) -> String {
    let sentences: Vec<String> = problems.iter().map(ToString::to_string).collect();
    sentences.join(" | ")
}
