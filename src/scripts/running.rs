//! Owns which scripts run for long on the cores of a node, for who asks or stops them from another core.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::machine::Kind;

/// A script that runs for long.
#[derive(Debug)]
pub(crate) struct Slow {
    kind: Kind,
    pub(crate) name: String,
    /// The command that runs it.
    pub(crate) line: Vec<Vec<u8>>,
    since: Instant,
    /// It has changed what cannot be taken back.
    has_written: AtomicBool,
    is_killed: AtomicBool,
}

impl Slow {
    pub(super) fn new(kind: Kind, name: String, line: Vec<Vec<u8>>, since: Instant) -> Self {
        let (has_written, is_killed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { kind, name, line, since, has_written, is_killed }
    }

    pub(crate) fn duration_ms(&self) -> i64 {
        i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn is_killed(&self) -> bool {
        self.is_killed.load(Ordering::Acquire)
    }

    pub(super) fn wrote(&self) {
        self.has_written.store(true, Ordering::Release);
    }
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Running {
    slow: Mutex<Vec<Arc<Slow>>>,
    /// How many have taken so long that the node is busy.
    busy: AtomicUsize,
}

const NOT_BUSY: &str = "NOTBUSY No scripts in execution right now.";
const UNKILLABLE: &str = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.";

/// What is said while a script runs to who asked for the other kind.
fn busy_line(kind: Kind) -> String {
    let command = match kind {
        Kind::Script => "SCRIPT",
        Kind::Function => "FUNCTION",
    };
    format!(
        "BUSY Redis is busy running a script. You can only call {command} KILL or SHUTDOWN NOSAVE."
    )
}

impl Running {
    fn slow(&self) -> MutexGuard<'_, Vec<Arc<Slow>>> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, slow: &Arc<Slow>) {
        self.slow().push(Arc::clone(slow));
    }

    pub(super) fn end(&self, slow: &Arc<Slow>) {
        self.slow().retain(|it| !Arc::ptr_eq(it, slow));
    }

    /// One takes so long that the node is busy.
    pub(super) fn begin_busy(&self) {
        self.busy.fetch_add(1, Ordering::Release);
    }

    pub(super) fn end_busy(&self) {
        self.busy.fetch_sub(1, Ordering::Release);
    }

    /// Whether a script keeps the node busy.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire) > 0
    }

    /// What is said while a script keeps the node busy; `None`: it has just ended.
    pub(crate) fn busy_line(&self) -> Option<String> {
        self.slow().first().map(|first| busy_line(first.kind))
    }

    /// A function that runs.
    ///
    /// Errors: a script runs, and no function.
    pub(crate) fn of_function(&self) -> Result<Option<Arc<Slow>>, String> {
        let slow = self.slow();
        match slow.iter().find(|it| it.kind == Kind::Function) {
            Some(function) => Ok(Some(Arc::clone(function))),
            None if slow.is_empty() => Ok(None),
            None => Err(busy_line(Kind::Script)),
        }
    }

    /// Stops all, whatever they have written.
    pub(crate) fn kill_all(&self) {
        self.slow().iter().for_each(|it| it.is_killed.store(true, Ordering::Release));
    }

    /// Stops all of one kind that may be stopped.
    ///
    /// Errors: there is none, in Redis' words.
    pub(crate) fn kill(&self, kind: Kind) -> Result<(), String> {
        let slow = self.slow();
        let first = slow.first().ok_or(NOT_BUSY)?;
        let mut same = slow.iter().filter(|it| it.kind == kind).peekable();
        if same.peek().is_none() {
            return Err(busy_line(first.kind));
        }
        let free = same.filter(|it| !it.has_written.load(Ordering::Acquire));
        let killed = free.map(|it| it.is_killed.store(true, Ordering::Release)).count();
        if killed > 0 { Ok(()) } else { Err(UNKILLABLE.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_is_stopped_and_not_what_has_written() {
        let running = Running::default();
        assert_eq!(running.kill(Kind::Script), Err(NOT_BUSY.to_owned()));
        let make = |kind| Arc::new(Slow::new(kind, String::new(), Vec::new(), Instant::now()));
        let [script, function] = [Kind::Script, Kind::Function].map(make);
        running.begin(&script);
        assert_eq!(running.kill(Kind::Function), Err(busy_line(Kind::Script)));
        assert_eq!(running.of_function().err(), Some(busy_line(Kind::Script)));
        running.begin(&function);
        assert!(running.of_function().expect("it runs").is_some());
        script.wrote();
        assert_eq!(running.kill(Kind::Script), Err(UNKILLABLE.to_owned()));
        assert_eq!(running.kill(Kind::Function), Ok(()));
        assert!(function.is_killed() && !script.is_killed());
        running.end(&script);
        running.end(&function);
        assert_eq!(running.kill(Kind::Function), Err(NOT_BUSY.to_owned()));
    }
}
