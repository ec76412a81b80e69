//! Owns the rules of a config: all that is wrong at once, or the values that the node runs with.

use std::net::SocketAddr;
use std::path::PathBuf;

use hyperion_engine::Eviction;

use super::addresses;
use super::cores::CoreChoice;
use super::document::{Config, Node};
use super::limits::{
    CLIENTS_MAX, EPOCH_MAX, IDLE_TIMEOUT_S_MAX, MEMORY_BYTES_MAX, NODE_NAME_BYTES_MAX,
    OUTPUT_BYTES_MIN, PARTITIONS_MAX, RACK_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
    SEGMENTS_A_CORE_MIN, SNAPSHOT_BYTES_A_SECOND_MIN, SNAPSHOTS_KEPT_MAX, SYNC_INTERVAL_MS_MAX,
    UNIX_PATH_BYTES_MAX, VALUE_BYTES_MAX, WRITE_TIMEOUT_S_MAX,
};
use super::machine::Machine;
use super::password::PasswordHash;
use super::problem::Problem;
use super::settings::Settings;
use super::size::Size;
use super::uuid::is_uuid;

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
    /// What clients have to show.
    pub(crate) password: Option<PasswordHash>,
    /// Sentences about what is allowed but unwise.
    pub(crate) warnings: Vec<String>,
}

impl Resolved {
    /// This node's entry.
    pub(crate) fn node(&self) -> &Node {
        self.config.nodes.first().expect("a checked config has one node")
    }

    /// The settings.
    pub(crate) fn settings(&self) -> &Settings {
        &self.config.settings
    }
}

/// All that is wrong with a config on this machine; empty when nothing is.
pub(crate) fn validate(config: &Config, machine: &Machine) -> Vec<Problem> {
    resolve(config, machine).err().unwrap_or_default()
}

/// Checks a config and turns its texts into values.
///
/// Errors: every problem there is, in the order of the document.
pub(crate) fn resolve(config: &Config, machine: &Machine) -> Result<Resolved, Vec<Problem>> {
    let mut problems = Vec::new();
    check_cluster(config, &mut problems);
    let node = match config.nodes.as_slice() {
        [node] => Some(node),
        nodes => {
            problems.push(Problem::at(
                "/nodes",
                format!("mode \"single\" has one node, this config has {}", nodes.len()),
                "keep one node",
            ));
            nodes.first()
        }
    };
    let password = check_password(&config.settings, &mut problems);
    let cores = node.map(|node| check_node(node, config, machine, &mut problems));
    let addresses = node.zip(cores.as_ref()).and_then(|(node, cores)| {
        let has_password = config.settings.auth.password_hash.is_some();
        addresses::check(node, cores.len(), has_password, &mut problems)
    });
    let eviction = check_eviction(&config.settings, &mut problems);
    check_settings(&config.settings, &mut problems);
    let cores = cores.unwrap_or_default();
    let memory_bytes_max = check_memory(config, cores.len(), machine, &mut problems);
    let (Some(addresses), true) = (addresses, problems.is_empty()) else {
        assert!(!problems.is_empty(), "a config without addresses has a problem that says so");
        return Err(problems);
    };
    let limits = &config.settings.limits;
    Ok(Resolved {
        resp: addresses.resp,
        http: addresses.http,
        cores,
        resp_cores: addresses.resp_cores,
        unix: node.and_then(|node| node.unix.as_ref()).map(PathBuf::from),
        memory_bytes_max,
        eviction,
        segment_bytes: config.settings.segment_bytes.bytes(),
        output_bytes_max: limits.output_bytes.bytes(),
        value_bytes_max: limits.value_bytes.bytes(),
        password,
        warnings: warnings(memory_bytes_max, machine),
        config: config.clone(),
    })
}

