//! Owns what the snapshot of a cluster becomes on other machines: the config of another cluster, whose nodes have the numbers, and with them the
//! copies, of those that made the snapshot.

use crate::NodeId;
use crate::config::{Config, Node, Problem, Storage, Usage, problems};
use crate::state::{ClusterState, Outcome};

use super::check::{Author, Refusal, check_change};

/// What is to be made of a snapshot.
#[derive(Clone, Copy)]
pub struct Elsewhere<'a> {
    /// The config that a person gives. What it says of who a cluster and its nodes are (`cluster_id`, `epoch`, `parent`, `removed`, `id`,
    /// `uuid`) is not looked at: nodes are those of the snapshot by their names, others come in addition.
    pub wanted: &'a Config,
    /// The identifier of the cluster that is made.
    pub cluster_id: &'a str,
    /// The uuid of the node of a name, in that cluster.
    pub uuid: &'a dyn Fn(&str) -> String,
    /// For the history.
    pub note: &'a str,
    /// The names of the eviction policies that this build has.
    pub evictions: &'a [&'a str],
}

/// The first state of the cluster that a snapshot becomes, from what the cluster held that made it. Copies are where they were; those that the
/// config wants elsewhere, because it has more nodes or another number of copies, move from there.
///
/// Errors: all that is wrong with the config for it.
pub fn restored_elsewhere(
    state: &ClusterState,
    asked: Elsewhere<'_>,
) -> Result<ClusterState, Vec<Problem>> {
    let (before, wanted) = (state.config(), asked.wanted);
    let mut found = unfit(before, wanted);
    found.extend(memory_alone(wanted));
    if !found.is_empty() {
        return Err(found);
    }
    let old_of = |node: &Node| before.nodes.iter().find(|old| old.name == node.name);
    let as_before = |node: &Node| {
        let old = old_of(node)?;
        let uuid = (asked.uuid)(&node.name);
        Some(Node { id: old.id, uuid, leaving: old.leaving, role: old.role, ..node.clone() })
    };
    let first = Config {
        cluster_id: asked.cluster_id.to_owned(),
        epoch: before.epoch + 1,
        parent: state.hash().to_owned(),
        mode: before.mode.clone(),
        replication: before.replication,
        partitions: before.partitions,
        nodes: by_id(wanted.nodes.iter().filter_map(as_before)),
        removed: Vec::new(),
        settings: wanted.settings.clone(),
    };
    let no_hash = || vec![Problem::at("", "it holds a number that JSON cannot hold", "")];
    let Some(mut restored) = state.renamed(first.clone(), asked.note.to_owned()) else {
        return Err(no_hash());
    };
    let mut id_last = state.id_last();
    let mut entry = |node: &Node| {
        let id = old_of(node).map_or_else(
            || {
                id_last = NodeId(id_last.0 + 1);
                id_last
            },
            |old| old.id,
        );
        Node { id, uuid: (asked.uuid)(&node.name), ..node.clone() }
    };
    let next = Config {
        mode: wanted.mode.clone(),
        replication: wanted.replication,
        nodes: by_id(wanted.nodes.iter().map(&mut entry)),
        ..first.next()
    };
    let is_same =
        Config { epoch: first.epoch, parent: first.parent.clone(), ..next.clone() } == first;
    if is_same {
        let found = problems(&first, asked.evictions);
        return if found.is_empty() { Ok(restored) } else { Err(found) };
    }
    let usage = Usage::default();
    match check_change(restored.standing(&usage, asked.evictions), &next, Author::Person) {
        Ok(_) => {}
        Err(Refusal::Invalid(problems)) => return Err(problems),
        Err(Refusal::Stale(_)) => unreachable!("it was made from the config before"),
    }
    let command = restored.set_command(next, Some(asked.note.to_owned()));
    match restored.apply(&command) {
        Outcome::Set { .. } => Ok(restored),
        other => Err(vec![Problem::at("", format!("it is refused: {other:?}"), "")]),
    }
}

/// In the order that the rules of a config want.
fn by_id(nodes: impl Iterator<Item = Node>) -> Vec<Node> {
    let mut nodes: Vec<Node> = nodes.collect();
    nodes.sort_by_key(|node| node.id);
    nodes
}

/// What the data of the snapshot does not allow.
fn unfit(before: &Config, wanted: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    let is_there = |old: &&Node| wanted.nodes.iter().any(|node| node.name == old.name);
    for old in before.nodes.iter().filter(|old| !is_there(old)) {
        found.push(Problem::at(
            "/nodes",
            format!("node {:?} of the snapshot is missing", old.name),
            "give it an entry, be it on another node's machine with other ports, and remove it by POST /nodes/remove when the cluster serves",
        ));
    }
    if wanted.partitions != before.partitions {
        found.push(Problem::at(
            "/partitions",
            format!("the snapshot has {} partitions, not {}", before.partitions, wanted.partitions),
            "they are fixed when a cluster is made; leave the field out",
        ));
    }
    if wanted.settings.segment_bytes.bytes() != before.settings.segment_bytes.bytes() {
        found.push(Problem::at(
            "/settings/segment_bytes",
            "the snapshot has segments of another size",
            "it is fixed when a cluster is made; leave the field out",
        ));
    }
    found
}

