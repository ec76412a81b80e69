//! Owns the shape of the config document: the JSON that a person edits and the node keeps current.

use serde::{Deserialize, Serialize};

use super::limits::PARTITIONS_DEFAULT;
use super::settings::Settings;
use crate::NodeId;

/// The whole config. What it holds may still be wrong: [`super::check()`] tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The identifier of the cluster, drawn when it is made.
    pub cluster_id: String,
    /// The count of accepted configs, from 1.
    #[serde(default = "first_epoch")]
    pub epoch: u64,
    /// The hash of the config before this one; empty for the first.
    #[serde(default)]
    pub parent: String,
    /// How nodes share the data; [`super::Mode`] lists the words.
    #[serde(default = "single")]
    pub mode: String,
    /// Partitions that the 16,384 slots are spread over.
    #[serde(default = "partitions")]
    pub partitions: u32,
    /// Copies of each partition.
    #[serde(default = "replication")]
    pub replication: u32,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The identifiers of nodes that may not come back.
    #[serde(default)]
    pub removed: Vec<String>,
    /// How the nodes keep, answer and bound.
    #[serde(default)]
    pub settings: Settings,
}

/// One node: who it is and where it listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The number of the node, from 1.
    #[serde(default = "first_node_id")]
    pub id: NodeId,
    /// The name that people use.
    pub name: String,
    /// The identifier of the node, drawn when it is made; empty until then.
    #[serde(default)]
    pub uuid: String,
    /// The address for Redis clients.
    #[serde(default = "resp")]
    pub resp: String,
    /// The address for HTTP.
    #[serde(default = "http")]
    pub http: String,
    /// The address for the other nodes; without it [`Node::PEER_DEFAULT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// The cores to run on: `0-3`, `0,2` or `all`.
    #[serde(default = "cores")]
    pub cores: String,
    /// The port of the first core's own listener, the next core has the next port; 0 for none.
    #[serde(default = "resp_cores")]
    pub resp_cores: u16,
    /// The address for Redis clients that speak TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resp_tls: Option<String>,
    /// The address for HTTP with TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_tls: Option<String>,
    /// A Unix socket for Redis clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unix: Option<String>,
    /// The address for clients of memcached; without it there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memcached: Option<String>,
    /// Where the node stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rack: Option<String>,
    /// What the node keeps of the groups that it votes in.
    #[serde(default, skip_serializing_if = "Role::is_data")]
    pub role: Role,
    /// Whether the node is on its way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<Leaving>,
}

/// What a node keeps of the groups that it votes in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Log and data; it may lead and serves clients.
    #[default]
    Data,
    /// The log alone: a vote that lets two others go on when one of them is lost.
    Voter,
}

impl Role {
    fn is_data(&self) -> bool {
        *self == Self::Data
    }
}

/// How a node leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leaving {
    /// It hands over what it has.
    Drain,
    /// It is lost: its replicas are made anew from the others.
    Dead,
    /// It is lost, and partitions go on that have no majority without it: with the one copy that is left, or empty where there is none.
    Lost,
}

impl Leaving {
    /// As the config says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Dead => "dead",
            Self::Lost => "lost",
        }
    }

    /// Whether nothing more is to be had from the node.
    #[must_use]
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Dead | Self::Lost)
    }
}

impl Node {
    /// The address for the other nodes when the config does not say.
    pub const PEER_DEFAULT: &str = "127.0.0.1:7381";

    /// The first node of a cluster, with the default for all that is not given.
    #[must_use]
    pub fn first(name: &str, uuid: String) -> Self {
        Self {
            id: first_node_id(),
            name: name.to_owned(),
            uuid,
            resp: resp(),
            http: http(),
            peer: None,
            cores: cores(),
            resp_cores: resp_cores(),
            resp_tls: None,
            http_tls: None,
            unix: None,
            memcached: None,
            rack: None,
            role: Role::Data,
            leaving: None,
        }
    }

    /// The address for the other nodes.
    #[must_use]
    pub fn peer(&self) -> &str {
        self.peer.as_deref().unwrap_or(Self::PEER_DEFAULT)
    }

    /// Whether data may be placed here.
    #[must_use]
    pub fn takes_data(&self) -> bool {
        self.role == Role::Data && self.leaving.is_none()
    }
}

impl Config {
    /// The first config of a single node; both identifiers are drawn by the caller.
    #[must_use]
    pub fn single(node_name: &str, cluster_id: String, node_uuid: String) -> Self {
        Self {
            cluster_id,
            epoch: first_epoch(),
            parent: String::new(),
            mode: single(),
            partitions: partitions(),
            replication: replication(),
            nodes: vec![Node::first(node_name, node_uuid)],
            removed: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// The node of a number.
    #[must_use]
    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The nodes that data may be placed on.
    pub fn data_nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.takes_data())
    }

    /// The config with the epoch and the parent of the next one, ready to edit.
    ///
    /// Panics: when a number in it is out of the range that [`super::check()`] allows.
    #[must_use]
    pub fn next(&self) -> Self {
        let mut next = self.clone();
        next.epoch += 1;
        next.parent = super::hash(self);
        next
    }

    /// The document as a person reads it: indented, with a line end at the end.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a config has text keys alone");
        text.push('\n');
        text
    }
}

fn first_epoch() -> u64 {
    1
}

fn first_node_id() -> NodeId {
    NodeId(1)
}

fn single() -> String {
    "single".to_owned()
}

fn partitions() -> u32 {
    PARTITIONS_DEFAULT
}

fn replication() -> u32 {
    1
}

fn resp() -> String {
    "127.0.0.1:7379".to_owned()
}

fn http() -> String {
    "127.0.0.1:7380".to_owned()
}

fn cores() -> String {
    "all".to_owned()
}

fn resp_cores() -> u16 {
    7400
}
