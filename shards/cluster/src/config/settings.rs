//! Owns the settings of a config: everything that says how, not where, with a default for each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{
    CLIENTS_DEFAULT, OUTPUT_BYTES_DEFAULT, PUBSUB_HARD_BYTES_DEFAULT, PUBSUB_SOFT_BYTES_DEFAULT,
    PUBSUB_SOFT_S_DEFAULT, SEGMENT_BYTES_MAX, SNAPSHOTS_KEPT_DEFAULT, SYNC_INTERVAL_MS_DEFAULT,
    VALUE_BYTES_MAX, WRITE_TIMEOUT_S_DEFAULT,
};
use super::observe::Observe;
use super::size::Size;
use super::thresholds::Thresholds;
use super::tls::Tls;

/// How the node keeps, answers and bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether data is in segment files too.
    pub storage: Storage,
    /// When a write is answered.
    pub durability: Durability,
    /// Time between two syncs with [`Durability::Interval`], in milliseconds.
    pub sync_interval_ms: u32,
    /// The memory for data; without it a part of the machine's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes_max: Option<Size>,
    /// The length of a segment, a power of two.
    pub segment_bytes: Size,
    /// Which keys go when memory is full, by the names of Redis; `none` answers writes with an error.
    pub eviction: String,
    /// Who may come in.
    pub auth: Auth,
    /// What one client may take.
    pub limits: Limits,
    /// How much is logged.
    pub log_level: LogLevel,
    /// How backups are made.
    pub snapshot: Snapshot,
    /// How clients reach what lies on other nodes.
    #[serde(skip_serializing_if = "Resp::is_default")]
    pub resp: Resp,
    /// By what a leader answers reads.
    #[serde(skip_serializing_if = "Reads::is_default")]
    pub reads: Reads,
    /// How data moves between nodes.
    #[serde(rename = "move", skip_serializing_if = "Move::is_default")]
    pub moves: Move,
    /// What is compressed on its way.
    #[serde(skip_serializing_if = "Compression::is_default")]
    pub compression: Compression,
    /// What is noted of the work.
    #[serde(skip_serializing_if = "Observe::is_default")]
    pub observe: Observe,
    /// From which sizes on collections are told to be in their long form.
    #[serde(skip_serializing_if = "Thresholds::is_default")]
    pub thresholds: Thresholds,
    /// Parameters of Redis that mean nothing here, as they were set: they are shown back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub redis: BTreeMap<String, String>,
    /// Libraries of functions in Lua, each with its code by its name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, String>,
    /// The kept database behind each number, where SWAPDB has changed that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<u8>,
    /// Which keyspace events are told on channels, by Redis' letters; none by default.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notify_keyspace_events: String,
    /// How connections are secured.
    #[serde(skip_serializing_if = "Tls::is_default")]
    pub tls: Tls,
}

/// By what the leader of a partition answers reads, where there are several nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reads {
    /// By its lease, which holds while its clock does not stand still.
    #[default]
    Lease,
    /// By asking a majority each time, whatever clocks do.
    Quorum,
}

impl Reads {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The word in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Quorum => "quorum",
        }
    }
}

/// What is compressed on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Compression {
    /// Snapshots that go from node to node.
    pub bulk: BulkCompression,
}

impl Compression {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether snapshots that go from node to node are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BulkCompression {
    /// Where it was measured to be faster.
    #[default]
    Auto,
    /// Wherever it makes them shorter.
    Always,
    /// Nowhere.
    Never,
}

impl BulkCompression {
    /// The word in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// How clients reach what lies on other nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resp {
    /// What is done with a command whose keys lie on another node.
    pub cluster: ClientRouting,
}

impl Resp {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is done with a command whose keys lie on another node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientRouting {
    /// It is carried there inside, so that any client works.
    Transparent,
    /// It is answered with MOVED, as a Redis Cluster does.
    #[default]
    Redirect,
}

/// How data moves between nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Move {
    /// What a node sends in a second for moves, at most; without it what the node takes for fair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_a_second: Option<Size>,
}

impl Move {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// How backups are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Snapshot {
    /// The newest ones that stay when another is made; 0 for all.
    pub keep: u32,
    /// What is read in a second, at most; without it what the node takes for fair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_a_second: Option<Size>,
}

/// Who may come in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// `sha256:` and 64 hexadecimal digits; absent when there is no password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    /// The file with the secret that the nodes share; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_secret_file: Option<String>,
    /// What each user may do, by name: rules as ACL LIST writes them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, String>,
}

