//! Owns what is told of snapshots: how far the one under way is, and what became of the last.

use std::fmt::Write;
use std::time::Instant;

use serde_json::{Value, json};

use crate::packing::Probe;

/// The snapshot under way.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) name: String,
    pub(super) phase: &'static str,
    pub(super) since: Instant,
    /// Plain bytes copied, dropped ones too, and those that are left as far as is known.
    pub(super) copied_bytes: u64,
    pub(super) left_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) level: String,
}

/// What became of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) name: String,
    pub(super) began_ms: u64,
    pub(super) took_ms: u64,
    /// The figures of a whole one, or why there is none.
    pub(super) result: Result<Figures, String>,
}

/// The figures of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) keys: u64,
    pub(super) plain_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) level: String,
    pub(super) probe: Probe,
    /// Passes over the log before the cut.
    pub(super) passes: u32,
    /// Tries that the cut took, and the longest time that a core held back for it.
    pub(super) cut_tries: u32,
    pub(super) cut_hold_us: u64,
    /// How long segments were kept from their next use.
    pub(super) pinned_ms: u64,
    /// Bytes that were copied and freed before the cut.
    pub(super) dropped_bytes: u64,
    /// Records of all cores since the start, at the cut.
    pub(super) changes: u64,
}

/// All that is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) running: Option<Running>,
    pub(super) last: Option<Done>,
    pub(super) made: u64,
    pub(super) failed: u64,
    /// When the newest whole one was begun, Unix ms; the start of the node before the first.
    pub(super) last_save_ms: u64,
    /// Records of all cores since the start, at the cut of the newest one of this start.
    pub(super) changes_saved: u64,
}

impl Running {
    pub(super) fn percent(&self) -> u64 {
        (self.copied_bytes * 100).checked_div(self.copied_bytes + self.left_bytes).unwrap_or(0)
    }

    fn seconds_left(&self) -> Option<u64> {
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        (self.left_bytes.saturating_mul(ms) / 1_000).checked_div(self.copied_bytes)
    }
}

impl Progress {
    /// The part of `/status`.
    pub(super) fn status(&self) -> Value {
        let running = self.running.as_ref().map(|running| {
            json!({
                "name": running.name,
                "phase": running.phase,
                "percent": running.percent(),
                "copied_bytes": running.copied_bytes,
                "left_bytes": running.left_bytes,
                "file_bytes": running.file_bytes,
                "level": running.level,
                "seconds": running.since.elapsed().as_secs(),
                "seconds_left": running.seconds_left(),
            })
        });
        json!({
            "state": if running.is_some() { "running" } else { "idle" },
            "running": running,
            "made": self.made,
            "failed": self.failed,
            "last": self.last.as_ref().map(Done::status),
        })
    }

    /// The part of `/metrics`.
    pub(super) fn metrics(&self) -> String {
        let mut page = String::new();
        let figures = self.last.as_ref().and_then(|last| last.result.as_ref().ok());
        let figure = |of: fn(&Figures) -> u64| figures.map_or(0, of);
        for (name, kind, help, value) in [
            (
                "snapshot_running",
                "gauge",
                "A snapshot is under way.",
                u64::from(self.running.is_some()),
            ),
            (
                "snapshot_percent",
                "gauge",
                "How far the snapshot under way is.",
                self.running.as_ref().map_or(0, Running::percent),
            ),
            ("snapshots_made_total", "counter", "Snapshots made.", self.made),
            ("snapshots_failed_total", "counter", "Snapshots that came to nothing.", self.failed),
            (
                "snapshot_last_unix_seconds",
                "gauge",
                "When the newest snapshot was begun.",
                self.last_save_ms / 1_000,
            ),
            (
                "snapshot_last_milliseconds",
                "gauge",
                "Time that the last snapshot took.",
                self.last.as_ref().map_or(0, |last| last.took_ms),
            ),
            (
                "snapshot_last_plain_bytes",
                "gauge",
                "Bytes of segments in the last snapshot.",
                figure(|figures| figures.plain_bytes),
            ),
            (
                "snapshot_last_file_bytes",
                "gauge",
                "Bytes of the last snapshot's file.",
                figure(|figures| figures.file_bytes),
            ),
            (
                "snapshot_last_hold_microseconds",
                "gauge",
                "The longest time that a core held answers back for the last snapshot's cut.",
                figure(|figures| figures.cut_hold_us),
            ),
        ] {
            // Writing to a String cannot fail.
            let _ = writeln!(
                page,
                "# HELP hyperion_{name} {help}\n# TYPE hyperion_{name} {kind}\nhyperion_{name} {value}"
            );
        }
        page
    }
}

impl Done {
    fn status(&self) -> Value {
        let mut value = json!({
            "name": self.name,
            "began_ms": self.began_ms,
            "took_ms": self.took_ms,
            "ok": self.result.is_ok(),
        });
        match &self.result {
            Err(why) => value["error"] = json!(why),
            Ok(figures) => {
                let ms = |level: usize| (figures.probe.time[level].as_secs_f64() * 1e3).round();
                value["keys"] = json!(figures.keys);
                value["plain_bytes"] = json!(figures.plain_bytes);
                value["file_bytes"] = json!(figures.file_bytes);
                value["level"] = json!(figures.level);
                value["probe"] = json!({
                    "plain_bytes": figures.probe.plain_bytes,
                    "level_1": { "bytes": figures.probe.bytes[0], "ms": ms(0) },
                    "level_4": { "bytes": figures.probe.bytes[1], "ms": ms(1) },
                });
                value["passes"] = json!(figures.passes);
                value["cut_tries"] = json!(figures.cut_tries);
                value["cut_hold_us"] = json!(figures.cut_hold_us);
                value["pinned_ms"] = json!(figures.pinned_ms);
                value["dropped_bytes"] = json!(figures.dropped_bytes);
            }
        }
        value
    }
}
