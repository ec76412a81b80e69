//! Owns the parameters of Redis that are no settings of the node: the sizes that OBJECT ENCODING knows, and what is only kept to be shown back.

use super::parameter_values::whole;
use super::parameters::{Kind, Parameter, Setting, fixed, kept, live};

/// A size of [`hyperion_engine::Thresholds`] by the name that Redis has for it, or had.
macro_rules! threshold {
    ($name:literal, $field:ident) => {
        live(
            $name,
            concat!("/settings/thresholds/", stringify!($field)),
            |config, _| config.settings().thresholds.$field.to_string(),
            |text| {
                let number = u64::from(whole(text)?);
                Ok(Box::new(move |settings| settings.thresholds.$field = number))
            },
        )
    };
}

/// `list-max-listpack-size`, which may be negative.
macro_rules! list_threshold {
    ($name:literal) => {
        live(
            $name,
            "/settings/thresholds/list_listpack_size",
            |config, _| config.settings().thresholds.list_listpack_size.to_string(),
            |text| {
                let number = hyperion_model::number::parse_integer(text)
                    .and_then(|number| i32::try_from(number).ok())
                    .ok_or("argument couldn't be parsed into an integer")?;
                Ok(Box::new(move |settings| {
                    settings.thresholds.list_listpack_size = i64::from(number);
                }))
            },
        )
    };
}

