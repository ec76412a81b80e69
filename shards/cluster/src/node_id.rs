//! Owns the number of a node: what the config gives it, and what its replicas are called in a group.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a node, from 1, never given to another one.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
