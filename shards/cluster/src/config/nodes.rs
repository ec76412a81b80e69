//! Owns the rules of the nodes: each by itself, and all beside each other.

use std::collections::BTreeMap;

use super::addresses::{self, Addresses, Listener, Measure, is_loopback, listeners};
use super::cores::CoreChoice;
use super::document::{Config, Node, Role};
use super::limits::{NODE_NAME_BYTES_MAX, NODES_MAX, RACK_BYTES_MAX, UNIX_PATH_BYTES_MAX};
use super::machine::Machine;
use super::mode::Mode;
use super::problem::Problem;
use super::uuid::is_uuid;

/// A node whose texts have been turned into values.
pub(super) struct CheckedNode {
    /// Empty when the list is wrong, or is `all` on another machine.
    pub(super) cores: Vec<u16>,
    pub(super) addresses: Option<Addresses>,
}

/// Checks every node; `here` is the place of this node and its machine.
pub(super) fn check(
    config: &Config,
    here: Option<(usize, &Machine)>,
    problems: &mut Vec<Problem>,
) -> Vec<CheckedNode> {
    let checked: Vec<CheckedNode> = config
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let machine = here.filter(|(own, _)| *own == index).map(|(_, machine)| machine);
            check_one(&format!("/nodes/{index}"), node, config, machine, problems)
        })
        .collect();
    check_once(config, problems);
    check_hosts(&checked, problems);
    checked
}

/// How many nodes there are, and what they are.
pub(super) fn check_count(config: &Config, problems: &mut Vec<Problem>) {
    let mut problem = |text: String, hint: &str| {
        problems.push(Problem::at("/nodes", text, hint));
    };
    let count = config.nodes.len();
    if Mode::of(config) == Some(Mode::Single) && config.data_nodes().count() != 1 {
        problem(format!("mode \"single\" has one node, this config has {count}"), "keep one node");
    } else if count > NODES_MAX {
        let hint = format!("keep at most {NODES_MAX}");
        problem(format!("{count} nodes are not possible"), &hint);
    }
    let voters = |node: &&Node| node.role == Role::Voter && node.leaving.is_none();
    let voters = config.nodes.iter().filter(voters).count();
    if voters > 1 {
        let text = format!("{voters} nodes have the role \"voter\"");
        problem(text, "keep one: it breaks the tie between an even number of copies");
    }
}

fn check_one(
    place: &str,
    node: &Node,
    config: &Config,
    machine: Option<&Machine>,
    problems: &mut Vec<Problem>,
) -> CheckedNode {
    check_words(place, node, config, problems);
    let partitions = usize::try_from(config.partitions).unwrap_or(usize::MAX);
    let choice = CoreChoice::parse(&node.cores).and_then(|choice| match (machine, choice) {
        (Some(machine), choice) => choice.pick(&machine.cores_allowed, partitions),
        (None, CoreChoice::Listed(cores)) => Ok(cores),
        (None, CoreChoice::All) => Ok(vec![0]),
    });
    let cores = match choice {
        Ok(cores) if cores.is_empty() || cores.len() > partitions => {
            let text = format!("{} cores for {partitions} partitions", cores.len());
            let hint = "give at least one core and at most one a partition";
            problems.push(Problem::at(format!("{place}/cores"), text, hint));
            Vec::new()
        }
        Ok(cores) => cores,
        Err(text) => {
            let hint = "give cores of this machine as \"0-3\", \"0,2\" or \"all\"";
            problems.push(Problem::at(format!("{place}/cores"), text, hint));
            Vec::new()
        }
    };
    let measure = Measure {
        core_count: cores.len(),
        auth: &config.settings.auth,
        keeps_strangers_out: config.settings.tls.keeps_strangers_out(),
        in_cluster: Mode::of(config).is_some() && !config.is_alone(),
    };
    let addresses = addresses::check(place, node, measure, problems);
    CheckedNode { cores, addresses }
}

