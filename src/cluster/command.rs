//! Owns the answers of CLUSTER, as Redis Cluster words them.

use hyperion_engine::command::CommandError;
use hyperion_model::limits::SLOTS;
use hyperion_model::{ReplyWriter, slot_of};

use super::view::{ClusterView, Endpoint};

/// What CLUSTER HELP says.
pub(crate) const CLUSTER_HELP: [&str; 19] = [
    "CLUSTER <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "COUNTKEYSINSLOT <slot>",
    "    Return the number of keys of <slot> that this node serves.",
    "GETKEYSINSLOT <slot> <count>",
    "    Return keys of <slot> that this node serves, <count> at most.",
    "INFO",
    "    Return information about the cluster.",
    "KEYSLOT <key>",
    "    Return the hash slot for <key>.",
    "MYID",
    "    Return the name of the address that was asked.",
    "NODES",
    "    Return cluster configuration seen by node.",
    "SHARDS",
    "    Return who serves which slots, with roles and health.",
    "SLOTS",
    "    Return who serves which slots.",
    "HELP",
    "    Prints this help.",
];

/// Slots and nodes change by the config, not by these.
const BY_CONFIG: [&str; 17] = [
    "addslots",
    "addslotsrange",
    "bumpepoch",
    "delslots",
    "delslotsrange",
    "failover",
    "flushslots",
    "forget",
    "meet",
    "replicate",
    "reset",
    "saveconfig",
    "set-config-epoch",
    "setslot",
    "count-failure-reports",
    "links",
    "myshardid",
];

/// Answers a subcommand that needs no keys. `is_settled`: this core answers commands for keys, too; `asked` is the core whose own
/// address was asked, if any; `name` is in lower case.
///
/// Errors: the line to answer.
pub(crate) fn cluster(
    view: &ClusterView,
    is_settled: bool,
    asked: Option<u16>,
    name: &str,
    words: &[&[u8]],
    reply: &mut dyn ReplyWriter,
) -> Result<(), String> {
    match (name, words) {
        ("slots", []) => slots(view, reply),
        ("shards", []) => shards(view, reply),
        ("nodes", []) => reply.verbatim("txt", nodes(view, asked).as_bytes()),
        ("info", []) => reply.verbatim("txt", info(view, is_settled).as_bytes()),
        ("myid", []) => reply.bulk(view.name(own(view, asked)).as_bytes()),
        ("keyslot", [key]) => reply.integer(i64::from(slot_of(key))),
        _ if BY_CONFIG.contains(&name) => {
            return Err(format!(
                "ERR CLUSTER {} is not used here: who serves what follows the config; change it with POST /config",
                name.to_ascii_uppercase()
            ));
        }
        _ => return Err(unknown(name)),
    }
    Ok(())
}

/// The line for a subcommand that is not there.
pub(crate) fn unknown(name: &str) -> String {
    CommandError::UnknownSubcommand { name: name.to_owned(), command: "CLUSTER" }.to_string()
}

fn own(view: &ClusterView, asked: Option<u16>) -> Endpoint {
    Endpoint { node: view.own, core: asked.unwrap_or(0) }
}

fn write_address(view: &ClusterView, endpoint: Endpoint, reply: &mut dyn ReplyWriter) {
    let address = view.address(endpoint);
    reply.array(4);
    reply.bulk(address.ip().to_string().as_bytes());
    reply.integer(i64::from(address.port()));
    reply.bulk(view.name(endpoint).as_bytes());
    reply.array(0);
}

/// The leader's address of a run. The other replicas are not told: each of them leads other partitions, and clients take an address for
/// a master or for a replica, never for both.
fn serving(view: &ClusterView, partition: usize) -> Vec<Endpoint> {
    let leader = view.partitions[partition].leader;
    leader.into_iter().map(|node| view.endpoint(node, partition)).collect()
}

fn slots(view: &ClusterView, reply: &mut dyn ReplyWriter) {
    let runs = view.runs();
    reply.array(runs.len());
    for (first, last, partition) in runs {
        let serving = serving(view, partition);
        reply.array(2 + serving.len());
        reply.integer(i64::from(first));
        reply.integer(i64::from(last));
        serving.into_iter().for_each(|endpoint| write_address(view, endpoint, reply));
    }
}

fn shards(view: &ClusterView, reply: &mut dyn ReplyWriter) {
    let runs = view.runs();
    reply.array(runs.len());
    for (first, last, partition) in runs {
        reply.map(2);
        reply.bulk(b"slots");
        reply.array(2);
        reply.integer(i64::from(first));
        reply.integer(i64::from(last));
        reply.bulk(b"nodes");
        let serving = serving(view, partition);
        reply.array(serving.len());
        for endpoint in serving {
            let address = view.address(endpoint);
            let ip = address.ip().to_string();
            let is_up = view.nodes[endpoint.node].is_up || endpoint.node == view.own;
            let health = if is_up { "online" } else { "fail" };
            reply.map(7);
            reply.bulk(b"id");
            reply.bulk(view.name(endpoint).as_bytes());
            reply.bulk(b"port");
            reply.integer(i64::from(address.port()));
            for (name, value) in
                [("ip", ip.as_str()), ("endpoint", &ip), ("role", "master"), ("health", health)]
            {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
            reply.bulk(b"replication-offset");
            reply.integer(0);
        }
    }
}

fn nodes(view: &ClusterView, asked: Option<u16>) -> String {
    let runs = view.runs();
    let mut text = String::new();
    for endpoint in view.endpoints() {
        let address = view.address(endpoint);
        let is_own = endpoint == own(view, asked);
        let is_up = view.nodes[endpoint.node].is_up || endpoint.node == view.own;
        let flags = match (is_own, is_up) {
            (true, _) => "myself,master",
            (false, true) => "master",
            (false, false) => "master,fail",
        };
        let link = if is_up { "connected" } else { "disconnected" };
        // The bus port of Redis Cluster is not spoken; it is named as clients expect to read one.
        let (ip, port) = (address.ip(), address.port());
        text.push_str(&format!(
            "{} {ip}:{port}@{port} {flags} - 0 0 {} {link}",
            view.name(endpoint),
            view.epoch
        ));
        for &(first, last, partition) in &runs {
            if serving(view, partition).first() == Some(&endpoint) {
                text.push_str(&if first == last {
                    format!(" {first}")
                } else {
                    format!(" {first}-{last}")
                });
            }
        }
        text.push('\n');
    }
    text
}

fn info(view: &ClusterView, is_settled: bool) -> String {
    let served = view.partitions.iter().filter(|partition| partition.leader.is_some()).count();
    let assigned = served * usize::from(SLOTS) / view.partitions.len();
    let leading: std::collections::BTreeSet<_> = view
        .runs()
        .into_iter()
        .filter_map(|(_, _, at)| serving(view, at).first().copied())
        .collect();
    let state = if is_settled && assigned == usize::from(SLOTS) { "ok" } else { "fail" };
    let facts = [
        ("cluster_state", state.to_owned()),
        ("cluster_slots_assigned", assigned.to_string()),
        ("cluster_slots_ok", assigned.to_string()),
        ("cluster_slots_pfail", "0".to_owned()),
        ("cluster_slots_fail", (usize::from(SLOTS) - assigned).to_string()),
        ("cluster_known_nodes", view.endpoints().count().to_string()),
        ("cluster_size", leading.len().to_string()),
        ("cluster_current_epoch", view.epoch.to_string()),
        ("cluster_my_epoch", view.epoch.to_string()),
    ];
    facts.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect()
}
