//! Owns how the files that the process may have open are shared out: who has the last one keeps segments from being made, snapshots from being
//! written and HTTP from being answered, so clients get what the rest leaves.

use hyperion_runtime::process;

use super::core::NodeCore;
use crate::config::{Resolved, Storage};

/// Descriptors of the side threads: HTTP and its clients, the config, snapshots, the log.
const DESCRIPTORS_KEPT: u64 = 256;
/// Of a core: its ring, its bells, its listeners; and its links to and from each other node.
const DESCRIPTORS_A_CORE: u64 = 32;
const DESCRIPTORS_A_LINK: u64 = 4;
/// Of each segment's file: as it is, and for direct writes.
const DESCRIPTORS_A_SEGMENT: u64 = 2;
/// Clients may have one part in this many of all, where the rest is too few for what is kept.
const CLIENTS_PART_MIN: u64 = 4;
/// Sockets that may wait until a core looks at them: one part in this many of all, over all cores, but some.
const WAITING_PART: u64 = 8;
const WAITING_MIN: u64 = 16;

/// Raises the limit of open files as far as the system allows, gives it, and says what it is too low for.
pub(super) fn raise(config: &Resolved) -> u64 {
    let limit = process::raise_open_files().unwrap_or_else(|error| {
        tracing::warn!("the limit of open files is not known: {error}");
        u64::MAX
    });
    let (clients, wanted) = (clients_that_fit(limit, config), config.settings().limits.clients);
    if clients < u64::from(wanted) {
        tracing::warn!(
            "{limit} open files are allowed: {clients} clients are let in at once and not {wanted}, as the rest is for the node's own files and connections; \
             raise `ulimit -n` or LimitNOFILE="
        );
    }
    if kept(limit, config).saturating_add(clients) > limit {
        tracing::warn!(
            "{limit} open files are allowed, too few for all segments that the memory limit allows: writes may be refused before the memory is full; \
             raise `ulimit -n` or LimitNOFILE="
        );
    }
    limit
}

/// Sockets that may wait for a core to look at them, at most.
pub(super) fn waiting_a_core(limit: u64, config: &Resolved) -> usize {
    let part = limit / WAITING_PART / config.cores.len().max(1) as u64;
    let most = hyperion_runtime::limits::ACCEPTED_WAITING_MAX;
    usize::try_from(part.max(WAITING_MIN)).map_or(most, |part| part.min(most))
}

/// What is not for clients.
fn kept(limit: u64, config: &Resolved) -> u64 {
    let segments = match config.settings().storage {
        Storage::Disk => config.memory_bytes_max / config.segment_bytes,
        Storage::Memory => 0,
    };
    let others = config.config.nodes.len().saturating_sub(1) as u64;
    let waiting = waiting_a_core(limit, config) as u64;
    let a_core = DESCRIPTORS_A_CORE + DESCRIPTORS_A_LINK * others + waiting;
    DESCRIPTORS_KEPT + a_core * config.cores.len() as u64 + DESCRIPTORS_A_SEGMENT * segments
}

/// What so many open files leave for clients.
fn clients_that_fit(limit: u64, config: &Resolved) -> u64 {
    limit.saturating_sub(kept(limit, config)).max(limit / CLIENTS_PART_MIN)
}

impl NodeCore {
    /// Clients that may be there at once on the whole node: as many as the config says, if there are descriptors for them.
    pub(crate) fn clients_max(&self) -> usize {
        let fit = clients_that_fit(self.shared.open_files, &self.config);
        let wanted = u64::from(self.config.settings().limits.clients);
        usize::try_from(fit.min(wanted)).unwrap_or(usize::MAX)
    }
}
