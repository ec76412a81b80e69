//! Owns what all cores of the node share: nothing that a command waits for.

use super::board::Board;
use super::leaving::Leave;
use super::messages::Note;
use super::power::Power;
use crate::cluster::{ClusterBoard, Member, MemberPlace};
use crate::config::Published;
use crate::http::Jobs;
use crate::scripts::{Running, Texts};
use crate::snapshot::Snapshots;
use hyperion_runtime::Postboxes;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};

/// What all cores of the node share, read only but for a few counts.
pub(crate) struct Shared {
    pub(crate) config_path: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) board: Arc<Board>,
    /// Clients of the node: a limit of all cores together needs one count.
    pub(crate) clients: AtomicUsize,
    /// Files and sockets that the process may have open.
    pub(crate) open_files: u64,
    /// Refusals and slow commands of all cores so far: each has a number of its own.
    pub(crate) notes: AtomicU64,
    pub(crate) slow_commands: AtomicU64,
    /// When memcached's database is to be emptied, Unix ms; 0: not.
    pub(crate) flush_at_ms: AtomicU64,
    /// The texts of scripts.
    pub(crate) scripts: Texts,
    /// Those that run for long.
    pub(crate) running: Arc<Running>,
    /// The last client's number.
    pub(crate) client_numbers: AtomicU64,
    /// By core: how often it was to be told that another core's client listens to something, or no more.
    pub(crate) listener_news: Vec<AtomicU64>,
    /// By core: keys whose readers it remembers, for the limit that they share.
    pub(crate) tracked_keys: Vec<AtomicUsize>,
    pub(crate) postboxes: Postboxes<Note>,
    /// The config in force.
    pub(crate) published: Arc<Published>,
    /// What is known of the cluster.
    pub(crate) cluster: Arc<ClusterBoard>,
    /// The way to change the config.
    pub(crate) jobs: Option<Jobs>,
    /// This node is none of the cluster's any more.
    pub(crate) is_removed: AtomicBool,
    /// How far the cores are on their way to a stop.
    pub(crate) leave: Leave,
    /// The cluster that the node belongs to, where there are several.
    pub(crate) member: MemberPlace,
    /// The way to ask for a snapshot.
    pub(crate) snapshots: Arc<Snapshots>,
    /// Random, new at every start: INFO's run_id.
    pub(crate) run_id: String,
    pub(crate) started_ms: u64,
    /// How the run before this one ended, where data is kept.
    pub(crate) power: Option<Arc<Power>>,
}

impl Shared {
    /// Whether the logs may lack their ends since a power cut.
    pub(crate) fn may_be_cut(&self) -> bool {
        self.power.as_ref().is_some_and(|power| power.may_be_cut())
    }

    /// The cluster that the node belongs to, unless it is alone.
    pub(crate) fn member(&self) -> Option<&Arc<Member>> {
        self.member.get()
    }
}
