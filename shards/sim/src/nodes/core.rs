//! Owns one core of a node: its engine, its files, and what waits for it.

use super::commands::{Command, Told};
use crate::node::Files;
use hyperion_cluster::group::Message;
use hyperion_engine::{Engine, Leader, Mail as EngineMail, SnapshotMail, SnapshotStep, SpanMail};
use hyperion_model::{GroupId, PartitionId};
use std::collections::VecDeque;

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
    Snapshot(GroupId, u64, SnapshotStep),
    Span(Box<SpanMail>),
}

/// What cores of a node bring each other.
#[derive(Debug)]
pub(super) enum Mail {
    Engine(EngineMail),
    Command(Command),
    Told(u64, Told),
    Raft(Messages),
    Snapshot(SnapshotMail),
    Leader(PartitionId, Leader),
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
        }
    }
}
