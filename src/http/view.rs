//! Owns what the routes ask of the node: functions that the node fills in, and how it stands to its cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::changer::ChangeError;
use crate::cluster::{Known, MemberPlace};
use crate::config::{Accepted, Config, Keeper, Resolved};

/// What the node shows to the HTTP side. Each is called on a thread of the HTTP side, may wait for
/// the cores, and should bound that wait itself: a call that never returns keeps its thread.
pub(crate) struct NodeView {
    /// What `/status` answers.
    pub(crate) status: Box<dyn Fn() -> Value + Send + Sync>,
    /// What `/metrics` answers: Prometheus text, version 0.0.4.
    pub(crate) metrics: Box<dyn Fn() -> String + Send + Sync>,
    /// Begins a snapshot and gives the name of its file; the error says why not.
    pub(crate) snapshot: Box<dyn Fn() -> Result<String, String> + Send + Sync>,
    /// Whether the node serves; the error says why not.
    pub(crate) healthy: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// When this node took configs, in Unix ms, by their epochs; the current one's is given.
    pub(crate) taken_ms: Box<dyn Fn(u64) -> BTreeMap<u64, u64> + Send + Sync>,
    /// The cluster that the node belongs to, where there are several.
    pub(crate) member: MemberPlace,
    /// What is known of the cluster; nothing where the node is alone.
    pub(crate) cluster: Box<dyn Fn() -> Option<Known> + Send + Sync>,
    /// Hands a config to every core and returns when each has taken it; the error names who has
    /// not.
    pub(crate) apply: Apply,
    /// Makes a cluster of a node that is alone, by a config that was checked; returns when that serves.
    pub(crate) grow: Grow,
}

/// See [`NodeView::grow`].
pub(crate) type Grow =
    Box<dyn Fn(&mut Keeper, Config) -> Result<Accepted, ChangeError> + Send + Sync>;

/// See [`NodeView::apply`].
pub(crate) type Apply = Box<dyn Fn(&Arc<Resolved>) -> Result<(), String> + Send + Sync>;

impl std::fmt::Debug for NodeView {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("NodeView")
    }
}