/// What one client may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Clients at the same time on this node.
    pub clients: u32,
    /// Silence after which a client is closed, in seconds; 0 for never.
    pub idle_timeout_s: u32,
    /// Output that may wait for one client. 256 MiB, as it comes, stands for 2 GiB: no one answer is longer.
    pub output_bytes: Size,
    /// What may wait for one client that listens to channels.
    #[serde(skip_serializing_if = "PubsubOutput::is_default")]
    pub pubsub_output: PubsubOutput,
    /// The largest value.
    pub value_bytes: Size,
    /// How long a client may leave its output unread, in seconds.
    pub write_timeout_s: u32,
}

/// What may wait for one client that listens to channels: what is published does not wait for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PubsubOutput {
    /// Output above which it is closed at once; 0 for what any client may have.
    pub hard_bytes: Size,
    /// Output above which it is closed after a time; 0 for none.
    pub soft_bytes: Size,
    /// That time, in seconds.
    pub soft_s: u32,
}

impl PubsubOutput {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for PubsubOutput {
    fn default() -> Self {
        Self {
            hard_bytes: Size::from_bytes(PUBSUB_HARD_BYTES_DEFAULT),
            soft_bytes: Size::from_bytes(PUBSUB_SOFT_BYTES_DEFAULT),
            soft_s: PUBSUB_SOFT_S_DEFAULT,
        }
    }
}

/// Whether data is in segment files too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// In memory and in segment files.
    #[default]
    Disk,
    /// In memory alone; a restart begins empty.
    Memory,
}

/// When a write is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// When it is on stable storage.
    #[default]
    Always,
    /// When it is written; a sync follows each interval.
    Interval,
    /// When it is written; the kernel syncs when it likes.
    Never,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What stops the node.
    Error,
    /// What a person should look at.
    Warn,
    /// Starts, stops and changes.
    #[default]
    Info,
    /// What happens in a turn.
    Debug,
    /// Everything.
    Trace,
}

impl Durability {
    /// Each with its word and what it says.
    pub const WORDS: &[(Self, &str, &str)] = &[
        (Self::Always, "always", "When it is on stable storage"),
        (Self::Interval, "interval", "When it is written; a sync follows each interval"),
        (Self::Never, "never", "When it is written; the kernel syncs when it likes"),
    ];

    /// The word in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Interval => "interval",
            Self::Never => "never",
        }
    }
}

impl Storage {
    /// Each with its word and what it says.
    pub const WORDS: &[(Self, &str, &str)] = &[
        (Self::Disk, "disk", "In memory and in segment files"),
        (Self::Memory, "memory", "In memory alone; a restart begins empty"),
    ];

    /// The word in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Memory => "memory",
        }
    }
}

impl LogLevel {
    /// Each with its word and what it says.
    pub const WORDS: &[(Self, &str, &str)] = &[
        (Self::Error, "error", "What stops the node"),
        (Self::Warn, "warn", "What a person should look at"),
        (Self::Info, "info", "Starts, stops and changes"),
        (Self::Debug, "debug", "What happens in a turn"),
        (Self::Trace, "trace", "Everything"),
    ];

    /// The word in the config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            storage: Storage::default(),
            durability: Durability::default(),
            sync_interval_ms: SYNC_INTERVAL_MS_DEFAULT,
            memory_bytes_max: None,
            segment_bytes: Size::from_bytes(SEGMENT_BYTES_MAX),
            eviction: "none".to_owned(),
            auth: Auth::default(),
            limits: Limits::default(),
            log_level: LogLevel::default(),
            snapshot: Snapshot::default(),
            resp: Resp::default(),
            moves: Move::default(),
            compression: Compression::default(),
            observe: Observe::default(),
            thresholds: Thresholds::default(),
            redis: BTreeMap::new(),
            functions: BTreeMap::new(),
            databases: Vec::new(),
            notify_keyspace_events: String::new(),
            reads: Reads::default(),
            tls: Tls::default(),
        }
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self { keep: SNAPSHOTS_KEPT_DEFAULT, bytes_a_second: None }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: CLIENTS_DEFAULT,
            idle_timeout_s: 0,
            output_bytes: Size::from_bytes(OUTPUT_BYTES_DEFAULT),
            pubsub_output: PubsubOutput::default(),
            value_bytes: Size::from_bytes(VALUE_BYTES_MAX),
            write_timeout_s: WRITE_TIMEOUT_S_DEFAULT,
        }
    }
}
