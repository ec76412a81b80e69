//! Owns the rows of the table without a majority: the first formation, and waiting.

use std::collections::BTreeMap;

use crate::config::{Config, hash, try_hash};

use super::decide::{another_cluster, conflict};
use super::known::{Known, PeerReport, Start};

/// What a node does while no majority of group 0 can be asked: it forms the cluster when every node of the file says that there is
/// none yet and has the same file, and waits otherwise; never does it begin alone.
///
/// The counts are of group 0's voters: that answer, that have to, all.
pub(super) fn decide(
    known: Known<'_>,
    (have, need, voters): (usize, usize, usize),
    reports: &[PeerReport],
) -> Start {
    let own = known.config;
    // A node that answers twice counts once.
    let named: BTreeMap<&str, &PeerReport> = reports
        .iter()
        .filter(|report| report.uuid != known.uuid)
        .filter(|report| own.nodes.iter().any(|node| node.uuid == report.uuid))
        .map(|report| (report.uuid.as_str(), report))
        .collect();
    let named: Vec<&PeerReport> = named.into_values().collect();
    if let Some(other) = named.iter().find(|report| report.config.cluster_id != own.cluster_id) {
        return Start::Refuse(another_cluster(&own.cluster_id, &other.config.cluster_id));
    }
    let is_begun = known.has_group0
        || own.nodes.len() > 1 && (known.has_data || named.iter().any(|report| report.has_data));
    if is_begun {
        return Start::Wait {
            have,
            need,
            sentence: format!(
                "waiting for majority: have {have} of {voters}, {need} have to answer"
            ),
        };
    }
    // Nobody here has seen a cluster. A file that a cluster has made before this one names a group 0 that must be asked.
    if own.epoch > 1 && own.nodes.len() > 1 && !all_same(own, &named) {
        return Start::Wait {
            have,
            need,
            sentence: format!(
                "waiting for the cluster that made the config of epoch {}: {} of the other nodes answer, and none belongs to it",
                own.epoch,
                named.len()
            ),
        };
    }
    let own_hash = hash(own);
    if let Some(other) =
        named.iter().find(|report| try_hash(&report.config) != Some(own_hash.clone()))
    {
        let name = own.nodes.iter().find(|node| node.uuid == other.uuid);
        let name = name.map_or("", |node| node.name.as_str());
        return conflict(
            &format!("no cluster is formed yet and the file of node {name:?} is another one"),
            own,
            &other.config,
        );
    }
    if !own.nodes.iter().any(|node| node.uuid == known.uuid) {
        return Start::Refuse(format!(
            "the config has no node with uuid {}; add this node's entry",
            known.uuid
        ));
    }
    let answered = named.len() + 1;
    if answered == own.nodes.len() {
        return Start::FormFirst;
    }
    Start::Wait {
        have: answered,
        need: own.nodes.len(),
        sentence: format!(
            "waiting for all nodes to form the cluster: have {answered} of {}",
            own.nodes.len()
        ),
    }
}

fn all_same(own: &Config, named: &[&PeerReport]) -> bool {
    named.len() + 1 == own.nodes.len() && named.iter().all(|report| report.config == *own)
}
