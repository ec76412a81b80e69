//! Owns what a node knows of its cluster for those who ask on side threads: what group 0 holds, sizes, and how far a move is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use hyperion_cluster::NodeId;
use hyperion_cluster::config::{Config, Node, Size, Usage, lints};
use hyperion_cluster::placement::{Replicas, dry_run};
use hyperion_cluster::state::ClusterState;
use serde_json::{Value, json};

/// What a node sends in a second for moves when the config does not say.
pub(crate) const MOVE_BYTES_A_SECOND: u64 = 128 << 20;

/// Groups that `/status` shows of those that move.
const GROUPS_SHOWN: usize = 8;

/// What is known of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// What group 0 holds.
    pub(crate) state: Arc<ClusterState>,
    /// By partition, bytes of one copy, as its leader said last.
    pub(crate) partition_bytes: Vec<u64>,
    /// By partition, who leads it, as far as known.
    pub(crate) leaders: Vec<Option<u32>>,
    /// Who leads group 0.
    pub(crate) leader: Option<u32>,
    /// What this node sees of the others, and of who leads.
    pub(crate) seen: Seen,
    /// The most groups that were to move since nothing did.
    pub(crate) groups_moving_max: usize,
}

/// What the first core sees of nodes and leads at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// This node.
    pub(crate) own: u32,
    /// This node, and those that the first core has a link to.
    pub(crate) reached: BTreeSet<u32>,
    /// This node is none of the cluster's any more.
    pub(crate) is_removed: bool,
    /// Partitions that this node leads, and that nobody leads.
    pub(crate) led: usize,
    pub(crate) leaderless: usize,
    /// How often a partition has got another leader, or one again, since the start.
    pub(crate) lead_changes: u64,
    /// What nodes tell of themselves, and this one knows; those of an older program tell nothing.
    pub(crate) nodes: BTreeMap<u32, NodeFigures>,
    /// By which config nodes go, as they say: it is in their logs of group 0, and in force there.
    pub(crate) epochs: BTreeMap<u32, u64>,
}

/// What is known of one node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeFigures {
    /// How far its clock is from this node's.
    pub(crate) clock_ahead_ms: Option<i64>,
    /// The memory that its data may take.
    pub(crate) memory_bytes: u64,
}

/// Where the first core shows what is known.
#[derive(Debug, Default)]
pub(crate) struct ClusterBoard(Mutex<Option<Known>>);

