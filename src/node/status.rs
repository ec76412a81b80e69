//! Owns what `/status` answers.

use hyperion_runtime::Stats;
use serde_json::{Value, json};

use super::figures::CoreFigures;
use super::start::unix_ms;
use crate::config::Current;

/// All figures of the node, and of each core.
pub(super) fn status(cores: &[CoreFigures], current: &Current, started_ms: u64) -> Value {
    let config = &current.resolved;
    let sum = |figure: fn(&CoreFigures) -> u64| cores.iter().map(figure).sum::<u64>();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "node": config.node().name,
        "epoch": config.config.epoch,
        "uptime_s": unix_ms().saturating_sub(started_ms) / 1000,
        "mode": config.config.mode,
        "storage": config.settings().storage.as_str(),
        "durability": config.settings().durability.as_str(),
        "sync_interval_ms": config.settings().sync_interval_ms,
        "clients": sum(|core| core.clients),
        "keys": sum(|core| core.store.keys),
        "expiring_keys": sum(|core| core.store.expiring),
        "memory": {
            "limit_bytes": config.limit_bytes(),
            "eviction": config.eviction.name(),
            "evicted_keys": sum(|core| core.store.evicted),
            "used_bytes": sum(|core| core.store.used_bytes),
            "records_bytes": sum(|core| core.store.held_bytes),
            "live_bytes": sum(|core| core.store.live_bytes),
            "index_bytes": sum(|core| core.store.index_bytes),
            "object_bytes": sum(|core| core.store.object_bytes),
            "filter_bytes": sum(|core| core.store.filter_bytes),
        },
        "writes_refused": cores.iter().find_map(|core| core.no_segments.clone()),
        "cores": cores.iter().zip(&config.cores).enumerate().map(|(index, (core, cpu))| one(index, *cpu, core)).collect::<Vec<_>>(),
    })
}

fn one(index: usize, cpu: u16, core: &CoreFigures) -> Value {
    let Stats {
        turns,
        enters,
        parks,
        receives,
        sends,
        bytes_in,
        bytes_out,
        stalls_over_1ms,
        stall_ns_max,
        stall_processor_ns_max,
        busy_turns_over_2ms,
        turns_cut,
        mail_sent,
        doorbells,
        ..
    } = core.runtime;
    json!({
        "core": index,
        "cpu": cpu,
        "ring_level": core.ring_level,
        "clients": core.clients,
        "keys": core.store.keys,
        "segments_in_use": core.store.segments_in_use,
        "segments_ready": core.store.segments_ready,
        "records_bytes": core.store.held_bytes,
        "live_bytes": core.store.live_bytes,
        "used_bytes": core.store.used_bytes,
        "allowance_bytes": core.memory_bytes,
        "evicted_keys": core.store.evicted,
        "segments_max": core.store.segments_max,
        "cleaner": {
            "segments": core.store.cleaner.segments,
            "records": core.store.cleaner.records,
            "copied_bytes": core.store.cleaner.copied_bytes,
            "tombstones_moved": core.store.cleaner.tombstones_moved,
            "tombstones_dropped": core.store.cleaner.tombstones_dropped,
            "spoiled_segments": core.store.cleaner.spoiled,
        },
        "commands": core.counters.commands.iter().sum::<u64>(),
        "hops": core.counters.hops,
        "forwarded": core.counters.forwarded,
        "bytes_logged": core.counters.bytes_logged,
        "syncs": core.counters.syncs.count,
        "sync_us_max": core.counters.syncs.max_ns / 1000,
        "turns": turns,
        "enters": enters,
        "parks": parks,
        "receives": receives,
        "sends": sends,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        "stalls_over_1ms": stalls_over_1ms,
        "stall_us_max": stall_ns_max / 1000,
        "stall_processor_us_max": stall_processor_ns_max / 1000,
        "busy_turns_over_2ms": busy_turns_over_2ms,
        "turns_cut": turns_cut,
        "bulk": core.bulk.iter().map(|bulk| json!({
            "node": bulk.node,
            "way": bulk.way,
            "raw_bytes_a_second": bulk.raw_bytes_a_second,
            "packed_bytes_a_second": bulk.packed_bytes_a_second,
            "plain_bytes": bulk.plain_bytes,
            "sent_bytes": bulk.sent_bytes,
        })).collect::<Vec<_>>(),
        "mail_sent": mail_sent,
        "doorbells": doorbells,
    })
}
