//! Owns the sections of INFO. What is not counted is left out, for a zero there would be a lie; what there is none of here, such as forks, is a zero
//! where Redis has one.

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
    /// How many there may be.
    pub(super) clients_max: usize,
    /// Slow commands that were noted since the start.
    pub(super) slow_commands: u64,
    /// Who asks keeps copies: it is out of the table while it does.
    pub(super) own_tracks: u64,
    /// The most memory that the data took.
    pub(super) used_peak: u64,
    /// Scripts whose texts are kept, and the bytes of these; functions of libraries.
    pub(super) scripts: usize,
    pub(super) script_bytes: usize,
    pub(super) functions: i64,
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

    /// The most of what each core says.
    fn most(&self, of: impl Fn(&CoreFigures) -> u64) -> u64 {
        self.cores.iter().map(of).max().unwrap_or(0)
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
    let mode = if facts.config.shows_a_cluster() { "cluster" } else { "standalone" };
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
    line(text, "maxclients", facts.clients_max);
    line(text, "client_recent_max_input_buffer", facts.most(|core| core.upkeep.recent_buffers().0));
    line(
        text,
        "client_recent_max_output_buffer",
        facts.most(|core| core.upkeep.recent_buffers().1),
    );
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
    // What the data takes with the dead records beside it, which the cleaner will give back.
    let active = NODE_BYTES
        + facts.sum(|core| {
            let store = &core.store;
            store.held_bytes + store.index_bytes + store.object_bytes + store.filter_bytes
        });
    line(text, "allocator_allocated", used);
    line(text, "allocator_active", active);
    line(text, "allocator_resident", resident);
    lua(facts, text);
    let limit = facts.config.limit_bytes();
    line(text, "maxmemory", limit);
    line(text, "maxmemory_human", human(limit));
    line(text, "maxmemory_policy", facts.config.eviction.name());
    let over = |part: u64, whole: u64| i128::from(part) - i128::from(whole);
    line(text, "allocator_frag_ratio", format_args!("{:.2}", ratio(active, used)));
    line(text, "allocator_frag_bytes", over(active, used));
    line(text, "allocator_rss_ratio", format_args!("{:.2}", ratio(resident, active)));
    line(text, "allocator_rss_bytes", over(resident, active));
    // All resident memory counts as the allocator's.
    line(text, "rss_overhead_ratio", "1.00");
    line(text, "rss_overhead_bytes", 0);
    line(text, "mem_fragmentation_ratio", format_args!("{:.2}", ratio(resident, used)));
    line(text, "mem_fragmentation_bytes", over(resident, used));
    line(text, "mem_not_counted_for_evict", 0);
    line(text, "mem_replication_backlog", 0);
    if facts.config.is_alone() {
        line(text, "mem_total_replication_buffers", 0);
    }
    line(text, "mem_clients_slaves", 0);
    line(text, "mem_clients_normal", facts.sum(|core| core.input_bytes));
    if facts.config.is_alone() {
        line(text, "mem_cluster_links", 0);
    }
    line(text, "mem_aof_buffer", 0);
    // Segments are cleaned instead of defragmented.
    line(text, "active_defrag_running", 0);
    line(text, "lazyfree_pending_objects", facts.sum(|core| core.store.values_dying));
    line(text, "lazyfreed_objects", facts.sum(|core| core.store.values_freed));
    line(text, "mem_allocator", "mimalloc");
    line(text, "hyperion_records_bytes", facts.sum(|core| core.store.held_bytes));
}