impl ClusterBoard {
    pub(crate) fn show(&self, known: Known) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }

    /// Nothing where the node is alone, or before it has heard of the cluster.
    pub(crate) fn get(&self) -> Option<Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Known {
    /// What the rules of a change ask of the nodes. The memory of one that tells nothing is what the config says, or not known.
    pub(crate) fn usage(&self) -> Usage {
        let config = self.state.config();
        let by_config = config.settings.memory_bytes_max.as_ref().map(Size::bytes);
        let memory = config.nodes.iter().filter_map(|node| {
            let told = self.seen.nodes.get(&node.id.0).map(|figures| figures.memory_bytes);
            Some((node.id, told.or(by_config)?))
        });
        Usage {
            partition_bytes: self.partition_bytes.clone(),
            memory_bytes: memory.collect(),
            clock_ahead_ms: self.clocks_ahead_ms(),
        }
    }

    /// The nodes that go by the config of an epoch or a later one.
    pub(crate) fn acked_by(&self, epoch: u64) -> impl Iterator<Item = &Node> {
        let has_it =
            move |node: &&Node| self.seen.epochs.get(&node.id.0).is_some_and(|at| *at >= epoch);
        self.state.config().nodes.iter().filter(has_it)
    }

    /// Whether all nodes that are reached do.
    pub(crate) fn is_acked_by_reached(&self, epoch: u64) -> bool {
        let acked: BTreeSet<NodeId> = self.acked_by(epoch).map(|node| node.id).collect();
        let mut nodes = self.state.config().nodes.iter().filter(|node| self.is_reached(node.id));
        nodes.all(|node| acked.contains(&node.id))
    }

    /// How far the clocks of the nodes are from this one's, as far as they tell.
    fn clocks_ahead_ms(&self) -> BTreeMap<NodeId, i64> {
        let nodes = self.state.config().nodes.iter().map(|node| node.id);
        let told = nodes.filter_map(|id| {
            let figures = self.seen.nodes.get(&id.0)?;
            Some((id, figures.clock_ahead_ms?))
        });
        told.collect()
    }

    /// What is allowed and unwise about a config, with what the nodes hold and tell.
    pub(crate) fn warnings(&self, config: &Config) -> Vec<String> {
        lints(config, &self.usage())
    }

    fn bytes_a_second(&self) -> u64 {
        let told = self.state.config().settings.moves.bytes_a_second.as_ref();
        told.map_or(MOVE_BYTES_A_SECOND, Size::bytes)
    }

    /// What a config that was checked would move.
    pub(crate) fn dry_run(&self, config: &Config) -> Value {
        let plan = self.state.plan_of(config);
        let placement = self.state.placement();
        let cost = dry_run(placement, &plan, config, &self.partition_bytes, self.bytes_a_second());
        json!(cost)
    }

    /// For `/status`: what moves.
    pub(crate) fn progress(&self) -> Value {
        let state = &self.state;
        let moving: Vec<u32> = state.moving().collect();
        let bytes_left: u64 = moving.iter().map(|group| self.bytes_left(*group)).sum();
        let leaving: Vec<Value> = state
            .config()
            .nodes
            .iter()
            .filter_map(|node| {
                let how = node.leaving?.as_str();
                let replicas = state.placement().replicas_of(node.id);
                let is_reached = self.is_reached(node.id);
                Some(json!({ "node": node.name, "how": how, "replicas_left": replicas, "reached": is_reached }))
            })
            .collect();
        let seconds_left = bytes_left.div_ceil(self.bytes_a_second().max(1));
        let waits_for = self.waits_for();
        let not_reached = state.config().nodes.iter().filter(|node| !self.is_reached(node.id));
        json!({
            "epoch": state.config().epoch,
            "hash": state.hash(),
            "note": state.history().entries().last().and_then(|entry| entry.note.as_ref()),
            "leader": self.leader.and_then(|id| state.config().node(NodeId(id))).map(|node| &node.name),
            "not_reached": not_reached.map(|node| &node.name).collect::<Vec<_>>(),
            "moving": !moving.is_empty() || !leaving.is_empty(),
            "leads_to_move": self.leads_to_move(),
            "groups_done": self.groups_moving_max.saturating_sub(moving.len()),
            "groups_to_do": moving.len(),
            "groups": moving.iter().take(GROUPS_SHOWN).map(|group| self.group(*group)).collect::<Vec<_>>(),
            "bytes_left": bytes_left,
            "seconds_left": waits_for.is_empty().then_some(seconds_left),
            "waits_for": waits_for.iter().map(|node| &node.name).collect::<Vec<_>>(),
            "way_out": self.way_out(),
            "leaving": leaving,
            "clocks_ahead_ms": self.clocks_by_name(),
            "warnings": self.warnings(state.config()),
        })
    }

    fn clocks_by_name(&self) -> BTreeMap<&str, i64> {
        let clocks = self.clocks_ahead_ms();
        let nodes = self.state.config().nodes.iter();
        nodes.filter_map(|node| Some((node.name.as_str(), *clocks.get(&node.id)?))).collect()
    }

    /// Partitions that another node leads than the one that should.
    pub(crate) fn leads_to_move(&self) -> usize {
        let wanted = self.state.target().partitions().map(|(_, replicas)| replicas.voters.first());
        let pairs = wanted.zip(&self.leaders);
        pairs.filter(|(wanted, leader)| wanted.map(|node| node.0) != **leader).count()
    }

    /// Where a group is and where it should be.
    fn group(&self, group: u32) -> Value {
        json!({
            "group": group,
            "now": self.state.placement().group(group),
            "wanted": self.state.target().group(group),
        })
    }

    /// Bytes of the copies of a group that are not made yet.
    fn bytes_left(&self, group: u32) -> u64 {
        let bytes = group.checked_sub(1).and_then(|at| self.partition_bytes.get(at as usize));
        bytes.copied().unwrap_or(0) * self.replicas_missing(group) as u64
    }

    /// Copies of a group that are not made yet.
    fn replicas_missing(&self, group: u32) -> usize {
        let none = Replicas::default();
        let voters = &self.state.placement().group(group).unwrap_or(&none).voters;
        let wanted = &self.state.target().group(group).unwrap_or(&none).voters;
        wanted.iter().filter(|node| !voters.contains(node)).count()
    }

    /// Copies of all groups that are not made yet.
    pub(crate) fn replicas_to_move(&self) -> usize {
        self.state.moving().map(|group| self.replicas_missing(group)).sum()
    }
}
