//! Owns the step to another cluster with the same copies: what group 0 of a restored cluster holds at first.

use crate::config::{Config, try_hash};

use super::cluster::entry;
use super::{ClusterState, History};

impl ClusterState {
    /// What this state is under a config whose nodes have the same numbers: the copies are where they are, the history begins with `config`.
    ///
    /// `None`: the config has no hash.
    pub(crate) fn renamed(&self, config: Config, note: String) -> Option<Self> {
        let hash = try_hash(&config)?;
        let mut history = History::default();
        history.push(entry(&config, &hash, Some(note)));
        let mut renamed = self.clone();
        (renamed.config, renamed.hash, renamed.history) = (config, hash, history);
        Some(renamed)
    }
}