fn check_cluster(config: &Config, problems: &mut Vec<Problem>) {
    let mut problem = |pointer: &str, problem: String, hint: &str| {
        problems.push(Problem::at(pointer, problem, hint));
    };
    if !is_uuid(&config.cluster_id) {
        let text = format!("{:?} is no identifier", config.cluster_id);
        problem("/cluster_id", text, "give a uuid in lower case, such as `uuidgen` prints");
    }
    if !(1..=EPOCH_MAX).contains(&config.epoch) {
        let text = format!("epoch {} is out of range", config.epoch);
        problem("/epoch", text, "epochs count from 1; a change raises the current one by 1");
    }
    let parent_fits = config.parent.len() == 64
        && config.parent.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !config.parent.is_empty() && !parent_fits {
        let text = format!("{:?} is no hash", config.parent);
        problem("/parent", text, "give 64 lower-case hexadecimal digits, or nothing for the first");
    }
    if config.mode != "single" {
        let text = format!("mode {:?} is not possible", config.mode);
        problem("/mode", text, "this version has \"single\": one node that holds everything");
    }
    if !config.partitions.is_power_of_two() || config.partitions > PARTITIONS_MAX {
        let text = format!("{} partitions are not possible", config.partitions);
        problem("/partitions", text, "give a power of two from 1 to 1024");
    }
    if config.replication != 1 {
        let text = format!("{} copies are not possible", config.replication);
        problem("/replication", text, "mode \"single\" keeps 1 copy");
    }
    if !config.removed.is_empty() {
        let text = "mode \"single\" has no removed nodes".to_owned();
        problem("/removed", text, "leave the list empty");
    }
}

/// Checks all of a node but its addresses; the cores are empty when their list is wrong.
fn check_node(
    node: &Node,
    config: &Config,
    machine: &Machine,
    problems: &mut Vec<Problem>,
) -> Vec<u16> {
    if node.id != 1 {
        let text = format!("node id {} is not possible", node.id);
        problems.push(Problem::at("/nodes/0/id", text, "the node of mode \"single\" has id 1"));
    }
    let name_fits = (1..=NODE_NAME_BYTES_MAX).contains(&node.name.len())
        && node.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !name_fits {
        let text = format!("{:?} is no name for a node", node.name);
        let hint = "give 1 to 64 letters, digits, dots, underscores or hyphens";
        problems.push(Problem::at("/nodes/0/name", text, hint));
    }
    if !is_uuid(&node.uuid) {
        let text = format!("{:?} is no identifier", node.uuid);
        let hint = "give a uuid in lower case, such as `uuidgen` prints";
        problems.push(Problem::at("/nodes/0/uuid", text, hint));
    }
    let bad_path =
        |path: &&String| path.is_empty() || path.contains('\0') || path.len() > UNIX_PATH_BYTES_MAX;
    if let Some(path) = node.unix.as_ref().filter(bad_path) {
        let text = format!("{path:?} is no path of a Unix socket");
        let hint = format!("give a path of 1 to {UNIX_PATH_BYTES_MAX} bytes, or leave it out");
        problems.push(Problem::at("/nodes/0/unix", text, hint));
    }
    if node.rack.as_ref().is_some_and(|rack| rack.len() > RACK_BYTES_MAX) {
        let hint = format!("give at most {RACK_BYTES_MAX} bytes");
        problems.push(Problem::at("/nodes/0/rack", "the rack is too long", hint));
    }
    let partitions = usize::try_from(config.partitions).unwrap_or(usize::MAX);
    let cores = CoreChoice::parse(&node.cores)
        .and_then(|choice| choice.pick(&machine.cores_allowed, partitions));
    match cores {
        Ok(cores) if cores.is_empty() || cores.len() > partitions => {
            let text = format!("{} cores for {partitions} partitions", cores.len());
            let hint = "give at least one core and at most one a partition";
            problems.push(Problem::at("/nodes/0/cores", text, hint));
            Vec::new()
        }
        Ok(cores) => cores,
        Err(text) => {
            let hint = "give cores of this machine as \"0-3\", \"0,2\" or \"all\"";
            problems.push(Problem::at("/nodes/0/cores", text, hint));
            Vec::new()
        }
    }
}

fn check_password(settings: &Settings, problems: &mut Vec<Problem>) -> Option<PasswordHash> {
    let text = settings.auth.password_hash.as_ref()?;
    match PasswordHash::parse(text) {
        Ok(hash) => Some(hash),
        Err(problem) => {
            let hint = "`hyperiond hash-password` reads a password and prints its hash";
            problems.push(Problem::at("/settings/auth/password_hash", problem, hint));
            None
        }
    }
}

/// The word in the config for keeping all keys, beside Redis' own.
const KEEP_ALL: &str = "none";

