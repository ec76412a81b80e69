//! Owns the table of what may change while the node runs, what waits for a restart, and what does
//! not.

use crate::config::{Difference, Problem};

/// What a change of a field does to a running node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is in force when the answer comes.
    Live,
    /// It is accepted and written, and in force from the next start on.
    Restart,
    /// It is in force at once and moves data or votes between nodes, which goes on after the answer.
    Moves,
    /// Only the node itself may say so, when it starts; the text tells a person how.
    Announced(&'static str),
    /// It is refused while the node runs; the text says what to do instead.
    Never(&'static str),
    /// It is refused, and a restart does not help; the text says what to do instead.
    Fixed(&'static str),
}

const EDIT: Change = Change::Never("stop the node, edit the config file, start it again");
/// The snapshot of a node or a cluster does not fit another one that differs in it.
const FIXED: Change = Change::Fixed(
    "leave it as it is; for another value start a new cluster with it in empty data folders and copy the keys there with `hyperiond import`, both sides with \"resp\": {\"cluster\": \"transparent\"} where they have several nodes",
);
const FIXED_NAME: Change = Change::Fixed(
    "leave it as it is; for another one start a new cluster from a snapshot: `hyperiond restore` makes data folders of it, and with --config a cluster with an identifier of its own",
);
const ONE_NODE: Change = Change::Never("mode \"single\" keeps it as it is");
const ONE_ORDER: Change = Change::Never(
    "databases change numbers on a node that is alone: nodes of a cluster would not do it at the same time",
);
const IDENTITY: Change = Change::Never(
    "it is what the node is known by; remove the node and let it join anew with a new uuid and id",
);
const ANNOUNCE: Change = Change::Announced(
    "stop the node, put what GET /config?next=1 answers into its config file, edit its entry there, start it again: it announces the change",
);
const LIVE: Change = Change::Live;
const RESTART: Change = Change::Restart;
const MOVES: Change = Change::Moves;

/// One field of the config, and what a change of it does.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// JSON pointer, with `*` for the place of a node, or for a name that a person gives.
    pub field: &'static str,
    /// To a node that is alone.
    pub single: Change,
    /// To a cluster.
    pub cluster: Change,
}

/// Which column of the table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The node is alone and stays so.
    Single,
    /// There are several nodes, or there will be.
    Cluster,
}

const fn row(field: &'static str, single: Change, cluster: Change) -> Row {
    Row { field, single, cluster }
}

/// Each field of the config, and what a change of it does. The epoch and the parent are not
/// changed by themselves and stand apart. `/nodes/*` is a node that comes or goes.
pub const FIELDS: &[Row] = &[
    row("/cluster_id", FIXED_NAME, FIXED_NAME),
    row("/mode", ONE_NODE, MOVES),
    row("/partitions", FIXED, FIXED),
    row("/replication", ONE_NODE, MOVES),
    row("/nodes/*", ONE_NODE, MOVES),
    row("/nodes/*/id", ONE_NODE, IDENTITY),
    row("/nodes/*/name", RESTART, RESTART),
    row("/nodes/*/uuid", FIXED, IDENTITY),
    row("/nodes/*/resp", EDIT, ANNOUNCE),
    row("/nodes/*/http", EDIT, ANNOUNCE),
    row("/nodes/*/peer", EDIT, ANNOUNCE),
    row("/nodes/*/cores", EDIT, ANNOUNCE),
    row("/nodes/*/resp_cores", EDIT, ANNOUNCE),
    row("/nodes/*/resp_tls", EDIT, ANNOUNCE),
    row("/nodes/*/http_tls", EDIT, ANNOUNCE),
    row("/nodes/*/unix", EDIT, ANNOUNCE),
    row("/nodes/*/memcached", EDIT, ANNOUNCE),
    row("/nodes/*/rack", LIVE, MOVES),
    row("/nodes/*/role", ONE_NODE, IDENTITY),
    row("/nodes/*/leaving", ONE_NODE, MOVES),
    row("/removed", ONE_NODE, MOVES),
    row("/settings/storage", EDIT, FIXED),
    row("/settings/durability", LIVE, LIVE),
    row("/settings/sync_interval_ms", LIVE, LIVE),
    row("/settings/memory_bytes_max", LIVE, LIVE),
    row("/settings/segment_bytes", EDIT, FIXED),
    row("/settings/eviction", LIVE, LIVE),
    row("/settings/auth", LIVE, LIVE),
    row("/settings/auth/password_hash", LIVE, LIVE),
    row("/settings/auth/peer_secret_file", LIVE, LIVE),
    row("/settings/auth/users/*", LIVE, LIVE),
    row("/settings/limits/clients", LIVE, LIVE),
    row("/settings/limits/idle_timeout_s", LIVE, LIVE),
    row("/settings/limits/output_bytes", LIVE, LIVE),
    row("/settings/limits/pubsub_output/hard_bytes", LIVE, LIVE),
    row("/settings/limits/pubsub_output/soft_bytes", LIVE, LIVE),
    row("/settings/limits/pubsub_output/soft_s", LIVE, LIVE),
    row("/settings/limits/value_bytes", LIVE, LIVE),
    row("/settings/limits/write_timeout_s", LIVE, LIVE),
    row("/settings/log_level", LIVE, LIVE),
    row("/settings/snapshot/keep", LIVE, LIVE),
    row("/settings/snapshot/bytes_a_second", LIVE, LIVE),
    row("/settings/resp/cluster", LIVE, LIVE),
    row("/settings/reads", LIVE, LIVE),
    row("/settings/move/bytes_a_second", LIVE, LIVE),
    row("/settings/compression/bulk", LIVE, LIVE),
    row("/settings/observe/slowlog_slower_than_us", LIVE, LIVE),
    row("/settings/observe/slowlog_len_max", LIVE, LIVE),
    row("/settings/observe/latency_threshold_ms", LIVE, LIVE),
    row("/settings/observe/acl_log_len_max", LIVE, LIVE),
    row("/settings/thresholds/hash_listpack_entries", LIVE, LIVE),
    row("/settings/thresholds/hash_listpack_value", LIVE, LIVE),
    row("/settings/thresholds/list_listpack_size", LIVE, LIVE),
    row("/settings/thresholds/set_intset_entries", LIVE, LIVE),
    row("/settings/thresholds/set_listpack_entries", LIVE, LIVE),
    row("/settings/thresholds/set_listpack_value", LIVE, LIVE),
    row("/settings/thresholds/stream_node_entries", LIVE, LIVE),
    row("/settings/thresholds/zset_listpack_entries", LIVE, LIVE),
    row("/settings/thresholds/zset_listpack_value", LIVE, LIVE),
    row("/settings/redis/*", LIVE, LIVE),
    row("/settings/functions/*", LIVE, LIVE),
    row("/settings/databases", LIVE, ONE_ORDER),
    row("/settings/notify_keyspace_events", LIVE, LIVE),
    row("/settings/tls/cert_file", LIVE, LIVE),
    row("/settings/tls/key_file", LIVE, LIVE),
    row("/settings/tls/ca_file", LIVE, LIVE),
    row("/settings/tls/client_auth", LIVE, LIVE),
    row("/settings/tls/peers", LIVE, LIVE),
];

