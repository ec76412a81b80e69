//! Owns the history of epochs: which config followed which.

use serde::{Deserialize, Serialize};

/// Epochs that are kept; a node that was away for longer is told apart by a person.
pub const HISTORY_MAX: usize = 1024;

/// One config that was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochEntry {
    /// Its epoch.
    pub epoch: u64,
    /// Its hash.
    pub hash: String,
    /// The hash of the one before; empty for the first.
    pub parent: String,
    /// What a person should know of it, such as a recovery that may have lost data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The newest epochs, the current one last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History(Vec<EpochEntry>);

impl History {
    /// Adds the next one and forgets the oldest past [`HISTORY_MAX`].
    ///
    /// Panics: when it is not newer than the last one.
    pub fn push(&mut self, entry: EpochEntry) {
        let last = self.0.last().map_or(0, |last| last.epoch);
        assert!(entry.epoch > last, "epoch {} follows {last}", entry.epoch);
        self.0.push(entry);
        let surplus = self.0.len().saturating_sub(HISTORY_MAX);
        self.0.drain(..surplus);
    }

    /// Whether this very config was in force.
    #[must_use]
    pub fn knows(&self, epoch: u64, hash: &str) -> bool {
        self.entry(epoch).is_some_and(|entry| entry.hash == hash)
    }

    /// What was in force in an epoch.
    #[must_use]
    pub fn entry(&self, epoch: u64) -> Option<&EpochEntry> {
        let at = self.0.binary_search_by_key(&epoch, |entry| entry.epoch).ok()?;
        self.0.get(at)
    }

    /// All that is known, the current one last.
    #[must_use]
    pub fn entries(&self) -> &[EpochEntry] {
        &self.0
    }
}