/// By name.
#[rustfmt::skip]
pub(super) static REDIS_PARAMETERS: &[Parameter] = &[
    fixed("acl-pubsub-default", |_, _| "resetchannels".to_owned()),
    fixed("aclfile", |_, _| String::new()),
    kept("active-defrag-cycle-max", Kind::Number, "25"),
    kept("active-defrag-cycle-min", Kind::Number, "1"),
    kept("active-defrag-ignore-bytes", Kind::Bytes, "104857600"),
    kept("active-defrag-max-scan-fields", Kind::Number, "1000"),
    kept("active-defrag-threshold-lower", Kind::Number, "10"),
    kept("active-defrag-threshold-upper", Kind::Number, "100"),
    kept("active-expire-effort", Kind::Number, "1"),
    kept("activedefrag", Kind::Flag, "no"),
    kept("activerehashing", Kind::Flag, "yes"),
    kept("always-show-logo", Kind::Flag, "no"),
    kept("aof-load-truncated", Kind::Flag, "yes"),
    kept("aof-rewrite-incremental-fsync", Kind::Flag, "yes"),
    kept("aof-timestamp-enabled", Kind::Flag, "no"),
    kept("aof-use-rdb-preamble", Kind::Flag, "yes"),
    kept("auto-aof-rewrite-min-size", Kind::Bytes, "67108864"),
    kept("auto-aof-rewrite-percentage", Kind::Number, "100"),
    kept("busy-reply-threshold", Kind::Number, "5000"),
    kept("client-query-buffer-limit", Kind::Bytes, "1073741824"),
    kept("cluster-allow-reads-when-down", Kind::Flag, "no"),
    kept("cluster-node-timeout", Kind::Number, "15000"),
    kept("cluster-require-full-coverage", Kind::Flag, "yes"),
    kept("crash-log-enabled", Kind::Flag, "yes"),
    fixed("daemonize", |_, _| "no".to_owned()),
    kept("disable-thp", Kind::Flag, "yes"),
    kept("dynamic-hz", Kind::Flag, "yes"),
    fixed("enable-debug-command", |_, _| "yes".to_owned()),
    fixed("enable-module-command", |_, _| "no".to_owned()),
    fixed("enable-protected-configs", |_, _| "no".to_owned()),
    threshold!("hash-max-listpack-entries", hash_listpack_entries),
    threshold!("hash-max-listpack-value", hash_listpack_value),
    threshold!("hash-max-ziplist-entries", hash_listpack_entries),
    threshold!("hash-max-ziplist-value", hash_listpack_value),
    kept("hll-sparse-max-bytes", Kind::Bytes, "3000"),
    kept("hz", Kind::Number, "10"),
    kept("io-threads-do-reads", Kind::Flag, "no"),
    kept("jemalloc-bg-thread", Kind::Flag, "yes"),
    kept("key-load-delay", Kind::Number, "0"),
    kept("latency-tracking", Kind::Flag, "yes"),
    kept("latency-tracking-info-percentiles", Kind::Text, "50 99 99.9"),
    kept("lazyfree-lazy-eviction", Kind::Flag, "no"),
    kept("lazyfree-lazy-expire", Kind::Flag, "no"),
    kept("lazyfree-lazy-server-del", Kind::Flag, "no"),
    kept("lazyfree-lazy-user-del", Kind::Flag, "no"),
    kept("lazyfree-lazy-user-flush", Kind::Flag, "no"),
    kept("lfu-decay-time", Kind::Number, "1"),
    kept("lfu-log-factor", Kind::Number, "10"),
    kept("list-compress-depth", Kind::Number, "0"),
    list_threshold!("list-max-listpack-size"),
    list_threshold!("list-max-ziplist-size"),
    fixed("logfile", |_, _| String::new()),
    kept("lua-time-limit", Kind::Number, "5000"),
    fixed("masterauth", |_, _| String::new()),
    fixed("masteruser", |_, _| String::new()),
    live("maxmemory-clients", "", |_, _| "0".to_owned(), read_memory_of_clients),
    kept("maxmemory-eviction-tenacity", Kind::Number, "10"),
    kept("maxmemory-samples", Kind::Number, "5"),
    fixed("min-replicas-max-lag", |_, _| "10".to_owned()),
    kept("min-replicas-to-write", Kind::Number, "0"),
    kept("no-appendfsync-on-rewrite", Kind::Flag, "no"),
    kept("oom-score-adj", Kind::Text, "no"),
    fixed("pidfile", |_, _| String::new()),
    fixed("proc-title-template", |_, _| String::new()),
    fixed("protected-mode", |_, _| "yes".to_owned()),
    kept("rdb-save-incremental-fsync", Kind::Flag, "yes"),
    kept("rdbchecksum", Kind::Flag, "yes"),
    kept("rdbcompression", Kind::Flag, "yes"),
    kept("repl-backlog-size", Kind::Bytes, "1048576"),
    kept("repl-backlog-ttl", Kind::Number, "3600"),
    kept("repl-disable-tcp-nodelay", Kind::Flag, "no"),
    kept("repl-diskless-load", Kind::Text, "disabled"),
    kept("repl-diskless-sync", Kind::Flag, "yes"),
    kept("repl-diskless-sync-delay", Kind::Number, "5"),
    kept("repl-ping-replica-period", Kind::Number, "10"),
    kept("repl-timeout", Kind::Number, "60"),
    kept("replica-lazy-flush", Kind::Flag, "no"),
    kept("replica-priority", Kind::Number, "100"),
    kept("replica-read-only", Kind::Flag, "yes"),
    kept("replica-serve-stale-data", Kind::Flag, "yes"),
    fixed("replicaof", |_, _| String::new()),
    kept("sanitize-dump-payload", Kind::Text, "no"),
    threshold!("set-max-intset-entries", set_intset_entries),
    threshold!("set-max-listpack-entries", set_listpack_entries),
    threshold!("set-max-listpack-value", set_listpack_value),
    kept("set-proc-title", Kind::Flag, "yes"),
    kept("shutdown-on-sigint", Kind::Text, "default"),
    kept("shutdown-on-sigterm", Kind::Text, "default"),
    kept("shutdown-timeout", Kind::Number, "10"),
    fixed("slaveof", |_, _| String::new()),
    kept("stop-writes-on-bgsave-error", Kind::Flag, "yes"),
    kept("stream-node-max-bytes", Kind::Bytes, "4096"),
    threshold!("stream-node-max-entries", stream_node_entries),
    fixed("supervised", |_, _| "no".to_owned()),
    kept("syslog-enabled", Kind::Flag, "no"),
    kept("tcp-backlog", Kind::Number, "511"),
    kept("tcp-keepalive", Kind::Number, "300"),
    kept("tracking-table-max-keys", Kind::Number, "1000000"),
    fixed("unixsocketperm", |_, _| "0".to_owned()),
    threshold!("zset-max-listpack-entries", zset_listpack_entries),
    threshold!("zset-max-listpack-value", zset_listpack_value),
    threshold!("zset-max-ziplist-entries", zset_listpack_entries),
    threshold!("zset-max-ziplist-value", zset_listpack_value),
];

/// A limit of what all clients together take is none that a node has: each has its own.
fn read_memory_of_clients(text: &[u8]) -> Result<Setting, String> {
    let percent = text.strip_suffix(b"%").and_then(hyperion_model::number::parse_integer);
    match percent {
        Some(101..) => Err("percentage argument must be less or equal to 100".to_owned()),
        _ if matches!(text, b"0" | b"0%") => Ok(Box::new(|_| {})),
        _ => Err("can't set immutable config".to_owned()),
    }
}
