//! Owns the watch over a script that runs: its time, and whether somebody stops it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::{SCRIPT_MS_MAX, SCRIPT_SLOW_MS};
use super::machine::Kind;
use super::running::{Running, Slow};
use super::work::Line;

/// What a script is watched by; it is looked at every so many instructions.
#[derive(Debug)]
pub(super) struct Watch {
    since: Instant,
    ms_max: u64,
    /// From when on the clients of its core are looked after.
    busy_ms: u64,
    /// Where it is told when it takes long; a library that is loaded is not.
    told: Option<(Kind, Rc<Line>, Arc<Running>)>,
    slow: RefCell<Option<Arc<Slow>>>,
    /// What it changed cannot be taken back.
    has_written: Cell<bool>,
    has_stopped: Cell<bool>,
}

impl Watch {
    fn new(ms_max: u64, busy_ms: u64, told: Option<(Kind, Rc<Line>, Arc<Running>)>) -> Rc<Self> {
        let (slow, has_written, has_stopped) =
            (RefCell::default(), Cell::new(false), Cell::new(false));
        Rc::new(Self {
            since: Instant::now(),
            ms_max,
            busy_ms,
            told,
            slow,
            has_written,
            has_stopped,
        })
    }

    pub(super) fn of_library(ms_max: u64) -> Rc<Self> {
        Self::new(ms_max, u64::MAX, None)
    }

    pub(super) fn of_script(
        kind: Kind,
        line: &Rc<Line>,
        running: &Arc<Running>,
        busy_ms: u64,
    ) -> Rc<Self> {
        Self::new(SCRIPT_MS_MAX, busy_ms, Some((kind, Rc::clone(line), Arc::clone(running))))
    }

    /// It has changed what cannot be taken back.
    pub(super) fn wrote(&self) {
        self.has_written.set(true);
        if let Some(slow) = &*self.slow.borrow() {
            slow.wrote();
        }
    }

    /// Whether it was stopped.
    pub(super) fn has_stopped(&self) -> bool {
        self.has_stopped.get()
    }

    /// Whether the clients of its core have waited long enough for a word.
    pub(super) fn is_busy(&self) -> bool {
        self.since.elapsed() >= Duration::from_millis(self.busy_ms)
    }

    /// Why it is stopped, if it is.
    pub(super) fn look(&self) -> Option<String> {
        let why = self.why();
        self.has_stopped.set(why.is_some());
        why
    }

    fn why(&self) -> Option<String> {
        let took = self.since.elapsed();
        let Some((kind, line, running)) = &self.told else {
            let is_over = took >= Duration::from_millis(self.ms_max);
            return is_over.then(|| "FUNCTION LOAD timeout".to_owned());
        };
        let mut slow = self.slow.borrow_mut();
        if slow.is_none() && took >= Duration::from_millis(SCRIPT_SLOW_MS.min(self.busy_ms)) {
            let told = Arc::new(Slow::new(*kind, line.name.clone(), line.whole(), self.since));
            if self.has_written.get() {
                told.wrote();
            }
            running.begin(&told);
            *slow = Some(told);
        }
        if slow.as_ref().is_some_and(|slow| slow.is_killed()) {
            return Some("Script killed by user with SCRIPT KILL...".to_owned());
        }
        let is_over = took >= Duration::from_millis(self.ms_max);
        is_over.then(|| format!("the script took more than {} ms and was stopped", self.ms_max))
    }

    /// It has ended.
    pub(super) fn end(&self) {
        if let (Some(slow), Some((_, _, running))) = (self.slow.take(), &self.told) {
            running.end(&slow);
        }
    }
}
