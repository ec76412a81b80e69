//! Owns `stats`: the figures of the node under memcached's names, a tenth of a second old at most.

use std::fmt::Display;
use std::sync::atomic::Ordering;

use hyperion_engine::command::find;
use hyperion_wire::limits::{MEMCACHED_KEY_BYTES_MAX, MEMCACHED_VALUE_BYTES_MAX};

use super::super::client::Client;
use super::super::execute::Progress;
use crate::node::{CoreFigures, Io, NodeCore};

impl NodeCore {
    pub(super) fn tell_stats(&mut self, io: &Io, client: &mut Client, names: &[&[u8]]) -> Progress {
        let lines = match names {
            [] => self.general_stats(io),
            [b"settings"] => self.settings_stats(),
            // All values of all sizes lie in one log: there are no classes of slabs.
            [b"items" | b"slabs" | b"sizes" | b"conns" | b"extstore"] => Vec::new(),
            [b"reset"] => return self.say(client, "RESET"),
            _ => return self.say(client, "ERROR"),
        };
        self.answer(client, |reply| {
            lines.iter().for_each(|line| reply.bulk(line.as_bytes()));
            reply.bulk(b"END");
        });
        Progress::Ran
    }

    fn general_stats(&self, io: &Io) -> Vec<String> {
        let cores = self.shared.board.read();
        let sum = |part: &dyn Fn(&CoreFigures) -> u64| cores.iter().map(part).sum::<u64>();
        let calls = |name: &[u8]| {
            let index = find(name).map_or(0, hyperion_engine::command::CommandSpec::index);
            sum(&|core| core.counters.commands.get(index).copied().unwrap_or(0))
        };
        let now_ms = io.now_unix_ms();
        vec![
            stat("pid", std::process::id()),
            stat("uptime", now_ms.saturating_sub(self.shared.started_ms) / 1000),
            stat("time", now_ms / 1000),
            stat("version", env!("CARGO_PKG_VERSION")),
            stat("pointer_size", usize::BITS),
            stat("max_connections", self.clients_max()),
            stat("curr_connections", self.shared.clients.load(Ordering::Relaxed)),
            stat("total_connections", sum(&|core| core.counters.connections)),
            stat("rejected_connections", sum(&|core| core.counters.connections_refused)),
            stat("cmd_get", calls(b"get")),
            stat("cmd_set", calls(b"set")),
            stat("cmd_flush", calls(b"flushdb")),
            stat("get_hits", sum(&|core| core.store.lookups.hits)),
            stat("get_misses", sum(&|core| core.store.lookups.misses)),
            stat("limit_maxbytes", self.config.memory_bytes_max),
            stat("threads", self.config.cores.len()),
            stat("bytes", sum(&|core| core.store.used_bytes)),
            stat("curr_items", sum(&|core| core.store.keys)),
            stat("evictions", sum(&|core| core.store.evicted)),
            stat("expired_unfetched", sum(&|core| core.store.expired)),
        ]
    }

    fn settings_stats(&self) -> Vec<String> {
        vec![
            stat("maxbytes", self.config.memory_bytes_max),
            stat("maxconns", self.clients_max()),
            stat("tcpport", self.config.memcached.map_or(0, |address| address.port())),
            stat(
                "evictions",
                if self.config.eviction.name() == "noeviction" { "off" } else { "on" },
            ),
            stat("num_threads", self.config.cores.len()),
            stat("item_size_max", MEMCACHED_VALUE_BYTES_MAX),
            stat("key_max_length", MEMCACHED_KEY_BYTES_MAX),
            stat("cas_enabled", "yes"),
            stat("flush_enabled", "yes"),
        ]
    }
}

fn stat(name: &str, value: impl Display) -> String {
    format!("STAT {name} {value}")
}
