//! Owns the sections of INFO. What is not counted is left out, for a zero there would be a lie.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;

use super::process::Process;
use super::run::{REDIS_LEVEL, VERSION};
use crate::config::{NODE_BYTES, Resolved, Storage};
use crate::node::{CoreFigures, Counted, Counters};
use crate::pubsub::PubsubCounters;
use crate::snapshot::SaveFacts;

/// What the sections are written from.
pub(super) struct Facts<'a> {
    pub(super) cores: &'a [CoreFigures],
    pub(super) config: &'a Resolved,
    pub(super) config_path: &'a Path,
    pub(super) run_id: &'a str,
    pub(super) process: Process,
    pub(super) process_id: u32,
    pub(super) now_ms: u64,
    pub(super) started_ms: u64,
    pub(super) saves: SaveFacts,
    /// Clients of the whole node.
    pub(super) clients: usize,
    /// Slow commands that were noted since the start.
    pub(super) slow_commands: u64,
    /// Who asks keeps copies: it is out of the table while it does.
    pub(super) own_tracks: u64,
    /// The most memory that the data took.
    pub(super) used_peak: u64,
    /// Scripts whose texts are kept.
    pub(super) scripts: usize,
    /// Where other nodes have copies, and how far the log of the core is that was asked: what ROLE tells.
    pub(super) replicas: Vec<SocketAddr>,
    pub(super) position: u64,
}

/// When a section is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Without being asked for.
    Default,
    /// By its name, `all` or `everything`.
    Asked,
    /// By its name or `everything`.
    Everything,
}

/// One section.
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) when: When,
    pub(super) write: fn(&Facts<'_>, &mut String),
}

/// All sections in their order.
pub(super) static SECTIONS: [Section; 14] = [
    Section { title: "Server", when: When::Default, write: server },
    Section { title: "Clients", when: When::Default, write: clients },
    Section { title: "Memory", when: When::Default, write: memory },
    Section { title: "Persistence", when: When::Default, write: persistence },
    Section { title: "Stats", when: When::Default, write: statistics },
    Section { title: "Replication", when: When::Default, write: replication },
    Section { title: "CPU", when: When::Default, write: processor },
    Section { title: "Modules", when: When::Everything, write: |_, _| {} },
    Section { title: "Commandstats", when: When::Asked, write: command_statistics },
    Section { title: "Errorstats", when: When::Default, write: error_statistics },
    Section { title: "Latencystats", when: When::Asked, write: latency_statistics },
    Section { title: "Cluster", when: When::Default, write: cluster },
    Section { title: "Keyspace", when: When::Default, write: keyspace },
    Section { title: "Hyperion", when: When::Asked, write: hyperion },
];

impl Facts<'_> {
    fn sum(&self, of: impl Fn(&CoreFigures) -> u64) -> u64 {
        self.cores.iter().map(of).sum()
    }

    fn commands(&self) -> Vec<(&'static str, Counted)> {
        Counters::by_name(self.cores)
    }

    /// Live records and indexes, as the memory limit counts them.
    fn used_bytes(&self) -> u64 {
        self.sum(|core| core.store.used_bytes)
    }
}

fn line(text: &mut String, name: &str, value: impl Display) {
    text.push_str(&format!("{name}:{value}\r\n"));
}

fn server(facts: &Facts<'_>, text: &mut String) {
    let uptime_s = facts.now_ms.saturating_sub(facts.started_ms) / 1_000;
    line(text, "redis_version", REDIS_LEVEL);
    line(text, "redis_git_sha1", "00000000");
    line(text, "redis_git_dirty", 0);
    line(text, "redis_build_id", VERSION);
    line(text, "hyperion_version", VERSION);
    let mode = if facts.config.is_alone() { "standalone" } else { "cluster" };
    line(text, "redis_mode", mode);
    line(text, "os", &facts.process.system);
    line(text, "arch_bits", usize::BITS);
    line(text, "monotonic_clock", "POSIX clock_gettime");
    line(text, "multiplexing_api", "io_uring");
    line(text, "process_supervised", "no");
    line(text, "process_id", facts.process_id);
    line(text, "run_id", facts.run_id);
    line(text, "tcp_port", facts.config.resp.port());
    line(text, "server_time_usec", facts.now_ms * 1_000);
    line(text, "uptime_in_seconds", uptime_s);
    line(text, "uptime_in_days", uptime_s / 86_400);
    line(text, "hz", 10);
    line(text, "configured_hz", 10);
    line(text, "lru_clock", (facts.now_ms / 1_000) & 0x00ff_ffff);
    line(text, "io_threads_active", u8::from(facts.cores.len() > 1));
    line(text, "executable", &facts.process.executable);
    line(text, "config_file", facts.config_path.display());
}

