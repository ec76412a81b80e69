//! Owns the rules of one config: all that is wrong at once, or the values that a node runs with.

use std::collections::BTreeSet;

use super::addresses::Addresses;
use super::document::Config;
use super::functions::check_functions;
use super::limits::{EPOCH_MAX, PARTITIONS_MAX, REMOVED_MAX};
use super::machine::Machine;
use super::mode::{Mode, check_mode, check_replication};
use super::nodes::{self, check_count};
use super::password::PasswordHash;
use super::problem::Problem;
use super::settings_check::{
    check_events, check_eviction, check_memory, check_password, check_peer_secret, check_settings,
    check_shown_back, warnings,
};
use super::tls;
use super::users::check_users;
use super::uuid::is_uuid;
use hyperion_model::Databases;

/// The node that asks, and what it knows.
#[derive(Debug, Clone, Copy)]
pub struct Local<'a> {
    /// The uuid of the node; without it the first one is meant.
    pub uuid: Option<&'a str>,
    /// What it may use.
    pub machine: &'a Machine,
    /// The names of the eviction policies that this build has.
    pub evictions: &'a [&'a str],
}

/// The values of a config that has been checked, for one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The place of the node's entry in the list.
    pub node_index: usize,
    /// Where it listens.
    pub addresses: Addresses,
    /// The cores to run on, at least one.
    pub cores: Vec<u16>,
    /// The memory for data on the whole node.
    pub memory_bytes_max: u64,
    /// What clients have to show.
    pub password: Option<PasswordHash>,
    /// Sentences about what is allowed but unwise on this machine.
    pub warnings: Vec<String>,
}

/// All that is wrong with a config wherever it is looked at: the same on every node.
#[must_use]
pub fn problems(config: &Config, evictions: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(config, evictions, None, &mut problems);
    problems
}

/// Checks a config for one node and turns its texts into values.
///
/// Errors: every problem there is, in the order of the document.
pub fn check(config: &Config, local: Local<'_>) -> Result<Checked, Vec<Problem>> {
    let mut problems = Vec::new();
    let own = match local.uuid {
        Some(uuid) => config.nodes.iter().position(|node| node.uuid == uuid),
        None => Some(0).filter(|_| !config.nodes.is_empty()),
    };
    if let (Some(uuid), None) = (local.uuid, own) {
        let text = format!("there is no node with uuid {uuid}, which is that of this node's data");
        let hint = "add the node, or give the config that this data belongs to";
        problems.push(Problem::at("/nodes", text, hint));
    }
    let here = own.map(|index| (index, local.machine));
    let checked = walk(config, local.evictions, here, &mut problems);
    match checked.filter(|_| problems.is_empty()) {
        Some(checked) => Ok(checked),
        None => {
            assert!(!problems.is_empty(), "a config without values has a problem that says so");
            Err(problems)
        }
    }
}

fn walk(
    config: &Config,
    evictions: &[&str],
    here: Option<(usize, &Machine)>,
    problems: &mut Vec<Problem>,
) -> Option<Checked> {
    check_cluster(config, problems);
    check_count(config, problems);
    let settings = &config.settings;
    let password = check_password(settings, problems);
    let nodes = nodes::check(config, here, problems);
    check_eviction(settings, evictions, problems);
    check_peer_secret(settings, problems);
    check_events(settings, problems);
    tls::check(config, problems);
    check_settings(settings, problems);
    check_users(settings, problems);
    check_functions(settings, problems);
    if Databases::of(&settings.databases).is_none() {
        let text = format!("it is {:?}", settings.databases);
        let hint = "give the numbers from 0 to 15 in the order wanted, each once, or leave it out";
        problems.push(Problem::at("/settings/databases", text, hint));
    }
    check_shown_back(settings, problems);
    let (node_index, machine) = here?;
    let own = nodes.into_iter().nth(node_index)?;
    let memory_bytes_max = check_memory(config, own.cores.len(), machine, problems);
    Some(Checked {
        node_index,
        addresses: own.addresses?,
        cores: own.cores,
        memory_bytes_max,
        password,
        warnings: warnings(memory_bytes_max, machine),
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
    check_mode(config, problems);
    if !config.partitions.is_power_of_two() || config.partitions > PARTITIONS_MAX {
        let text = format!("{} partitions are not possible", config.partitions);
        problems.push(Problem::at("/partitions", text, "give a power of two from 1 to 1024"));
    }
    check_replication(config, problems);
    check_removed(config, problems);
}

fn check_removed(config: &Config, problems: &mut Vec<Problem>) {
    let mut problem = |text: String, hint: &str| {
        problems.push(Problem::at("/removed", text, hint));
    };
    // What is left of a cluster keeps the list.
    if Mode::of(config) == Some(Mode::Single) && config.epoch <= 1 && !config.removed.is_empty() {
        problem("mode \"single\" has no removed nodes".to_owned(), "leave the list empty");
    }
    if config.removed.len() > REMOVED_MAX {
        let hint = format!("keep the newest {REMOVED_MAX}");
        problem(format!("{} removed nodes are too many", config.removed.len()), &hint);
    }
    if let Some(text) = config.removed.iter().find(|text| !is_uuid(text)) {
        problem(format!("{text:?} is no identifier"), "give the uuids of removed nodes alone");
    }
    let mut seen = BTreeSet::new();
    if let Some(uuid) = config.removed.iter().find(|uuid| !seen.insert(*uuid)) {
        problem(format!("{uuid} is there twice"), "name each removed node once");
    }
}
