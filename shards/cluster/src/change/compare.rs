//! Owns compare-and-set: whether a config is the child of the current one.

use serde::{Deserialize, Serialize};

use crate::config::{Config, Difference, between};

use super::table::{Column, change_of};

/// How a proposed config stands to the current one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// It is the very same.
    Same,
    /// It is the next one.
    Child,
    /// It was made from another config.
    Stale(Stale),
}

/// What a client needs to make its change anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// The current epoch.
    pub epoch: u64,
    /// The hash of the current config.
    pub hash: String,
    /// Where the two differ, apart from epoch and parent.
    pub diff: Vec<Difference>,
}

/// Compares a proposed config with the current one, whose hash is `hash`.
#[must_use]
pub fn compare(current: &Config, hash: &str, proposed: &Config) -> Compared {
    if proposed == current {
        return Compared::Same;
    }
    if proposed.epoch == current.epoch + 1 && proposed.parent == hash {
        return Compared::Child;
    }
    let mut diff = between(current, proposed);
    diff.retain(|difference| change_of(Column::Cluster, &difference.pointer).is_some());
    Compared::Stale(Stale { epoch: current.epoch, hash: hash.to_owned(), diff })
}