/// The number, the texts and the paths of one node.
fn check_words(place: &str, node: &Node, config: &Config, problems: &mut Vec<Problem>) {
    let mut problem = |field: &str, text: String, hint: &str| {
        problems.push(Problem::at(format!("{place}/{field}"), text, hint));
    };
    let is_single = Mode::of(config) == Some(Mode::Single);
    // What is left of a cluster keeps its number.
    if is_single && config.epoch <= 1 && config.nodes.len() == 1 && node.id.0 != 1 {
        let text = format!("node id {} is not possible", node.id);
        problem("id", text, "the node of mode \"single\" has id 1");
    } else if node.id.0 == 0 {
        problem("id", "node id 0 is not possible".to_owned(), "ids count from 1");
    }
    let name_fits = (1..=NODE_NAME_BYTES_MAX).contains(&node.name.len())
        && node.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if !name_fits {
        let text = format!("{:?} is no name for a node", node.name);
        problem("name", text, "give 1 to 64 letters, digits, dots, underscores or hyphens");
    }
    if !is_uuid(&node.uuid) {
        let text = format!("{:?} is no identifier", node.uuid);
        problem("uuid", text, "give a uuid in lower case, such as `uuidgen` prints");
    }
    if config.removed.contains(&node.uuid) {
        let text = format!("the node with uuid {} was removed", node.uuid);
        problem("uuid", text, "wipe its data and let it join with a new uuid");
    }
    let bad_path =
        |path: &&String| path.is_empty() || path.contains('\0') || path.len() > UNIX_PATH_BYTES_MAX;
    if let Some(path) = node.unix.as_ref().filter(bad_path) {
        let text = format!("{path:?} is no path of a Unix socket");
        let hint = format!("give a path of 1 to {UNIX_PATH_BYTES_MAX} bytes, or leave it out");
        problem("unix", text, &hint);
    }
    if node.rack.as_ref().is_some_and(|rack| rack.len() > RACK_BYTES_MAX) {
        let hint = format!("give at most {RACK_BYTES_MAX} bytes");
        problem("rack", "the rack is too long".to_owned(), &hint);
    }
}

/// What no two nodes may share, and the order of their ids.
fn check_once(config: &Config, problems: &mut Vec<Problem>) {
    let mut names = BTreeMap::new();
    let mut uuids = BTreeMap::new();
    let mut ids = BTreeMap::new();
    let id_last = config.nodes.iter().map(|node| node.id.0).max().unwrap_or(0);
    let mut id_before = 0;
    for (index, node) in config.nodes.iter().enumerate() {
        let mut problem = |field: &str, text: String, hint: String| {
            problems.push(Problem::at(format!("/nodes/{index}/{field}"), text, hint));
        };
        if let Some(other) = ids.insert(node.id, index) {
            let text = format!("id {} is that of /nodes/{other} already", node.id);
            let hint = format!("ids are never given twice; the next one is {}", id_last + 1);
            problem("id", text, hint);
        } else if node.id.0 < id_before {
            let text = format!("id {} stands behind id {id_before}", node.id);
            problem("id", text, "list the nodes by rising id".to_owned());
        }
        id_before = id_before.max(node.id.0);
        if let Some(other) = names.insert(&node.name, index) {
            let text = format!("the name {:?} is that of /nodes/{other} already", node.name);
            problem("name", text, "give each node a name of its own".to_owned());
        }
        if let Some(other) = uuids.insert(&node.uuid, index) {
            let text = format!("the uuid {} is that of /nodes/{other} already", node.uuid);
            problem(
                "uuid",
                text,
                "give each node a uuid of its own, such as `uuidgen` prints".to_owned(),
            );
        }
    }
}

/// No port twice on one host, and peers that can reach each other.
fn check_hosts(checked: &[CheckedNode], problems: &mut Vec<Problem>) {
    if checked.len() < 2 {
        return;
    }
    let known: Vec<(usize, &Addresses)> = checked
        .iter()
        .enumerate()
        .filter_map(|(index, node)| Some((index, node.addresses.as_ref()?)))
        .collect();
    for (at, (index, own)) in known.iter().enumerate() {
        let others: Vec<Listener> = known[..at]
            .iter()
            .filter(|(_, other)| on_one_host(own, other))
            .flat_map(|(other, addresses)| listeners(&format!("/nodes/{other}"), addresses, true))
            .collect();
        let own = listeners(&format!("/nodes/{index}"), own, true);
        // A run of ports that meets another one is one mistake.
        let mut runs_meet = false;
        for listener in &own {
            let is_core = listener.pointer.ends_with("/resp_cores");
            if !(is_core && runs_meet) {
                let is_free = addresses::check_free(listener, &others, problems);
                runs_meet |= is_core && !is_free;
            }
        }
    }
    let is_local = |addresses: &Addresses| is_loopback(addresses.peer.ip());
    if known.iter().any(|(_, addresses)| !is_local(addresses)) {
        for (index, addresses) in known.iter().filter(|(_, addresses)| is_local(addresses)) {
            problems.push(Problem::at(
                format!("/nodes/{index}/peer"),
                format!("{} cannot be reached from the other nodes", addresses.peer),
                "give the address of the machine by which the other nodes reach it",
            ));
        }
    }
}

/// Whether two nodes have an address in common.
fn on_one_host(left: &Addresses, right: &Addresses) -> bool {
    let of =
        |addresses: &Addresses| [addresses.resp.ip(), addresses.http.ip(), addresses.peer.ip()];
    of(left).iter().any(|address| {
        !address.is_unspecified()
            && (of(right).contains(address)
                || is_loopback(*address) && of(right).into_iter().any(is_loopback))
    })
}