fn clients(facts: &Facts<'_>, text: &mut String) {
    line(text, "connected_clients", facts.clients);
    line(text, "cluster_connections", 0);
    line(text, "maxclients", facts.config.settings().limits.clients);
    line(text, "blocked_clients", facts.sum(|core| core.blocked));
    line(text, "tracking_clients", facts.own_tracks + facts.sum(|core| core.tracking.clients));
    line(text, "clients_in_timeout_table", 0);
    line(text, "pubsub_clients", facts.sum(|core| core.pubsub.clients));
    line(text, "hyperion_kept_waits", facts.sum(|core| core.kept));
    line(text, "hyperion_unread_input_bytes", facts.sum(|core| core.input_bytes));
}

fn memory(facts: &Facts<'_>, text: &mut String) {
    let used = NODE_BYTES + facts.used_bytes();
    let resident = facts.process.resident_bytes;
    line(text, "used_memory", used);
    line(text, "used_memory_human", human(used));
    let peak = (NODE_BYTES + facts.used_peak).max(used);
    line(text, "used_memory_peak", peak);
    line(text, "used_memory_peak_human", human(peak));
    line(text, "used_memory_peak_perc", format_args!("{:.2}%", 100.0 * ratio(used, peak)));
    line(text, "used_memory_rss", resident);
    line(text, "used_memory_rss_human", human(resident));
    line(
        text,
        "used_memory_overhead",
        facts.sum(|core| core.store.index_bytes + core.store.filter_bytes),
    );
    let live = facts.sum(|core| core.store.live_bytes);
    line(text, "used_memory_startup", NODE_BYTES);
    line(text, "used_memory_dataset", live);
    line(text, "used_memory_dataset_perc", format_args!("{:.2}%", 100.0 * ratio(live, used)));
    line(text, "total_system_memory", facts.process.machine_bytes);
    line(text, "total_system_memory_human", human(facts.process.machine_bytes));
    line(text, "allocator_allocated", used);
    line(text, "allocator_active", facts.sum(|core| core.store.held_bytes));
    line(text, "allocator_resident", resident);
    line(text, "number_of_cached_scripts", facts.scripts);
    line(text, "number_of_libraries", facts.config.settings().functions.len());
    let limit = facts.config.limit_bytes();
    line(text, "maxmemory", limit);
    line(text, "maxmemory_human", human(limit));
    line(text, "maxmemory_policy", facts.config.eviction.name());
    line(text, "mem_fragmentation_ratio", format_args!("{:.2}", ratio(resident, used)));
    line(text, "mem_fragmentation_bytes", i128::from(resident) - i128::from(used));
    line(text, "mem_not_counted_for_evict", 0);
    line(text, "mem_replication_backlog", 0);
    line(text, "mem_clients_slaves", 0);
    line(text, "mem_clients_normal", facts.sum(|core| core.input_bytes));
    line(text, "mem_aof_buffer", 0);
    // Segments are cleaned instead of defragmented.
    line(text, "active_defrag_running", 0);
    line(text, "lazyfree_pending_objects", facts.sum(|core| core.store.values_dying));
    line(text, "lazyfreed_objects", facts.sum(|core| core.store.values_freed));
    line(text, "mem_allocator", "mimalloc");
    line(text, "hyperion_records_bytes", facts.sum(|core| core.store.held_bytes));
}

fn persistence(facts: &Facts<'_>, text: &mut String) {
    let settings = facts.config.settings();
    let on_disk = settings.storage == Storage::Disk;
    let refused = facts.cores.iter().any(|core| core.no_segments.is_some());
    line(text, "loading", 0);
    line(text, "async_loading", 0);
    let saves = &facts.saves;
    let changes = facts.sum(|core| core.changes).saturating_sub(saves.changes_saved);
    let seconds = |seconds: Option<u64>| seconds.map_or_else(|| "-1".to_owned(), |s| s.to_string());
    line(text, "rdb_changes_since_last_save", changes);
    line(text, "rdb_bgsave_in_progress", u8::from(saves.running_s.is_some()));
    line(text, "rdb_last_save_time", saves.last_save_s);
    line(text, "rdb_last_bgsave_status", if saves.last_is_ok { "ok" } else { "err" });
    line(text, "rdb_last_bgsave_time_sec", seconds(saves.last_took_s));
    line(text, "rdb_current_bgsave_time_sec", seconds(saves.running_s));
    line(text, "rdb_saves", saves.made);
    // Nothing is forked, so nothing is copied on a write.
    line(text, "rdb_last_cow_size", 0);
    line(text, "aof_enabled", u8::from(on_disk));
    line(text, "aof_rewrite_in_progress", 0);
    line(text, "aof_rewrite_scheduled", 0);
    line(text, "aof_last_rewrite_time_sec", -1);
    line(text, "aof_current_rewrite_time_sec", -1);
    line(text, "aof_last_bgrewrite_status", "ok");
    line(text, "aof_last_cow_size", 0);
    line(text, "aof_last_write_status", if refused { "err" } else { "ok" });
    if on_disk {
        // The log: records in use, dead ones too. It is rewritten by the cleaner, bit by bit.
        line(text, "aof_current_size", facts.sum(|core| core.store.held_bytes));
        line(text, "aof_pending_rewrite", 0);
    }
    line(text, "hyperion_storage", settings.storage.as_str());
    line(text, "hyperion_durability", settings.durability.as_str());
    line(text, "hyperion_sync_interval_ms", settings.sync_interval_ms);
    line(text, "hyperion_syncs", facts.sum(|core| core.counters.syncs.count));
    line(text, "hyperion_bytes_logged", facts.sum(|core| core.counters.bytes_logged));
    line(text, "hyperion_segments_in_use", facts.sum(|core| core.store.segments_in_use));
    line(text, "hyperion_segments_ready", facts.sum(|core| core.store.segments_ready));
}

