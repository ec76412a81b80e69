//! Owns the warnings about a cluster: what is allowed, and what a person should know of it.

use std::collections::{BTreeMap, BTreeSet};

use super::cores::CoreChoice;
use super::document::{Config, Node, Role};
use super::mode::Mode;
use crate::NodeId;

/// What the nodes hold and may hold, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The bytes of each partition, one copy.
    pub partition_bytes: Vec<u64>,
    /// The memory for data of each node.
    pub memory_bytes: BTreeMap<NodeId, u64>,
    /// How far the clock of each node is from this one's, in milliseconds.
    pub clock_ahead_ms: BTreeMap<NodeId, i64>,
}

/// The part of a node's memory, in percent, that live data may take.
const LIVE_PERCENT_MAX: u64 = 85;
/// Clocks that are further apart make keys expire early or late after a leader changes.
const CLOCK_APART_MS_MAX: u64 = 500;

impl Usage {
    /// The bytes of one copy of everything.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.partition_bytes.iter().sum()
    }

    /// Why `replication` copies do not fit the nodes; `None` when they do, or nothing is known.
    #[must_use]
    pub fn shortfall(&self, nodes: &[NodeId], replication: u32) -> Option<String> {
        let memory: Vec<u64> =
            nodes.iter().filter_map(|node| self.memory_bytes.get(node).copied()).collect();
        if memory.len() < nodes.len() || memory.is_empty() {
            return None;
        }
        // Placement counts partitions, so the smallest node bounds the share of each.
        let smallest = memory.iter().min().copied().unwrap_or(0);
        let room = smallest / 100 * LIVE_PERCENT_MAX * memory.len() as u64;
        let needed = self.bytes().saturating_mul(u64::from(replication));
        (needed > room).then(|| {
            format!(
                "{replication} copies of {} bytes need {needed} bytes and {} nodes have room for {room}",
                self.bytes(),
                memory.len()
            )
        })
    }
}

/// One sentence for each thing that is unwise, with what to do.
#[must_use]
pub fn lints(config: &Config, usage: &Usage) -> Vec<String> {
    let Some(mode) = Mode::of(config).filter(|mode| *mode != Mode::Single) else {
        return Vec::new();
    };
    let mut sentences = Vec::new();
    let nodes: Vec<&Node> = config.data_nodes().collect();
    let has_voter =
        config.nodes.iter().any(|node| node.role == Role::Voter && node.leaving.is_none());
    lint_votes(config, nodes.len(), has_voter, &mut sentences);
    lint_racks(config, &nodes, &mut sentences);
    lint_hosts(&nodes, &mut sentences);
    if mode == Mode::ShardingDuplication {
        let ids: Vec<NodeId> = nodes.iter().map(|node| node.id).collect();
        lint_memory(config, &ids, usage, &mut sentences);
    }
    let clocks = usage.clock_ahead_ms.iter();
    sentences.extend(clocks.filter_map(|(node, ahead_ms)| lint_clock(*node, *ahead_ms)));
    sentences
}

/// What is unwise of a node's clock, by how far it is from this one's.
#[must_use]
pub fn lint_clock(node: NodeId, ahead_ms: i64) -> Option<String> {
    (ahead_ms.unsigned_abs() > CLOCK_APART_MS_MAX).then(|| {
        format!(
            "the clock of node {node} is {ahead_ms} ms from this one's: keys expire early or late there; run a time service on every node"
        )
    })
}

fn lint_votes(config: &Config, nodes: usize, has_voter: bool, sentences: &mut Vec<String>) {
    let copies = config.replication;
    if copies == 1 {
        sentences.push(
            "each partition has one copy: a lost node's keys are unavailable until it is back, a lost disk loses them; replication 3 keeps both".to_owned(),
        );
    } else if copies == 2 && !has_voter {
        sentences.push(format!(
            "{nodes} nodes with 2 copies: the loss of one node stops writes; add a node with \"role\": \"voter\", which keeps a log alone, or give replication 3"
        ));
    } else if copies.is_multiple_of(2) && !has_voter {
        sentences.push(format!(
            "{copies} copies survive the loss of no more nodes than {} do; give an odd replication, or add a node with \"role\": \"voter\"",
            copies - 1
        ));
    } else if copies % 2 == 1 && copies > 1 && has_voter {
        sentences.push(format!(
            "the node with \"role\": \"voter\" has no vote beside {copies} copies, which cannot tie; take it out, or give an even replication"
        ));
    }
}

fn lint_racks(config: &Config, nodes: &[&Node], sentences: &mut Vec<String>) {
    if config.replication < 2 {
        return;
    }
    let racks: BTreeSet<&str> = nodes.iter().filter_map(|node| node.rack.as_deref()).collect();
    let without = nodes.iter().filter(|node| node.rack.is_none()).count();
    match racks.len() {
        0 => {}
        1 if without == 0 => sentences.push(format!(
            "all nodes stand in rack {:?}: what takes the rack takes every copy; place nodes in other racks",
            racks.first().copied().unwrap_or_default()
        )),
        _ if without > 0 => sentences.push(format!(
            "{without} nodes say no rack while others do: copies may share one; give each node its rack"
        )),
        _ => {
            let most = racks
                .iter()
                .map(|rack| nodes.iter().filter(|node| node.rack.as_deref() == Some(rack)).count())
                .max()
                .unwrap_or(0);
            if racks.len() == 2 && config.replication >= 3 {
                sentences.push(format!(
                    "{} copies in two racks: the loss of the rack with more of them stops writes; place nodes in a third rack",
                    config.replication
                ));
            } else if most * 2 > nodes.len() {
                sentences.push(format!(
                    "one rack holds {most} of {} nodes; spread them, so that its loss leaves a majority of each group",
                    nodes.len()
                ));
            }
        }
    }
}

fn lint_hosts(nodes: &[&Node], sentences: &mut Vec<String>) {
    let host = |node: &Node| {
        node.peer().rsplit_once(':').map(|(host, _)| host.to_owned()).unwrap_or_default()
    };
    let mut hosts: BTreeMap<String, Vec<&Node>> = BTreeMap::new();
    for node in nodes {
        hosts.entry(host(node)).or_default().push(node);
    }
    for (host, nodes) in hosts.iter().filter(|(_, nodes)| nodes.len() > 1) {
        let greedy =
            nodes.iter().find(|node| CoreChoice::parse(&node.cores) == Ok(CoreChoice::All));
        if let Some(node) = greedy {
            sentences.push(format!(
                "{} nodes share {host} and {:?} takes all cores there; give each node cores of its own",
                nodes.len(),
                node.name
            ));
        }
    }
}

fn lint_memory(config: &Config, nodes: &[NodeId], usage: &Usage, sentences: &mut Vec<String>) {
    // After the loss of any one node the others take its replicas.
    let worst = nodes.iter().find_map(|lost| {
        let rest: Vec<NodeId> = nodes.iter().copied().filter(|node| node != lost).collect();
        usage.shortfall(&rest, config.replication).map(|text| (lost, text))
    });
    if let Some((lost, text)) = worst {
        sentences.push(format!(
            "without node {lost} the data would not fit: {text}; add memory or a node"
        ));
    }
}
