//! Owns what the commands of streams answer when they cannot do what was asked.

use crate::command::error::repeat;
use thiserror::Error;

/// Why a command of streams was not carried out; the text is the reply's error line.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StreamError {
    /// No id, or not one that is meant here.
    #[error("ERR Invalid stream ID specified as stream command argument")]
    InvalidId,
    /// There is nothing to fill in.
    #[error("ERR {0}")]
    Said(&'static str),
    /// The stream or the group does not exist.
    #[error("NOGROUP No such key '{key}' or consumer group '{group}'{behind}")]
    NoGroup {
        /// What the client called the stream.
        key: String,
        /// What the client called the group.
        group: String,
        /// What else is said.
        behind: &'static str,
    },
    /// The stream exists, the group does not.
    #[error("NOGROUP No such consumer group '{group}' for key name '{key}'")]
    NoGroupOfKey {
        /// What the client called the stream.
        key: String,
        /// What the client called the group.
        group: String,
    },
    /// There is one already.
    #[error("BUSYGROUP Consumer Group name already exists")]
    BusyGroup,
    /// Options that a subcommand does not have.
    #[error(
        "ERR unknown subcommand or wrong number of arguments for '{name}'. Try {command} HELP."
    )]
    Subcommand {
        /// What the client called it.
        name: String,
        /// The command, in capitals.
        command: &'static str,
    },
    /// XCLAIM does not know the option.
    #[error("ERR Unrecognized XCLAIM option '{0}'")]
    ClaimOption(String),
    /// Keys without ids.
    #[error(
        "ERR Unbalanced '{command}' list of streams: for each stream key an ID or '{symbol}' must be specified."
    )]
    Unbalanced {
        /// The command.
        command: &'static str,
        /// What else it takes for an id.
        symbol: char,
    },
}

impl StreamError {
    pub(super) fn no_group(key: &[u8], group: &[u8]) -> Self {
        Self::NoGroup { key: repeat(key), group: repeat(group), behind: "" }
    }

    pub(super) fn no_group_read(key: &[u8], group: &[u8]) -> Self {
        let behind = " in XREADGROUP with GROUP option";
        Self::NoGroup { key: repeat(key), group: repeat(group), behind }
    }

    pub(super) fn no_group_of_key(key: &[u8], group: &[u8]) -> Self {
        Self::NoGroupOfKey { key: repeat(key), group: repeat(group) }
    }

    pub(super) fn subcommand(name: &[u8], command: &'static str) -> Self {
        Self::Subcommand { name: repeat(name), command }
    }
}
