//! Owns the watch over a script that runs: its time, and whether somebody stops it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::SCRIPT_SLOW_MS;
use super::machine::Kind;
use super::running::{Running, Slow};
use super::work::Line;

/// What a script is watched by; it is looked at every so many instructions.
#[derive(Debug)]
pub(super) struct Watch {
    /// When it made its second call, or was looked at first: most are through before.
    since: Option<Instant>,
    ms_max: u64,
    /// From when on the clients of its core are looked after.
    busy_ms: u64,
    slow: Option<Arc<Slow>>,
    /// The node is busy with it.
    is_busy: bool,
    /// What it changed cannot be taken back.
    has_written: bool,
    has_stopped: bool,
}

/// Where it is told when it takes long; a library that is loaded is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) kind: Kind,
    pub(super) line: Line<'a>,
    pub(super) running: &'a Running,
}

impl Watch {
    pub(super) fn new(ms_max: u64, busy_ms: u64) -> Self {
        let (slow, is_busy, has_written, has_stopped) = (None, false, false, false);
        Self { since: None, ms_max, busy_ms, slow, is_busy, has_written, has_stopped }
    }

    /// It goes on for longer than a call.
    pub(super) fn begin(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }

    /// It has changed what cannot be taken back.
    pub(super) fn wrote(&mut self) {
        self.has_written = true;
        if let Some(slow) = &self.slow {
            slow.wrote();
        }
    }

    /// Whether it was stopped.
    pub(super) fn has_stopped(&self) -> bool {
        self.has_stopped
    }

    /// Whether clients have waited long enough for a word.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Why it is stopped, if it is.
    pub(super) fn look(&mut self, told: Option<Told<'_>>) -> Option<String> {
        let why = self.why(told);
        self.has_stopped = why.is_some();
        why
    }

    fn why(&mut self, told: Option<Told<'_>>) -> Option<String> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let took = since.elapsed();
        let Some(Told { kind, line, running }) = told else {
            let is_over = took >= Duration::from_millis(self.ms_max);
            return is_over.then(|| "FUNCTION LOAD timeout".to_owned());
        };
        if self.slow.is_none() && took >= Duration::from_millis(SCRIPT_SLOW_MS.min(self.busy_ms)) {
            let slow = Arc::new(Slow::new(kind, line.name.to_owned(), line.whole(), since));
            if self.has_written {
                slow.wrote();
            }
            running.begin(&slow);
            self.slow = Some(slow);
        }
        if !self.is_busy && took >= Duration::from_millis(self.busy_ms) {
            self.is_busy = true;
            running.begin_busy();
        }
        if self.slow.as_ref().is_some_and(|slow| slow.is_killed()) {
            return Some("Script killed by user with SCRIPT KILL...".to_owned());
        }
        let is_over = took >= Duration::from_millis(self.ms_max);
        is_over.then(|| format!("the script took more than {} ms and was stopped", self.ms_max))
    }

    /// It has ended.
    pub(super) fn end(&mut self, running: &Running) {
        if std::mem::take(&mut self.is_busy) {
            running.end_busy();
        }
        if let Some(slow) = self.slow.take() {
            running.end(&slow);
        }
    }
}
