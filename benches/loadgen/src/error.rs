//! What ends a run.

use std::io;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("cannot connect to {endpoint}: {source}; is the server running there?")]
    Connect { endpoint: String, source: io::Error },
    #[error("{endpoint} refused the password: {text}")]
    Password { endpoint: String, text: String },
    #[error("{endpoint} does not speak RESP: {text}")]
    NotResp { endpoint: String, text: String },
    #[error("--commands {text:?}: {problem}; write for example get:0.9,set:0.1")]
    Commands { text: String, problem: String },
    #[error("{problem}")]
    Arguments { problem: String },
    #[error("filling the keys failed after {done} of {keys}: {text}")]
    Preload { done: u64, keys: u64, text: String },
    #[error("every connection was lost after {done} replies: {text}")]
    AllLost { done: u64, text: String },
    #[error("cannot poll sockets: {0}")]
    Poll(io::Error),
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
}
