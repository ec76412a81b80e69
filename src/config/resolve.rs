//! Owns the values that this node runs with: a checked config, in the words of the engine.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyperion_cluster::config::limits::{
    OUTPUT_BYTES_DEFAULT, OUTPUT_BYTES_UNSAID, SEGMENTS_A_CORE_MIN,
};
use hyperion_cluster::config::{
    ClientRouting, Config, Local, Machine, Node, PasswordHash, Problem, Settings, Storage, Usage,
    check, lints, reached_by_others, user_pointer,
};
use hyperion_engine::Eviction;
use hyperion_engine::acl::{DEFAULT, Users};
use hyperion_model::EventMask;

use super::limits::NODE_BYTES;
use crate::pubsub::ListenerLimit;

/// A config that has been checked, with its texts turned into values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// The config itself, with the flags of this start in it.
    pub(crate) config: Config,
    /// The address for Redis clients.
    pub(crate) resp: SocketAddr,
    /// The address for HTTP.
    pub(crate) http: SocketAddr,
    /// The cores to run on, at least one.
    pub(crate) cores: Vec<u16>,
    /// The address of each core's own listener, in the order of `cores`; empty for none.
    pub(crate) resp_cores: Vec<SocketAddr>,
    /// The Unix socket for Redis clients.
    pub(crate) unix: Option<PathBuf>,
    /// The address for clients of memcached.
    pub(crate) memcached: Option<SocketAddr>,
    /// The memory for data on the whole node.
    pub(crate) memory_bytes_max: u64,
    /// Which keys go when that is full.
    pub(crate) eviction: Eviction,
    /// The length of a segment.
    pub(crate) segment_bytes: u64,
    /// The output that may wait for one client.
    pub(crate) output_bytes_max: u64,
    /// The largest value.
    pub(crate) value_bytes_max: u64,
    /// What may wait for a client that listens.
    pub(crate) listener_limit: ListenerLimit,
    /// Which keyspace events are told.
    pub(crate) events: EventMask,
    /// What clients have to show.
    pub(crate) password: Option<PasswordHash>,
    /// The address for Redis clients that speak TLS.
    pub(crate) resp_tls: Option<SocketAddr>,
    /// The address for HTTP with TLS.
    pub(crate) http_tls: Option<SocketAddr>,
    /// Who may do what.
    pub(crate) users: Users,
    /// Sentences about what is allowed but unwise.
    pub(crate) warnings: Vec<String>,
    /// The address for the other nodes.
    pub(crate) peer: SocketAddr,
    /// The place of this node's entry in the config.
    node_index: usize,
}

impl Resolved {
    /// This node's entry.
    pub(crate) fn node(&self) -> &Node {
        &self.config.nodes[self.node_index]
    }

    /// Whether a node that began with `other` listens and runs as this one says.
    pub(crate) fn listens_as(&self, other: &Self) -> bool {
        let places = |it: &Self| {
            let plain = (it.resp, it.http, it.peer, it.resp_cores.clone(), it.unix.clone());
            (plain, it.cores.clone(), it.resp_tls, it.http_tls, it.memcached)
        };
        places(self) == places(other)
    }

    /// Whether it is a node without groups, which has never had others beside it.
    pub(crate) fn is_alone(&self) -> bool {
        self.config.is_alone()
    }

    /// Whether clients see the nodes of a cluster: not where each node answers for all of them, as one Redis would.
    pub(crate) fn shows_a_cluster(&self) -> bool {
        !self.is_alone() && !self.is_transparent()
    }

    /// Whether each node answers for all nodes.
    pub(crate) fn is_transparent(&self) -> bool {
        self.settings().resp.cluster == ClientRouting::Transparent
    }

    /// A limit of memory below what the node can work with, as CONFIG SET has it: what the data of all cores may take.
    pub(crate) fn tight_bytes(&self) -> Option<u64> {
        Some(tight_limit(self.settings())?.saturating_sub(NODE_BYTES))
    }

    /// The limit of memory in force: that one, or the config's.
    pub(crate) fn limit_bytes(&self) -> u64 {
        tight_limit(self.settings()).unwrap_or(self.memory_bytes_max)
    }

    /// The lowest limit of memory that the node can work with.
    pub(crate) fn memory_bytes_min(&self) -> u64 {
        SEGMENTS_A_CORE_MIN * self.segment_bytes * self.cores.len().max(1) as u64
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.config.settings
    }
}

/// All that is wrong with a config on this machine; empty when nothing is.
pub(crate) fn validate(config: &Config, machine: &Machine, uuid: Option<&str>) -> Vec<Problem> {
    resolve(config, machine, uuid).err().unwrap_or_default()
}