fn check_eviction(settings: &Settings, problems: &mut Vec<Problem>) -> Eviction {
    let name = settings.eviction.as_str();
    if name == KEEP_ALL {
        return Eviction::None;
    }
    Eviction::named(name).unwrap_or_else(|| {
        let text = format!("eviction {name:?} is not possible");
        let names: Vec<&str> =
            Eviction::ALL.iter().map(|eviction| eviction.name()).collect();
        let hint = format!(
            "give \"{KEEP_ALL}\", with which a write that finds memory full is answered with an error, or one of {}",
            names.join(", ")
        );
        problems.push(Problem::at("/settings/eviction", text, hint));
        Eviction::None
    })
}

fn check_settings(settings: &Settings, problems: &mut Vec<Problem>) {
    let limits = &settings.limits;
    let segment_bytes = settings.segment_bytes.bytes();
    if !segment_bytes.is_power_of_two() {
        let text = format!("{} is no power of two", settings.segment_bytes);
        let hint = "give a power of two from 1MiB to 64MiB";
        problems.push(Problem::at("/settings/segment_bytes", text, hint));
    }
    let second = u64::from;
    let speed = settings.snapshot.bytes_a_second.as_ref();
    for (pointer, value, minimum, maximum) in [
        (
            "/settings/sync_interval_ms",
            second(settings.sync_interval_ms),
            1,
            second(SYNC_INTERVAL_MS_MAX),
        ),
        ("/settings/segment_bytes", segment_bytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
        ("/settings/limits/clients", second(limits.clients), 1, second(CLIENTS_MAX)),
        (
            "/settings/limits/idle_timeout_s",
            second(limits.idle_timeout_s),
            0,
            second(IDLE_TIMEOUT_S_MAX),
        ),
        (
            "/settings/limits/output_bytes",
            limits.output_bytes.bytes(),
            OUTPUT_BYTES_MIN,
            MEMORY_BYTES_MAX,
        ),
        ("/settings/limits/value_bytes", limits.value_bytes.bytes(), 1, VALUE_BYTES_MAX),
        (
            "/settings/limits/write_timeout_s",
            second(limits.write_timeout_s),
            1,
            second(WRITE_TIMEOUT_S_MAX),
        ),
        ("/settings/snapshot/keep", second(settings.snapshot.keep), 0, second(SNAPSHOTS_KEPT_MAX)),
        (
            "/settings/snapshot/bytes_a_second",
            speed.map_or(SNAPSHOT_BYTES_A_SECOND_MIN, Size::bytes),
            SNAPSHOT_BYTES_A_SECOND_MIN,
            MEMORY_BYTES_MAX,
        ),
    ] {
        if !(minimum..=maximum).contains(&value) {
            let text = format!("{value} is out of range");
            problems.push(Problem::at(pointer, text, format!("give {minimum} to {maximum}")));
        }
    }
}

/// Checks that every core can hold its segments; returns the memory for data.
fn check_memory(
    config: &Config,
    core_count: usize,
    machine: &Machine,
    problems: &mut Vec<Problem>,
) -> u64 {
    let pointer = "/settings/memory_bytes_max";
    let given = config.settings.memory_bytes_max.as_ref();
    let bytes = given.map_or_else(|| machine.memory_bytes_default(), Size::bytes);
    let segment_bytes = config.settings.segment_bytes.bytes();
    let needed = segment_bytes
        .saturating_mul(SEGMENTS_A_CORE_MIN)
        .saturating_mul(u64::try_from(core_count.max(1)).unwrap_or(u64::MAX));
    if bytes > MEMORY_BYTES_MAX {
        let text = format!("{bytes} is out of range");
        problems.push(Problem::at(pointer, text, format!("give at most {MEMORY_BYTES_MAX}")));
    } else if bytes < needed {
        let text = format!(
            "{bytes} bytes are less than {SEGMENTS_A_CORE_MIN} segments of {segment_bytes} bytes for each of {core_count} cores"
        );
        let hint = format!(
            "give at least {needed}, or smaller /settings/segment_bytes, or fewer /nodes/0/cores"
        );
        problems.push(Problem::at(pointer, text, hint));
    }
    bytes
}

fn warnings(memory_bytes_max: u64, machine: &Machine) -> Vec<String> {
    if memory_bytes_max <= machine.memory_bytes {
        return Vec::new();
    }
    vec![format!(
        "/settings/memory_bytes_max is {memory_bytes_max} bytes and this machine or its control group has {}; \
         the kernel may stop the node when data grows past that",
        machine.memory_bytes
    )]
}
