//! Owns the table of what may change while the node runs, what waits for a restart, and what does
//! not.

use super::difference::Difference;
use super::problem::Problem;

/// What a change of a field does to a running node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is in force when the answer comes.
    Live,
    /// It is accepted and written, and in force from the next start on.
    Restart,
    /// It is refused while the node runs; the text says what to do instead.
    Never(&'static str),
}

const EDIT: Change = Change::Never("stop the node, edit the config file, start it again");
const FIXED: Change = Change::Never(
    "it is fixed when the cluster is made; start a new cluster in an empty data folder",
);
const ONE_NODE: Change = Change::Never("mode \"single\" keeps it as it is");

/// Each field of the config, and what a change of it does. The epoch and the parent are not
/// changed by themselves and stand apart.
pub(crate) const FIELDS: &[(&str, Change)] = &[
    ("/cluster_id", FIXED),
    ("/mode", ONE_NODE),
    ("/partitions", FIXED),
    ("/replication", ONE_NODE),
    ("/nodes/0/id", ONE_NODE),
    ("/nodes/0/name", Change::Restart),
    ("/nodes/0/uuid", FIXED),
    ("/nodes/0/resp", EDIT),
    ("/nodes/0/http", EDIT),
    ("/nodes/0/cores", EDIT),
    ("/nodes/0/resp_cores", EDIT),
    ("/nodes/0/unix", EDIT),
    ("/nodes/0/rack", Change::Live),
    ("/removed", ONE_NODE),
    ("/settings/storage", EDIT),
    ("/settings/durability", Change::Live),
    ("/settings/sync_interval_ms", Change::Live),
    ("/settings/memory_bytes_max", Change::Live),
    ("/settings/segment_bytes", EDIT),
    ("/settings/eviction", Change::Live),
    ("/settings/auth", Change::Live),
    ("/settings/auth/password_hash", Change::Live),
    ("/settings/limits/clients", Change::Live),
    ("/settings/limits/idle_timeout_s", Change::Live),
    ("/settings/limits/output_bytes", Change::Live),
    ("/settings/limits/value_bytes", Change::Live),
    ("/settings/limits/write_timeout_s", Change::Live),
    ("/settings/log_level", Change::Live),
    ("/settings/snapshot/keep", Change::Live),
    ("/settings/snapshot/bytes_a_second", Change::Live),
];

/// The changed fields, sorted by what their change does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sorted {
    /// Pointers of what is in force at once.
    pub(crate) live: Vec<String>,
    /// Pointers of what waits for a restart.
    pub(crate) needs_restart: Vec<String>,
    /// What is refused.
    pub(crate) refused: Vec<Problem>,
}

/// What a change of a field does; `None` for the epoch, the parent and what no config has.
pub(crate) fn change_of(pointer: &str) -> Option<Change> {
    FIELDS.iter().find(|(field, _)| *field == pointer).map(|(_, change)| *change)
}

/// Sorts differences by the table; those of the epoch and the parent are left out.
pub(crate) fn sort(differences: &[Difference]) -> Sorted {
    let mut sorted = Sorted::default();
    for difference in differences {
        let pointer = &difference.pointer;
        match change_of(pointer) {
            // An empty `auth` beside its one field is the same change seen twice.
            Some(Change::Live) if pointer == "/settings/auth" => {}
            Some(Change::Live) => sorted.live.push(pointer.clone()),
            Some(Change::Restart) => sorted.needs_restart.push(pointer.clone()),
            Some(Change::Never(what_to_do)) => sorted.refused.push(Problem::at(
                pointer,
                "this cannot change while the node runs",
                what_to_do,
            )),
            None => {}
        }
    }
    sorted
}
