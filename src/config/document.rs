//! Owns the shape of the config document: the JSON that a person edits and the node keeps current.

use std::io;

use serde::{Deserialize, Serialize};

use super::cores::CoreChoice;
use super::limits::{
    HUGE_PAGE_BYTES, PARTITIONS_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SEGMENTS_A_CORE,
    SMALL_SEGMENTS_A_CORE,
};
use super::machine::Machine;
use super::overrides::Overrides;
use super::settings::Settings;
use super::size::Size;
use super::uuid;

/// The whole config. What it holds may still be wrong: [`super::resolve::resolve`] checks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The identifier of the cluster, drawn when it is made.
    pub(crate) cluster_id: String,
    /// The count of accepted configs, from 1.
    #[serde(default = "first_epoch")]
    pub(crate) epoch: u64,
    /// The hash of the config before this one; empty for the first.
    #[serde(default)]
    pub(crate) parent: String,
    /// How nodes share the data; `single` for one node.
    #[serde(default = "single")]
    pub(crate) mode: String,
    /// Partitions that the 16,384 slots are spread over.
    #[serde(default = "partitions")]
    pub(crate) partitions: u32,
    /// Copies of each partition.
    #[serde(default = "replication")]
    pub(crate) replication: u32,
    /// The nodes.
    pub(crate) nodes: Vec<Node>,
    /// The identifiers of nodes that may not come back.
    #[serde(default)]
    pub(crate) removed: Vec<String>,
    /// How the nodes keep, answer and bound.
    #[serde(default)]
    pub(crate) settings: Settings,
}

/// One node: who it is and where it listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Node {
    /// The number of the node, from 1.
    #[serde(default = "first_node_id")]
    pub(crate) id: u32,
    /// The name that people use.
    pub(crate) name: String,
    /// The identifier of the node, drawn when it is made.
    pub(crate) uuid: String,
    /// The address for Redis clients.
    #[serde(default = "resp")]
    pub(crate) resp: String,
    /// The address for HTTP.
    #[serde(default = "http")]
    pub(crate) http: String,
    /// The cores to run on: `0-3`, `0,2` or `all`.
    #[serde(default = "cores")]
    pub(crate) cores: String,
    /// The port of the first core's own listener, the next core has the next port; 0 for none.
    #[serde(default = "resp_cores")]
    pub(crate) resp_cores: u16,
    /// A Unix socket for Redis clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unix: Option<String>,
    /// Where the node stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rack: Option<String>,
}

impl Config {
    /// The first config of a single node, with what the flags say written in.
    ///
    /// Segments are smaller than the default where the machine's memory asks for it.
    ///
    /// Errors: those of drawing the two identifiers.
    pub(crate) fn default_single(
        node_name: &str,
        flags: &Overrides,
        machine: &Machine,
    ) -> io::Result<Self> {
        let node = Node {
            id: first_node_id(),
            name: node_name.to_owned(),
            uuid: uuid::generate()?,
            resp: resp(),
            http: http(),
            cores: cores(),
            resp_cores: resp_cores(),
            unix: None,
            rack: None,
        };
        let config = Self {
            cluster_id: uuid::generate()?,
            epoch: first_epoch(),
            parent: String::new(),
            mode: single(),
            partitions: partitions(),
            replication: replication(),
            nodes: vec![node],
            removed: Vec::new(),
            settings: Settings::default(),
        };
        let mut config = flags.over(&config);
        config.settings.segment_bytes = Size::from_bytes(fitting_segment_bytes(&config, machine));
        Ok(config)
    }

    /// The document as a person reads it: indented, with a line end at the end.
    pub(crate) fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a config has text keys alone");
        text.push('\n');
        text
    }
}

/// The largest segment of which every core gets its share from the memory limit.
fn fitting_segment_bytes(config: &Config, machine: &Machine) -> u64 {
    let partitions = usize::try_from(config.partitions).unwrap_or(usize::MAX);
    let core_count = config
        .nodes
        .first()
        .and_then(|node| CoreChoice::parse(&node.cores).ok())
        .and_then(|choice| choice.pick(&machine.cores_allowed, partitions).ok())
        .map_or(1, |cores| cores.len().max(1) as u64);
    let limit = config.settings.memory_bytes_max.as_ref();
    let limit = limit.map_or_else(|| machine.memory_bytes_default(), Size::bytes);
    let share = limit / core_count;
    let mut segment_bytes = SEGMENT_BYTES_MAX;
    while segment_bytes > share / SEGMENTS_A_CORE && segment_bytes > HUGE_PAGE_BYTES {
        segment_bytes /= 2;
    }
    while segment_bytes > share / SMALL_SEGMENTS_A_CORE && segment_bytes > SEGMENT_BYTES_MIN {
        segment_bytes /= 2;
    }
    segment_bytes
}

fn first_epoch() -> u64 {
    1
}

fn first_node_id() -> u32 {
    1
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