fn statistics(facts: &Facts<'_>, text: &mut String) {
    line(text, "total_connections_received", facts.sum(|core| core.counters.connections));
    line(text, "total_commands_processed", facts.sum(|core| core.counters.commands.iter().sum()));
    line(text, "instantaneous_ops_per_sec", facts.sum(|core| core.rate.commands));
    line(text, "total_net_input_bytes", facts.sum(|core| core.runtime.bytes_in));
    line(text, "total_net_output_bytes", facts.sum(|core| core.runtime.bytes_out));
    let kilobytes = |bytes: u64| format!("{:.2}", bytes as f64 / 1024.0);
    line(text, "instantaneous_input_kbps", kilobytes(facts.sum(|core| core.rate.bytes_in)));
    line(text, "instantaneous_output_kbps", kilobytes(facts.sum(|core| core.rate.bytes_out)));
    line(text, "rejected_connections", facts.sum(|core| core.counters.connections_refused));
    for name in ["sync_full", "sync_partial_ok", "sync_partial_err", "evicted_clients"] {
        line(text, name, 0);
    }
    line(text, "expired_keys", facts.sum(|core| core.store.expired));
    line(text, "evicted_keys", facts.sum(|core| core.store.evicted));
    line(text, "keyspace_hits", facts.sum(|core| core.store.lookups.hits));
    line(text, "keyspace_misses", facts.sum(|core| core.store.lookups.misses));
    // Every core knows all names of the node.
    let most = |of: fn(&CoreFigures) -> u64| facts.cores.iter().map(of).max().unwrap_or(0);
    line(text, "pubsub_channels", most(|core| core.pubsub.channels));
    line(text, "pubsub_patterns", most(|core| core.pubsub.patterns));
    line(text, "pubsubshard_channels", most(|core| core.pubsub.shards));
    line(text, "tracking_total_keys", facts.sum(|core| core.tracking.keys));
    line(text, "tracking_total_items", facts.sum(|core| core.tracking.items));
    line(text, "tracking_total_prefixes", most(|core| core.tracking.prefixes));
    let counted = |of: fn(&PubsubCounters) -> u64| facts.sum(|core| of(&core.pubsub.counters));
    line(text, "client_output_buffer_limit_disconnections", counted(|it| it.closed));
    line(text, "hyperion_messages_published", counted(|it| it.published));
    line(text, "hyperion_messages_delivered", counted(|it| it.delivered));
    line(text, "hyperion_messages_dropped", counted(|it| it.dropped));
    line(text, "latest_fork_usec", 0);
    line(text, "total_forks", 0);
    line(text, "migrate_cached_sockets", 0);
    line(text, "slave_expires_tracked_keys", 0);
    line(text, "active_defrag_hits", 0);
    line(text, "active_defrag_misses", 0);
    let denied = ["auth", "cmd", "key", "channel"];
    for (at, name) in denied.into_iter().enumerate() {
        line(
            text,
            &format!("acl_access_denied_{name}"),
            facts.sum(|core| core.counters.denied[at]),
        );
    }
    line(text, "slowlog_logged_commands", facts.slow_commands);
    line(text, "total_error_replies", facts.sum(|core| core.counters.errors));
    line(text, "total_reads_processed", facts.sum(|core| core.runtime.receives));
    line(text, "total_writes_processed", facts.sum(|core| core.runtime.sends));
}

