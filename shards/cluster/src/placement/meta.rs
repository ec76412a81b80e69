//! Owns which nodes vote in group 0.

use crate::NodeId;
use crate::config::{Config, Node};

/// The most voters of group 0: five outlast the loss of two, more make each change slower.
const META_VOTERS_MAX: usize = 5;

/// The voters of group 0, those that are voters already first: an odd number of nodes with data,
/// or two and the node with a log alone.
pub(super) fn meta_voters(current: &[NodeId], config: &Config) -> Vec<NodeId> {
    let nodes: Vec<&Node> = config.data_nodes().collect();
    let wanted = match nodes.len() {
        0..=2 => nodes.len(),
        count => (count - (count + 1) % 2).min(META_VOTERS_MAX),
    };
    let mut voters: Vec<NodeId> = Vec::new();
    let is_open = |node: &Node, voters: &[NodeId]| !voters.contains(&node.id);
    let kept = current.iter().filter(|id| nodes.iter().any(|node| node.id == **id));
    voters.extend(kept.copied().take(wanted));
    while voters.len() < wanted {
        let rack_of = |id: NodeId| config.node(id).and_then(|node| node.rack.as_deref());
        let in_rack = |node: &Node| {
            let rack = node.rack.as_deref();
            voters.iter().filter(|voter| rack.is_some() && rack_of(**voter) == rack).count()
        };
        let next = nodes
            .iter()
            .filter(|node| is_open(node, &voters))
            .min_by_key(|node| (in_rack(node), node.id))
            .expect("fewer voters are wanted than there are nodes");
        voters.push(next.id);
    }
    let witness = super::target::witness(config).filter(|_| voters.len().is_multiple_of(2));
    voters.extend(witness);
    voters
}
