//! Owns one core of a node: its engine, its files, and what waits for it.

use super::commands::{Command, Told};
use crate::node::Files;
use hyperion_cluster::group::{Beat, Conf, Message};
use hyperion_cluster::state::ClusterState;
use hyperion_engine::{
    Engine, GroupReport, Leader, Mail as EngineMail, ReportMark, Said, SnapshotMail, SnapshotStep,
    SpanMail,
};
use hyperion_model::{GroupId, PartitionId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A core of a node, by their places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) node: usize,
    pub(super) core: usize,
}

/// Messages of Raft, each with its group.
pub(super) type Messages = Vec<(GroupId, Box<Message>)>;

/// What nodes send each other at once.
#[derive(Debug)]
pub(super) enum Frame {
    Raft(Messages),
    Beats(Said, Vec<Beat>),
    Snapshot(GroupId, u64, SnapshotStep),
    /// What the sender leads, with the terms.
    Leaders(Arc<Vec<(PartitionId, u64)>>),
    Reports(Arc<Vec<GroupReport>>),
    /// A config, under a number.
    Propose(u64, Vec<u8>),
    /// What is agreed?
    Ask,
    Agreed(Arc<ClusterState>),
    Span(Box<SpanMail>),
}

/// What cores of a node bring each other.
#[derive(Debug)]
pub(super) enum Mail {
    Engine(EngineMail),
    Command(Command),
    Told(u64, Told),
    Raft(Messages),
    Beats(u32, Said, Vec<Beat>),
    Snapshot(SnapshotMail),
    Leader(PartitionId, Leader),
    Cluster(Arc<ClusterState>),
    Reports(Arc<Vec<GroupReport>>),
    Hosted(PartitionId, bool),
    /// A config that came from that node.
    Propose(u32, u64, Vec<u8>),
}

/// What has come for a core, and waits for its next turn.
#[derive(Debug)]
pub(super) enum Item {
    /// From that node.
    Frame(u32, Frame),
    /// From that core.
    Mail(usize, Mail),
    /// Of a client of this core.
    Request(Command),
    /// A config, from a client, under a number.
    Propose(u64, Vec<u8>),
    /// The client of this attempt is gone.
    Gone(u64),
    /// What was being synced is.
    Synced,
    /// A connection to that node is gone.
    Lost { node: u32, is_bulk: bool },
}

/// An answer that waits for the log.
pub(super) struct Ready {
    pub(super) observed: u64,
    pub(super) home: usize,
    pub(super) attempt: u64,
    pub(super) told: Told,
}

/// A core that serves.
pub(super) struct Core {
    pub(super) engine: Engine,
    pub(super) files: Files,
    pub(super) inbox: VecDeque<Item>,
    /// Commands that could not run yet.
    pub(super) held: Vec<Command>,
    pub(super) is_unfinished: bool,
    pub(super) ready: Vec<Ready>,
    /// Who leads each partition, as this core knows.
    pub(super) leaders: Vec<Leader>,
    /// When its next turn is, and before when there is none.
    pub(super) turn_ns: Option<u64>,
    pub(super) busy_ns: u64,
    pub(super) tick_ns: u64,
    /// When its last sync began; one is under way.
    pub(super) synced_ns: u64,
    pub(super) is_syncing: bool,
    /// Ticks of the groups, and looks at the members.
    pub(super) ticks: u32,
    pub(super) looks: u32,
    /// What group 0 holds, as far as this core has heard.
    pub(super) known: Option<Arc<ClusterState>>,
    /// Term and index of the members of each led group, as they were told last.
    pub(super) told: BTreeMap<GroupId, ReportMark>,
    /// In which term others told that they lead partitions that are not here.
    pub(super) foreign_terms: BTreeMap<PartitionId, u64>,
    /// The members of its groups, as they were seen last.
    pub(super) seen: BTreeMap<GroupId, Conf>,
}

impl Core {
    pub(super) fn new(engine: Engine, files: Files, partitions: u16) -> Self {
        Self {
            engine,
            files,
            inbox: VecDeque::new(),
            held: Vec::new(),
            is_unfinished: false,
            ready: Vec::new(),
            leaders: vec![Leader::Nobody; usize::from(partitions)],
            turn_ns: None,
            busy_ns: 0,
            tick_ns: 0,
            synced_ns: 0,
            is_syncing: false,
            ticks: 0,
            looks: 0,
            known: None,
            told: BTreeMap::new(),
            foreign_terms: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }
}
