//! Owns what a node knows when it starts, and what it may do.

use serde::{Deserialize, Serialize};

use crate::config::{Config, Difference};
use crate::state::ClusterState;

/// What a node knows of itself.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The config in its file, without the flags of this start; checked by the rules of a config.
    pub config: &'a Config,
    /// The uuid of the node.
    pub uuid: &'a str,
    /// Whether its folder holds data, or the log of a group.
    pub has_data: bool,
    /// Whether it holds a log of group 0.
    pub has_group0: bool,
}

/// What another node says of itself before group 0 has a leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerReport {
    /// Its uuid.
    pub uuid: String,
    /// The config in its file.
    pub config: Config,
    /// Whether its folder holds data, or the log of a group.
    pub has_data: bool,
}

/// What a majority of group 0 says.
#[derive(Debug, Clone, Copy)]
pub enum Majority<'a> {
    /// What it holds.
    Reached(&'a ClusterState),
    /// It cannot be asked: there is none yet, or too few of its nodes answer.
    NotReached {
        /// The voters of group 0 that answer, this node too when it is one.
        have: usize,
        /// The voters of group 0 that make a majority.
        need: usize,
        /// The voters of group 0.
        voters: usize,
        /// The reports of the nodes that answer, without this one's.
        reports: &'a [PeerReport],
    },
}

/// What a node does with its config when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The file is the cluster's: serve.
    Serve,
    /// The file is an older one of this cluster: keep it as `.bak`, write the cluster's, serve.
    TakeCluster(Box<Config>),
    /// Nobody has data and all have the same file: make the cluster of it.
    FormFirst,
    /// The file says anew what this node is: propose it, serve when it is committed.
    Announce(Box<Config>),
    /// The file contradicts the cluster: serve HTTP alone until a person resolves it.
    Conflict {
        /// What contradicts.
        sentence: String,
        /// By field, with what the cluster says and what the file says.
        differences: Vec<Difference>,
    },
    /// This node cannot belong to the cluster as it is: stop with exit code 78.
    Refuse(String),
    /// Ask again.
    Wait {
        /// The nodes that answer.
        have: usize,
        /// The nodes that have to.
        need: usize,
        /// What `/health` says.
        sentence: String,
    },
}
