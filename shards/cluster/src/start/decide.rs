//! Owns the table of a start: one row for each way in which a file can stand to the cluster.

use crate::change::announced_by;
use crate::config::{Config, Leaving, Storage, between, hash};
use crate::state::ClusterState;

use super::formation;
use super::known::{Known, Majority, Start};

/// What a node does, from what it knows and what a majority of group 0 says.
///
/// The rules of an announced config are checked by who takes it; here it is enough that it says nothing of others.
#[must_use]
pub fn decide(known: Known<'_>, majority: Majority<'_>) -> Start {
    if known.config.removed.iter().any(|uuid| uuid == known.uuid) {
        return Start::Refuse(removed(known.uuid));
    }
    match majority {
        Majority::Reached(state) => beside(known, state),
        Majority::NotReached { have, need, voters, reports } => {
            formation::decide(known, (have, need, voters), reports)
        }
    }
}

fn beside(known: Known<'_>, state: &ClusterState) -> Start {
    let (own, theirs) = (known.config, state.config());
    if own.cluster_id != theirs.cluster_id {
        return Start::Refuse(another_cluster(&own.cluster_id, &theirs.cluster_id));
    }
    if theirs.removed.iter().any(|uuid| uuid == known.uuid) {
        return Start::Refuse(removed(known.uuid));
    }
    if is_given_up(theirs, known.uuid) {
        return Start::Refuse(removed(known.uuid));
    }
    if let Some(sentence) = lost_data(known, state) {
        return Start::Refuse(sentence);
    }
    let own_hash = hash(own);
    let is_member = theirs.nodes.iter().any(|node| node.uuid == known.uuid);
    if own.epoch == theirs.epoch && own_hash == state.hash() {
        return if is_member { Start::Serve } else { stranger(known, theirs) };
    }
    if own.epoch < theirs.epoch && state.history().knows(own.epoch, &own_hash) {
        let taken = Start::TakeCluster(Box::new(theirs.clone()));
        return if is_member { taken } else { stranger(known, theirs) };
    }
    if own.epoch == theirs.epoch + 1 && own.parent == state.hash() {
        if announced_by(theirs, own, known.uuid) {
            return Start::Announce(Box::new(own.clone()));
        }
        return conflict(
            "the file follows the cluster's config and changes more than this node's own entry",
            own,
            theirs,
        );
    }
    let sentence = match own.epoch.cmp(&theirs.epoch) {
        std::cmp::Ordering::Equal => "the file has the cluster's epoch and is another config",
        std::cmp::Ordering::Greater => {
            "the file is newer than the cluster's config and does not follow it"
        }
        std::cmp::Ordering::Less => {
            "the file is older than the cluster's config and was never in force, or longer ago than is known"
        }
    };
    conflict(sentence, own, theirs)
}

/// Whether the cluster goes on without what the node has: it may not serve that again.
#[must_use]
pub fn is_given_up(theirs: &Config, uuid: &str) -> bool {
    theirs.nodes.iter().any(|node| node.uuid == uuid && node.leaving == Some(Leaving::Lost))
}

/// A vote without its memory would count twice.
fn lost_data(known: Known<'_>, state: &ClusterState) -> Option<String> {
    let node = state.config().nodes.iter().find(|node| node.uuid == known.uuid)?;
    let keeps_none = state.config().settings.storage == Storage::Memory;
    if known.has_data || keeps_none || !state.placement().votes(node.id) {
        return None;
    }
    Some(format!(
        "the data of node {:?} is gone and it has a vote in the cluster; POST /nodes/remove {{\"node\": {:?}, \"dead\": true}} to another node, then let this one join with a new uuid; where that is refused because there is no other copy, \"lose_data\": true beside it goes on without",
        node.name, node.name
    ))
}

/// A file of the cluster that does not name this node.
fn stranger(known: Known<'_>, theirs: &Config) -> Start {
    Start::Refuse(format!(
        "the cluster's config of epoch {} has no node with uuid {}; add this node's entry with epoch {} and the parent that GET /config?next=1 answers, and start again: it announces itself",
        theirs.epoch,
        known.uuid,
        theirs.epoch + 1
    ))
}

pub(super) fn conflict(sentence: &str, own: &Config, theirs: &Config) -> Start {
    Start::Conflict {
        sentence: format!(
            "{sentence} (file: epoch {}, cluster: epoch {}); GET /config/conflict shows both, `hyperiond resolve --take cluster` or `--take mine` ends it",
            own.epoch, theirs.epoch
        ),
        differences: between(theirs, own),
    }
}

pub(super) fn another_cluster(own: &str, theirs: &str) -> String {
    format!(
        "the config is of cluster {own} and the other nodes are of cluster {theirs}; correct the addresses, or wipe the data and join with a new uuid"
    )
}

fn removed(uuid: &str) -> String {
    format!(
        "this node (uuid {uuid}) was removed from the cluster; wipe its data and let it join with a new uuid"
    )
}