fn replication(facts: &Facts<'_>, text: &mut String) {
    line(text, "role", "master");
    line(text, "connected_slaves", facts.replicas.len());
    for (at, address) in facts.replicas.iter().enumerate() {
        let (ip, port, offset) = (address.ip(), address.port(), facts.position);
        let replica = format!("ip={ip},port={port},state=online,offset={offset},lag=0");
        line(text, &format!("slave{at}"), replica);
    }
    line(text, "master_failover_state", "no-failover");
    line(text, "master_replid", facts.run_id);
    line(text, "master_replid2", "0".repeat(40));
    line(text, "master_repl_offset", facts.position);
    line(text, "second_repl_offset", -1);
    line(text, "repl_backlog_active", 0);
    line(text, "repl_backlog_size", 0);
    line(text, "repl_backlog_first_byte_offset", 0);
    line(text, "repl_backlog_histlen", 0);
}

fn processor(facts: &Facts<'_>, text: &mut String) {
    let times = facts.process.times;
    for (name, us) in [
        ("used_cpu_sys", times.system_us),
        ("used_cpu_user", times.user_us),
        ("used_cpu_sys_children", times.children_system_us),
        ("used_cpu_user_children", times.children_user_us),
    ] {
        line(text, name, format_args!("{}.{:06}", us / 1_000_000, us % 1_000_000));
    }
}

/// Calls are counted; their time is that of the calls that were timed, one in 64, taken for all.
fn command_statistics(facts: &Facts<'_>, text: &mut String) {
    for (name, Counted { calls, rejected, failed, sampled }) in facts.commands() {
        let us_per_call = ratio(sampled.sum_ns, sampled.count) / 1_000.0;
        text.push_str(&format!(
            "cmdstat_{name}:calls={calls},usec={:.0},usec_per_call={us_per_call:.2},rejected_calls={rejected},failed_calls={failed}\r\n",
            us_per_call * calls as f64,
        ));
    }
}

fn error_statistics(facts: &Facts<'_>, text: &mut String) {
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    for (code, count) in facts.cores.iter().flat_map(|core| &core.counters.errors_by_code) {
        *all.entry(code).or_default() += count;
    }
    for (code, count) in all {
        text.push_str(&format!("errorstat_{code}:count={count}\r\n"));
    }
}

/// Out of the calls that were timed.
fn latency_statistics(facts: &Facts<'_>, text: &mut String) {
    for (name, Counted { sampled: times, .. }) in facts.commands() {
        if times.count > 0 {
            let [p50, p99, p999] = [500, 990, 999].map(|part| times.percentile_us(part));
            text.push_str(&format!(
                "latency_percentiles_usec_{name}:p50={p50:.3},p99={p99:.3},p99.9={p999:.3}\r\n",
            ));
        }
    }
}

fn cluster(facts: &Facts<'_>, text: &mut String) {
    line(text, "cluster_enabled", u8::from(!facts.config.is_alone()));
}

fn keyspace(facts: &Facts<'_>, text: &mut String) {
    let databases = facts.cores.first().map_or(0, |core| core.databases.len());
    for number in 0..databases {
        let keys = facts.sum(|core| core.databases[number].0);
        let expires = facts.sum(|core| core.databases[number].1);
        if keys > 0 {
            text.push_str(&format!("db{number}:keys={keys},expires={expires},avg_ttl=0\r\n"));
        }
    }
}

fn hyperion(facts: &Facts<'_>, text: &mut String) {
    let longest_ns = facts.cores.iter().map(|core| core.runtime.stall_ns_max).max().unwrap_or(0);
    line(text, "cores", facts.cores.len());
    line(text, "partitions", facts.config.config.partitions);
    line(text, "config_epoch", facts.config.config.epoch);
    line(text, "ring_level", facts.cores.first().map_or("", |core| &core.ring_level));
    line(text, "hops", facts.sum(|core| core.counters.hops));
    line(text, "forwarded", facts.sum(|core| core.counters.forwarded));
    line(text, "protocol_errors", facts.sum(|core| core.counters.protocol_errors));
    line(text, "turns", facts.sum(|core| core.runtime.turns));
    line(text, "stalls_over_1ms", facts.sum(|core| core.runtime.stalls_over_1ms));
    line(text, "stall_usec_max", longest_ns / 1_000);
    for (number, core) in facts.cores.iter().enumerate() {
        let commands: u64 = core.counters.commands.iter().sum();
        text.push_str(&format!(
            "core{number}:clients={},keys={},commands={commands}\r\n",
            core.clients, core.store.keys
        ));
    }
}

/// Bytes as people read them: `512B`, `1.50K`.
pub(super) fn human(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, 'B');
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    for next in ['K', 'M', 'G', 'T', 'P', 'E'] {
        if value < 1024.0 {
            break;
        }
        (value, unit) = (value / 1024.0, next);
    }
    format!("{value:.2}{unit}")
}

/// Zero when there is nothing to divide by.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