fn memory_alone(wanted: &Config) -> Option<Problem> {
    (wanted.settings.storage == Storage::Memory).then(|| {
        let text = "a node that keeps its data in memory alone does not look at what is restored";
        Problem::at("/settings/storage", text, "give \"disk\"")
    })
}

#[cfg(test)]
mod tests {
    use super::{Elsewhere, restored_elsewhere};
    use crate::NodeId;
    use crate::config::tests::{EVICTIONS, cluster, node, uuid};
    use crate::config::{Config, Problem, Size, Storage, problems};
    use crate::state::ClusterState;

    const CLUSTER: &str = "99999999-2222-4333-8444-555555555555";

    /// A cluster of nodes 1 to 3 whose node with the number 4 was removed long ago.
    fn made() -> ClusterState {
        let mut config = cluster(3, 2);
        (config.epoch, config.removed) = (7, vec![uuid(4)]);
        let command = ClusterState::form_command(&config);
        let state = ClusterState::form(&command).expect("a form command");
        let bytes = state.to_bytes();
        let mut value: serde_json::Value = serde_json::from_slice(&bytes).expect("it is JSON");
        value["id_last"] = 4.into();
        ClusterState::from_bytes(value.to_string().as_bytes()).expect("it is a state")
    }

    /// The identifier of the node of a name, in the cluster that is made.
    fn named(name: &str) -> String {
        let sum = name.bytes().fold(7, |sum: u64, byte| sum * 31 + u64::from(byte));
        format!("77777777-0000-4000-8000-{sum:012x}")
    }

    fn elsewhere(wanted: &Config) -> Result<ClusterState, Vec<Problem>> {
        let uuid = |name: &str| named(name);
        restored_elsewhere(
            &made(),
            Elsewhere {
                wanted,
                cluster_id: CLUSTER,
                uuid: &uuid,
                note: "why",
                evictions: &EVICTIONS,
            },
        )
    }

    #[track_caller]
    fn refused(wanted: &Config, pointer: &str, text: &str) {
        let found = elsewhere(wanted).expect_err(text);
        let is_it = |it: &Problem| it.pointer == pointer && format!("{it}").contains(text);
        assert!(found.iter().any(is_it), "{text}: {found:?}");
    }

    #[test]
    fn the_same_nodes_at_other_addresses_keep_their_numbers_and_copies() {
        let before = made();
        let mut wanted = cluster(3, 2);
        wanted.nodes.reverse();
        for (at, entry) in (20..).zip(&mut wanted.nodes) {
            let name = entry.name.clone();
            *entry = crate::config::Node { name, id: NodeId(at), ..node(at) };
        }
        let restored = elsewhere(&wanted).expect("it fits");
        let config = restored.config();
        assert_eq!(problems(config, &EVICTIONS), []);
        assert_eq!((config.cluster_id.as_str(), config.epoch), (CLUSTER, 8));
        assert_eq!(config.parent, before.hash());
        assert!(config.removed.is_empty(), "those are of another cluster");
        let told = |node: &crate::config::Node| (node.id.0, node.name.clone(), node.resp.clone());
        let expected = [(1, 22), (2, 21), (3, 20)];
        let expected = expected.map(|(id, at)| (id, format!("n{id}"), node(at).resp));
        assert_eq!(config.nodes.iter().map(told).collect::<Vec<_>>(), expected);
        assert_eq!(config.nodes[0].uuid, named("n1"));
        assert_eq!(restored.placement(), before.placement());
        assert_eq!(restored.moving().count(), 0);
        assert_eq!(restored.id_last(), NodeId(4));
        let entries = restored.history().entries();
        assert_eq!((entries.len(), entries[0].note.as_deref()), (1, Some("why")));
    }

    #[test]
    fn nodes_and_copies_that_come_in_addition_are_moved_to() {
        let mut wanted = cluster(4, 3);
        wanted.nodes[3].name = "more".to_owned();
        let restored = elsewhere(&wanted).expect("it fits");
        let config = restored.config();
        assert_eq!((config.epoch, config.replication, config.nodes.len()), (9, 3, 4));
        assert_eq!(config.nodes[3].id, NodeId(5), "a number is not given twice");
        assert_eq!(restored.placement(), made().placement());
        assert!(restored.moving().count() > 0);
    }

    #[test]
    fn what_the_data_does_not_allow_is_told_at_once() {
        let mut wanted = cluster(3, 2);
        wanted.nodes[1].name = "other".to_owned();
        wanted.partitions *= 2;
        wanted.settings.storage = Storage::Memory;
        wanted.settings.segment_bytes = Size::from_bytes(1 << 16);
        refused(&wanted, "/nodes", "node \"n2\" of the snapshot is missing");
        refused(&wanted, "/partitions", "leave the field out");
        refused(&wanted, "/settings/segment_bytes", "leave the field out");
        refused(&wanted, "/settings/storage", "\"disk\"");
    }

    #[test]
    fn the_rules_of_a_config_hold() {
        let mut wanted = cluster(3, 2);
        wanted.nodes[1].resp = wanted.nodes[0].resp.clone();
        assert!(elsewhere(&wanted).is_err(), "two listen at one address");
        let mut wanted = cluster(3, 2);
        wanted.replication = 4;
        assert!(elsewhere(&wanted).is_err(), "there are three nodes");
    }
}