/// The changed fields, sorted by what their change does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sorted {
    /// Pointers of what is in force at once.
    pub live: Vec<String>,
    /// Pointers of what waits for a restart.
    pub needs_restart: Vec<String>,
    /// Pointers of what moves data or votes.
    pub moves: Vec<String>,
    /// What is refused.
    pub refused: Vec<Problem>,
}

/// What a change of a field does; `None` for the epoch, the parent and what no config has.
#[must_use]
pub fn change_of(column: Column, pointer: &str) -> Option<Change> {
    let field = pattern(pointer);
    let row = FIELDS.iter().find(|row| row.field == field)?;
    Some(match column {
        Column::Single => row.single,
        Column::Cluster => row.cluster,
    })
}

/// The pointer with `*` in the place of the number of a node, or of a name.
fn pattern(pointer: &str) -> String {
    for named in ["/settings/auth/users", "/settings/redis", "/settings/functions"] {
        if pointer.strip_prefix(named).is_some_and(|rest| rest.starts_with('/')) {
            return format!("{named}/*");
        }
    }
    let Some(rest) = pointer.strip_prefix("/nodes/") else { return pointer.to_owned() };
    match rest.split_once('/') {
        Some((_, field)) => format!("/nodes/*/{field}"),
        None => "/nodes/*".to_owned(),
    }
}

/// Sorts differences by the table; those of the epoch and the parent are left out.
///
/// `announcer` is the place of the node that says of itself what it is, if one does.
#[must_use]
pub fn sort(column: Column, announcer: Option<usize>, differences: &[Difference]) -> Sorted {
    let own = announcer.map(|index| format!("/nodes/{index}/"));
    let mut sorted = Sorted::default();
    for difference in differences {
        let pointer = &difference.pointer;
        let is_own = own.as_ref().is_some_and(|own| pointer.starts_with(own));
        match change_of(column, pointer) {
            // An empty `auth` beside its fields is the same change seen twice.
            Some(Change::Live) if pointer == "/settings/auth" => {}
            Some(Change::Live) => sorted.live.push(pointer.clone()),
            Some(Change::Restart) => sorted.needs_restart.push(pointer.clone()),
            Some(Change::Moves) => sorted.moves.push(pointer.clone()),
            Some(Change::Announced(_)) if is_own => sorted.live.push(pointer.clone()),
            Some(Change::Fixed(what_to_do)) => {
                let text = "this is fixed from the first start on";
                sorted.refused.push(Problem::at(pointer, text, what_to_do));
            }
            Some(Change::Never(what_to_do) | Change::Announced(what_to_do)) => {
                sorted.refused.push(Problem::at(
                    pointer,
                    "this cannot change while the node runs",
                    what_to_do,
                ));
            }
            None => {}
        }
    }
    sorted
}
