//! Owns what `/metrics` answers: Prometheus text, version 0.0.4.

use std::fmt::Write;

use hyperion_engine::command::COMMANDS;

use super::figures::{CoreFigures, LATENCY_EDGES_US, Latency};
use super::start::unix_ms;
use crate::config::Current;
use hyperion_runtime::files;
use std::path::Path;

pub(super) struct Page(pub(super) String);

impl Page {
    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP hyperion_{name} {help}\n# TYPE hyperion_{name} {kind}");
    }

    pub(super) fn line(&mut self, name: &str, labels: &str, value: u64) {
        let _ = writeln!(self.0, "hyperion_{name}{labels} {value}");
    }

    /// One value a core.
    fn each(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        cores: &[CoreFigures],
        figure: fn(&CoreFigures) -> u64,
    ) {
        self.head(name, kind, help);
        for (core, figures) in cores.iter().enumerate() {
            self.line(name, &format!("{{core=\"{core}\"}}"), figure(figures));
        }
    }

    fn histogram(&mut self, name: &str, label: &str, latency: &Latency) {
        let comma = if label.is_empty() { "" } else { "," };
        let mut below = 0;
        for (edge_us, count) in LATENCY_EDGES_US.iter().zip(latency.counts) {
            below += count;
            #[expect(clippy::cast_precision_loss, reason = "edges are small")]
            let seconds = *edge_us as f64 / 1e6;
            self.line(
                &format!("{name}_bucket"),
                &format!("{{{label}{comma}le=\"{seconds}\"}}"),
                below,
            );
        }
        self.line(
            &format!("{name}_bucket"),
            &format!("{{{label}{comma}le=\"+Inf\"}}"),
            latency.count,
        );
        #[expect(clippy::cast_precision_loss, reason = "a sum of times need not be exact")]
        let seconds = latency.sum_ns as f64 / 1e9;
        let braces = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
        let _ = writeln!(self.0, "hyperion_{name}_sum{braces} {seconds}");
        self.line(&format!("{name}_count"), &braces, latency.count);
    }
}

