//! Clients of memcached: their lines, what belongs to the connection and the node, and the way of each key to where it lies. What is done
//! with a key is in the engine, so that locks, other cores, other nodes and the log are those of all clients.

mod flush;
mod input;
mod run;
mod session;
mod stats;

use hyperion_engine::command::{CommandSpec, MEMCACHED_CHANGE, MEMCACHED_READ, MEMCACHED_STORE};

/// Where a client is between two looks at its input.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MemcachedState {
    /// Bytes of a value that was refused, to be dropped as they come.
    dropped_bytes: usize,
    /// Keys of the line at the front that were asked for already.
    keys_done: usize,
}

/// Whether a command is one of memcached's: it is answered in its lines.
pub(super) fn is_memcached(spec: &'static CommandSpec) -> bool {
    [&MEMCACHED_READ, &MEMCACHED_CHANGE, &MEMCACHED_STORE]
        .into_iter()
        .any(|row| std::ptr::eq(row, spec))
}
