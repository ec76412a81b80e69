//! Owns the config in which nodes that have given everything up are gone.

use crate::config::{Config, Node};
use crate::placement::Placement;

/// The child of `current` without the nodes that leave and have no replica any more; `None` while there is none.
#[must_use]
pub fn finish_leaving(current: &Config, placement: &Placement) -> Option<Config> {
    let is_gone = |node: &Node| node.leaving.is_some() && placement.replicas_of(node.id) == 0;
    let gone: Vec<String> =
        current.nodes.iter().filter(|node| is_gone(node)).map(|node| node.uuid.clone()).collect();
    if gone.is_empty() {
        return None;
    }
    let mut next = current.next();
    next.nodes.retain(|node| !is_gone(node));
    next.removed.extend(gone);
    Some(next)
}