/// The page of the whole node. `data`: where its files lie, if it keeps any.
pub(super) fn metrics(
    cores: &[CoreFigures],
    current: &Current,
    data: Option<&Path>,
    started_ms: u64,
) -> String {
    let mut page = Page(String::new());
    let config = &current.resolved;
    page.head("up", "gauge", "The node runs.");
    page.line("up", &format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1);
    page.head("uptime_seconds", "gauge", "Seconds since the start.");
    page.line("uptime_seconds", "", unix_ms().saturating_sub(started_ms) / 1000);
    page.head("config_epoch", "gauge", "Epoch of the config in force.");
    page.line("config_epoch", "", config.config.epoch);
    page.head("memory_limit_bytes", "gauge", "Memory for records and indexes.");
    page.line("memory_limit_bytes", "", config.limit_bytes());
    page.head(
        "log_lines_dropped_total",
        "counter",
        "Lines of the log that were not written, because standard error was not read in time.",
    );
    page.line("log_lines_dropped_total", "", crate::log::dropped());
    if let Some(data) = data {
        disk(&mut page, cores, config.segment_bytes, data);
    }
    commands(&mut page, cores);
    let gauge = "gauge";
    let counter = "counter";
    page.each("keys", gauge, "Keys, expired ones that nobody met too.", cores, |core| {
        core.store.keys
    });
    page.each("expiring_keys", gauge, "Keys that expire.", cores, |core| core.store.expiring);
    page.each(
        "expired_keys_total",
        counter,
        "Keys removed because they had expired.",
        cores,
        |core| core.store.expired,
    );
    page.each("keyspace_hits_total", counter, "Lookups of reads that found.", cores, |core| {
        core.store.lookups.hits
    });
    page.each("keyspace_misses_total", counter, "Lookups of reads that missed.", cores, |core| {
        core.store.lookups.misses
    });
    page.each("evicted_keys_total", counter, "Keys removed to make room.", cores, |core| {
        core.store.evicted
    });
    page.each(
        "used_bytes",
        gauge,
        "What the data takes of the memory limit: indexes, live records and the cleaner's slack.",
        cores,
        |core| core.store.used_bytes,
    );
    page.each("memory_allowance_bytes", gauge, "What the core may use of it now.", cores, |core| {
        core.memory_bytes
    });
    page.each("records_bytes", gauge, "Bytes of records in use, dead ones too.", cores, |core| {
        core.store.held_bytes
    });
    page.each("live_bytes", gauge, "Bytes of records that are live.", cores, |core| {
        core.store.live_bytes
    });
    page.each("filter_bytes", gauge, "Bytes of the cleaner's filters.", cores, |core| {
        core.store.filter_bytes
    });
    page.each("index_bytes", gauge, "Bytes of the indexes.", cores, |core| core.store.index_bytes);
    page.each("object_bytes", gauge, "Bytes of large values beside the log.", cores, |core| {
        core.store.object_bytes
    });
    page.each("segments_in_use", gauge, "Segments with records.", cores, |core| {
        core.store.segments_in_use
    });
    page.each("segments_ready", gauge, "Segments that wait.", cores, |core| {
        core.store.segments_ready
    });
    page.each("segments_max", gauge, "Segments that the memory limit allows.", cores, |core| {
        core.store.segments_max
    });
    page.each(
        "cleaned_segments_total",
        counter,
        "Segments emptied by the cleaner.",
        cores,
        |core| core.store.cleaner.segments,
    );
    page.each(
        "cleaner_copied_bytes_total",
        counter,
        "Bytes copied by the cleaner.",
        cores,
        |core| core.store.cleaner.copied_bytes,
    );
    page.each("spoiled_segments", gauge, "Segments whose memory went bad.", cores, |core| {
        core.store.cleaner.spoiled
    });
    page.each("logged_bytes_total", counter, "Bytes written to segment files.", cores, |core| {
        core.counters.bytes_logged
    });
    page.each("clients", gauge, "Connected Redis clients.", cores, |core| core.clients);
    page.each("subscribers", gauge, "Clients that listen to channels.", cores, |core| {
        core.pubsub.clients
    });
    page.each("subscriptions", gauge, "Channels and patterns of these clients.", cores, |core| {
        core.pubsub.subscriptions
    });
    page.each(
        "messages_published_total",
        counter,
        "Messages of clients, and keyspace events that somebody may hear.",
        cores,
        |core| core.pubsub.counters.published,
    );
    page.each(
        "messages_delivered_total",
        counter,
        "Messages put into the output of a client.",
        cores,
        |core| core.pubsub.counters.delivered,
    );
    page.each(
        "messages_dropped_total",
        counter,
        "Messages and events that did not go on because too many waited, or that were too long for another node.",
        cores,
        |core| core.pubsub.counters.dropped,
    );
    page.each(
        "listeners_closed_total",
        counter,
        "Clients closed because they did not read what they listen to.",
        cores,
        |core| core.pubsub.counters.closed,
    );
    page.each("tracking_clients", gauge, "Clients that keep copies of values.", cores, |core| {
        core.tracking.clients
    });
    page.each("tracked_keys", gauge, "Keys whose readers are remembered.", cores, |core| {
        core.tracking.keys
    });
    page.each("invalidations_total", counter, "Changes told to such clients.", cores, |core| {
        core.tracking.told
    });
    page.each("connections_total", counter, "Redis clients accepted.", cores, |core| {
        core.counters.connections
    });
    page.each("connections_refused_total", counter, "Redis clients turned away.", cores, |core| {
        core.counters.connections_refused
    });
    page.each("errors_total", counter, "Error replies.", cores, |core| core.counters.errors);
    page.each(
        "protocol_errors_total",
        counter,
        "Clients closed for what they sent.",
        cores,
        |core| core.counters.protocol_errors,
    );
    page.each("input_buffer_bytes", gauge, "Unread input of all clients.", cores, |core| {
        core.input_bytes
    });
    page.each("received_bytes_total", counter, "Bytes received.", cores, |core| {
        core.runtime.bytes_in
    });
    page.each("sent_bytes_total", counter, "Bytes sent.", cores, |core| core.runtime.bytes_out);
    page.each("hops_total", counter, "Commands sent to another core.", cores, |core| {
        core.counters.hops
    });
    page.each(
        "forwarded_total",
        counter,
        "Commands sent to another node for clients that do not know the cluster.",
        cores,
        |core| core.counters.forwarded,
    );
    page.each("turns_total", counter, "Turns of the loop.", cores, |core| core.runtime.turns);
    page.each("enters_total", counter, "Calls of io_uring_enter.", cores, |core| {
        core.runtime.enters
    });
    page.each("parks_total", counter, "Turns that slept.", cores, |core| core.runtime.parks);
    page.each("stalls_total", counter, "Turns longer than 1 ms.", cores, |core| {
        core.runtime.stalls_over_1ms
    });
    page.each(
        "long_stalls_total",
        counter,
        "Turns longer than 10 ms; a log line a second tells of them, and the cause of the longest.",
        cores,
        |core| core.runtime.stalls_over_10ms,
    );
    page.each("stall_max_microseconds", gauge, "The longest turn.", cores, |core| {
        core.runtime.stall_ns_max / 1000
    });
    page.each(
        "stall_processor_max_microseconds",
        gauge,
        "The longest turn by the processor time of its core: what a preempted one really worked.",
        cores,
        |core| core.runtime.stall_processor_ns_max / 1000,
    );
    page.each(
        "busy_turns_total",
        counter,
        "Turns with more than 2 ms of processor time.",
        cores,
        |core| core.runtime.busy_turns_over_2ms,
    );
    page.each(
        "cut_turns_total",
        counter,
        "Turns that left input for the next because their time was up.",
        cores,
        |core| core.runtime.turns_cut,
    );
    page.each(
        "tls_handshakes_total",
        counter,
        "TLS handshakes that came through, of clients and peers.",
        cores,
        |core| core.runtime.tls_handshakes,
    );
    page.each(
        "tls_resumed_total",
        counter,
        "Those of them that went on from an earlier session.",
        cores,
        |core| core.runtime.tls_resumed,
    );
    page.each(
        "tls_failures_total",
        counter,
        "Connections that ended because of TLS.",
        cores,
        |core| core.runtime.tls_failures,
    );
    page.each("doorbells_total", counter, "Sleeping cores woken.", cores, |core| {
        core.runtime.doorbells
    });
    page.head("sync_seconds", "histogram", "Time of a sync of the log.");
    for (core, figures) in cores.iter().enumerate() {
        page.histogram("sync_seconds", &format!("core=\"{core}\""), &figures.counters.syncs);
    }
    page.head("write_seconds", "histogram", "Time of a batch's write to its file.");
    for (core, figures) in cores.iter().enumerate() {
        page.histogram("write_seconds", &format!("core=\"{core}\""), &figures.counters.writes);
    }
    page.0
}