/// Checks a config and turns its texts into values. `uuid` is the node that this one is; without it the first one is meant.
///
/// Errors: every problem there is, in the order of the document.
pub(crate) fn resolve(
    config: &Config,
    machine: &Machine,
    uuid: Option<&str>,
) -> Result<Resolved, Vec<Problem>> {
    let evictions: Vec<&str> = Eviction::ALL.iter().map(|eviction| eviction.name()).collect();
    let checked = check(config, Local { uuid, machine, evictions: &evictions })?;
    let problems = cluster_problems(config);
    if !problems.is_empty() {
        return Err(problems);
    }
    let settings = &config.settings;
    let users = Users::of(&settings.auth).map_err(user_problems)?;
    let open = open_users(config, &users);
    if !open.is_empty() {
        return Err(open);
    }
    let output_bytes_max = match settings.limits.output_bytes.bytes() {
        OUTPUT_BYTES_DEFAULT => OUTPUT_BYTES_UNSAID,
        bytes => bytes,
    };
    let tight = tight_limit(settings).map(|bytes| tight_warning(bytes, checked.memory_bytes_max));
    Ok(Resolved {
        resp: checked.addresses.resp,
        http: checked.addresses.http,
        peer: checked.addresses.peer,
        cores: checked.cores,
        resp_cores: checked.addresses.resp_cores,
        resp_tls: checked.addresses.resp_tls,
        http_tls: checked.addresses.http_tls,
        unix: config.nodes[checked.node_index].unix.as_ref().map(PathBuf::from),
        memcached: checked.addresses.memcached,
        memory_bytes_max: checked.memory_bytes_max,
        eviction: Eviction::named(&settings.eviction).unwrap_or(Eviction::None),
        segment_bytes: settings.segment_bytes.bytes(),
        output_bytes_max,
        value_bytes_max: settings.limits.value_bytes.bytes(),
        listener_limit: ListenerLimit::new(
            &settings.limits.pubsub_output,
            settings.limits.output_bytes.bytes(),
        ),
        events: EventMask::parse(settings.notify_keyspace_events.as_bytes()).unwrap_or_default(),
        password: checked.password,
        users,
        // What the nodes hold is not known here: `POST /config?dry_run=1` says whether it would fit.
        warnings: [checked.warnings, Vec::from_iter(tight), lints(config, &Usage::default())]
            .concat(),
        node_index: checked.node_index,
        config: config.clone(),
    })
}

/// The limit that CONFIG SET maxmemory keeps, where it is below what the node can work with.
fn tight_limit(settings: &Settings) -> Option<u64> {
    settings.redis.get("maxmemory")?.parse().ok()
}

/// It stands above the setting that people look at.
fn tight_warning(tight_bytes: u64, memory_bytes_max: u64) -> String {
    format!(
        "/settings/redis/maxmemory is {tight_bytes} bytes, which CONFIG SET maxmemory has put there: it is the limit in force, and \
         /settings/memory_bytes_max ({memory_bytes_max} bytes) is not until it is taken out (CONFIG SET maxmemory 0 does so too)"
    )
}

/// What is wrong with the rules of users.
fn user_problems(problems: Vec<(String, String)>) -> Vec<Problem> {
    let hint = "give rules as ACL LIST prints them behind the name, such as \"on #<hash> ~app:* resetchannels -@all +@read\"";
    problems
        .into_iter()
        .map(|(name, sentence)| Problem::at(user_pointer(&name), sentence, hint))
        .collect()
}

/// Users who come in without a password where anybody can try.
fn open_users(config: &Config, users: &Users) -> Vec<Problem> {
    let Some(address) = reached_by_others(config) else { return Vec::new() };
    // Of the default user the addresses tell.
    let open = users.iter().filter(|user| user.name != DEFAULT && user.is_open());
    open.map(|user| {
        let text = format!(
            "{:?} needs no password, and {address} can be reached from other machines",
            user.name
        );
        let hint = "give the user a password (ACL SETUSER with >password, or # and its hash), take \"nopass\" away, or listen on 127.0.0.1";
        Problem::at(user_pointer(&user.name), text, hint)
    })
    .collect()
}

/// What several nodes cannot do yet.
fn cluster_problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.is_alone() {
        return problems;
    }
    let settings = &config.settings;
    if settings.storage == Storage::Memory {
        let text = "replicas in memory alone would forget what they have acknowledged";
        problems.push(Problem::at("/settings/storage", text, "give \"disk\""));
    }
    problems
}
