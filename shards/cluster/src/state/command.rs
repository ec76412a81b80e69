//! Owns the commands of group 0: what its log holds, and what each answers.

use serde::{Deserialize, Serialize};

use crate::change::Stale;
use crate::config::Config;
use crate::placement::{Placement, Replicas, Step};

/// One entry of group 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    /// The config of a cluster that is being made. Every node may say it, the first one counts.
    Form {
        /// The config.
        config: Box<Config>,
        /// Where the replicas begin.
        placement: Placement,
    },
    /// The next config, if it is the child of the one in force then. Its other rules were checked by who proposed it.
    SetConfig {
        /// The config.
        config: Box<Config>,
        /// Where the replicas should be with it; worked out once, so that nodes of two versions do not differ.
        target: Placement,
        /// For the history.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// A step that a group has made.
    Stepped {
        /// The step.
        step: Step,
    },
    /// Where groups really are: voters live in the groups' own logs, and the map follows.
    Found {
        /// Groups, each with its replicas.
        groups: Vec<(u32, Replicas)>,
    },
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The config is in force.
    Set {
        /// Its epoch.
        epoch: u64,
        /// Its hash.
        hash: String,
    },
    /// The very same config was in force already.
    Same,
    /// The config was made from another one; the current one stands.
    Stale(Stale),
    /// The map follows.
    Stepped,
    /// The step does not fit the map; the sentence says why. The map stands.
    Unfit(String),
}

/// Why bytes are no command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an entry of group 0 cannot be read: {0}; it was written by a newer version, or the log is damaged"
)]
pub struct CommandError(String);

impl Command {
    /// The bytes of the entry.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a command has text keys alone")
    }

    /// Reads an entry.
    ///
    /// Errors: [`CommandError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CommandError> {
        serde_json::from_slice(bytes).map_err(|error| CommandError::of(&error))
    }
}

impl CommandError {
    pub(super) fn of(error: &serde_json::Error) -> Self {
        Self(error.to_string())
    }
}