fn disk(page: &mut Page, cores: &[CoreFigures], segment_bytes: u64, data: &Path) {
    // What cannot be asked is left out.
    if let Ok((all, free)) = files::disk_room(data) {
        page.head("disk_bytes", "gauge", "Bytes of the file system of the data folder.");
        page.line("disk_bytes", "", all);
        page.head("disk_free_bytes", "gauge", "Bytes of it that the node may still write.");
        page.line("disk_free_bytes", "", free);
    }
    page.head("segment_files_bytes", "gauge", "Bytes of segment files, those that wait too.");
    for (core, figures) in cores.iter().enumerate() {
        let segments = figures.store.segments_in_use + figures.store.segments_ready;
        let labels = format!("{{core=\"{core}\"}}");
        page.line("segment_files_bytes", &labels, segments * segment_bytes);
    }
    let help = "1 while writes are refused because no segment can be made; /status has the reason.";
    page.each("writes_refused", "gauge", help, cores, |core| u64::from(core.no_segments.is_some()));
}

fn commands(page: &mut Page, cores: &[CoreFigures]) {
    page.head("commands_total", "counter", "Commands run, by command.");
    for spec in COMMANDS {
        let count: u64 = cores.iter().map(|core| core.counters.commands[spec.index()]).sum();
        if count > 0 {
            page.line("commands_total", &format!("{{command=\"{}\"}}", spec.name), count);
        }
    }
    page.head("command_seconds", "histogram", "Time of a command on its core, one in 64 measured.");
    for spec in COMMANDS {
        let mut latency = Latency::default();
        cores.iter().for_each(|core| latency.join(&core.counters.sampled[spec.index()]));
        if latency.count > 0 {
            page.histogram("command_seconds", &format!("command=\"{}\"", spec.name), &latency);
        }
    }
}