/// Scripts and functions, and the machines that run them.
fn lua(facts: &Facts<'_>, text: &mut String) {
    let [of_scripts, of_functions] = [0, 1].map(|at| facts.sum(|core| core.upkeep.lua_bytes[at]));
    let libraries = &facts.config.settings().functions;
    let texts = facts.script_bytes as u64;
    let codes: usize = libraries.iter().map(|(name, code)| name.len() + code.len()).sum();
    let all = texts + codes as u64;
    line(text, "used_memory_lua", of_scripts);
    line(text, "used_memory_vm_eval", of_scripts);
    line(text, "used_memory_lua_human", human(of_scripts));
    line(text, "used_memory_scripts_eval", texts);
    line(text, "number_of_cached_scripts", facts.scripts);
    line(text, "number_of_functions", facts.functions);
    line(text, "number_of_libraries", libraries.len());
    line(text, "used_memory_vm_functions", of_functions);
    line(text, "used_memory_vm_total", of_scripts + of_functions);
    line(text, "used_memory_vm_total_human", human(of_scripts + of_functions));
    line(text, "used_memory_functions", codes);
    line(text, "used_memory_scripts", all);
    line(text, "used_memory_scripts_human", human(all));
}

fn persistence(facts: &Facts<'_>, text: &mut String) {
    let settings = facts.config.settings();
    let on_disk = settings.storage == Storage::Disk;
    let refused = facts.cores.iter().any(|core| core.no_segments.is_some());
    line(text, "loading", 0);
    line(text, "async_loading", 0);
    // Nothing is forked, so nothing is copied on a write.
    line(text, "current_cow_peak", 0);
    line(text, "current_cow_size", 0);
    line(text, "current_cow_size_age", 0);
    let saves = &facts.saves;
    // A snapshot is of segments: its keys are told by the part of them that is copied.
    let keys = if saves.running_s.is_some() { facts.sum(|core| core.store.keys) } else { 0 };
    line(text, "current_fork_perc", format_args!("{}.00", saves.percent));
    line(text, "current_save_keys_processed", keys * saves.percent / 100);
    line(text, "current_save_keys_total", keys);
    let changes = facts.sum(|core| core.changes).saturating_sub(saves.changes_saved);
    let seconds = |seconds: Option<u64>| seconds.map_or_else(|| "-1".to_owned(), |s| s.to_string());
    line(text, "rdb_changes_since_last_save", changes);
    line(text, "rdb_bgsave_in_progress", u8::from(saves.running_s.is_some()));
    line(text, "rdb_last_save_time", saves.last_save_s);
    line(text, "rdb_last_bgsave_status", if saves.last_is_ok { "ok" } else { "err" });
    line(text, "rdb_last_bgsave_time_sec", seconds(saves.last_took_s));
    line(text, "rdb_current_bgsave_time_sec", seconds(saves.running_s));
    line(text, "rdb_saves", saves.made);
    line(text, "rdb_last_cow_size", 0);
    // Expired keys come in too, and go by the sweep.
    line(text, "rdb_last_load_keys_expired", 0);
    line(text, "rdb_last_load_keys_loaded", facts.sum(|core| core.upkeep.loaded.0));
    line(text, "aof_enabled", u8::from(on_disk));
    line(text, "aof_rewrites", 0);
    line(text, "aof_rewrites_consecutive_failures", 0);
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
        line(text, "aof_base_size", facts.sum(|core| core.upkeep.loaded.1));
        line(text, "aof_pending_rewrite", 0);
        // Answers wait for the disk; what the disk is late with delays no write that was answered.
        line(text, "aof_delayed_fsync", 0);
    }
    line(text, "module_fork_in_progress", 0);
    line(text, "module_fork_last_cow_size", 0);
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
    if facts.config.is_alone() {
        line(text, "total_net_repl_input_bytes", 0);
        line(text, "total_net_repl_output_bytes", 0);
        line(text, "instantaneous_input_repl_kbps", "0.00");
        line(text, "instantaneous_output_repl_kbps", "0.00");
    }
    for name in ["sync_full", "sync_partial_ok", "sync_partial_err", "evicted_clients"] {
        line(text, name, 0);
    }
    line(text, "expired_keys", facts.sum(|core| core.store.expired));
    let stale = facts.cores.iter().map(|core| core.upkeep.stale_part).fold(0.0, f64::max);
    line(text, "expired_stale_perc", format_args!("{:.2}", stale * 100.0));
    line(text, "expired_time_cap_reached_count", facts.sum(|core| core.upkeep.sweeps_cut));
    let sweeps = facts.sum(|core| u64::try_from(core.upkeep.sweep.as_millis()).unwrap_or(u64::MAX));
    line(text, "expire_cycle_cpu_milliseconds", sweeps);
    line(text, "evicted_keys", facts.sum(|core| core.store.evicted));
    line(text, "total_eviction_exceeded_time", facts.most(|core| core.upkeep.exceeded_ms));
    line(text, "current_eviction_exceeded_time", facts.most(|core| core.upkeep.exceeded_now_ms));
    line(text, "keyspace_hits", facts.sum(|core| core.store.lookups.hits));
    line(text, "keyspace_misses", facts.sum(|core| core.store.lookups.misses));
    // Every core knows all names of the node.
    let most = |of: fn(&CoreFigures) -> u64| facts.most(of);
    line(text, "pubsub_channels", most(|core| core.pubsub.channels));
    line(text, "pubsub_patterns", most(|core| core.pubsub.patterns));
    line(text, "pubsubshard_channels", most(|core| core.pubsub.shards));
    line(text, "tracking_total_keys", facts.sum(|core| core.tracking.keys));
    line(text, "tracking_total_items", facts.sum(|core| core.tracking.items));
    line(text, "tracking_total_prefixes", most(|core| core.tracking.prefixes));
    let counted = |of: fn(&PubsubCounters) -> u64| facts.sum(|core| of(&core.pubsub.counters));
    let unread = facts.sum(|core| core.counters.closed_unread);
    line(text, "client_output_buffer_limit_disconnections", unread + counted(|it| it.closed));
    line(text, "hyperion_messages_published", counted(|it| it.published));
    line(text, "hyperion_messages_delivered", counted(|it| it.delivered));
    line(text, "hyperion_messages_dropped", counted(|it| it.dropped));
    line(text, "latest_fork_usec", 0);
    line(text, "total_forks", 0);
    line(text, "migrate_cached_sockets", 0);
    line(text, "slave_expires_tracked_keys", 0);
    line(text, "active_defrag_hits", 0);
    line(text, "active_defrag_misses", 0);
    line(text, "active_defrag_key_hits", 0);
    line(text, "active_defrag_key_misses", 0);
    line(text, "total_active_defrag_time", 0);
    line(text, "current_active_defrag_time", 0);
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
    line(text, "dump_payload_sanitizations", 0);
    // There is no stream of commands that could be answered with an error and must not be.
    line(text, "unexpected_error_replies", 0);
    line(text, "total_reads_processed", facts.sum(|core| core.runtime.receives));
    line(text, "total_writes_processed", facts.sum(|core| core.runtime.sends));
    // All cores but the first do what Redis' threads do.
    let threaded = |of: fn(&CoreFigures) -> u64| facts.cores.iter().skip(1).map(of).sum::<u64>();
    line(text, "io_threaded_reads_processed", threaded(|core| core.runtime.receives));
    line(text, "io_threaded_writes_processed", threaded(|core| core.runtime.sends));
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
    line(text, "cluster_enabled", u8::from(facts.config.shows_a_cluster()));
}

fn keyspace(facts: &Facts<'_>, text: &mut String) {
    let databases = facts.cores.first().map_or(0, |core| core.databases.len());
    for number in 0..databases {
        let keys = facts.sum(|core| core.databases[number].0);
        let expires = facts.sum(|core| core.databases[number].1);
        if keys > 0 {
            let lives = facts.cores.iter().map(|core| {
                u128::from(core.databases[number].1) * u128::from(core.databases[number].2)
            });
            let life = lives.sum::<u128>().checked_div(u128::from(expires)).unwrap_or(0);
            text.push_str(&format!("db{number}:keys={keys},expires={expires},avg_ttl={life}\r\n"));
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
