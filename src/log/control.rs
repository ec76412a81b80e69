//! Owns the start of the log, its level, which a config changes while the node runs, and what only the environment says.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use hyperion_runtime::RingLevel;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

use super::queue::Queue;
use crate::config::LogLevel;

type Handle = reload::Handle<LevelFilter, tracing_subscriber::Registry>;

/// The way to change the level.
#[derive(Clone)]
pub(crate) struct LogControl {
    handle: Handle,
    queue: &'static Queue,
    /// Forces what is used of the ring, for tests of older kernels' ways: HYPERION_RING_LEVEL.
    pub(crate) ring_level: Option<RingLevel>,
}

impl LogControl {
    /// Starts logging to standard error.
    pub(crate) fn start() -> Self {
        let (filter, handle) = reload::Layer::new(LevelFilter::INFO);
        let queue = Queue::of_process();
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty());
        let lines = tracing_subscriber::fmt::layer()
            .with_ansi(std::io::stderr().is_terminal() && !is_plain)
            .with_writer(queue.clone())
            .with_target(false);
        tracing_subscriber::registry().with(filter).with(lines).init();
        std::panic::set_hook(Box::new(|panic| queue.say_last(&of_panic(panic))));
        let ring_level = match std::env::var("HYPERION_RING_LEVEL").as_deref() {
            Ok("6.6") => Some(RingLevel::V6_6),
            Ok("6.1") => Some(RingLevel::V6_1),
            Ok("5.15") => Some(RingLevel::V5_15),
            _ => None,
        };
        Self { handle, queue, ring_level }
    }

    /// Sets the level from now on.
    pub(crate) fn set(&self, level: LogLevel) {
        let filter = match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        };
        // It fails only when logging itself is gone, at the very end.
        let _ = self.handle.modify(|present| *present = filter);
    }

    /// Says why the process ends, behind all else that was said; waits two seconds at most for a reader.
    pub(crate) fn say_last(&self, text: &str) {
        self.queue.say_last(text);
    }
}

/// What std says of a panic. It would write it itself, and wait for whoever does not read.
fn of_panic(panic: &PanicHookInfo) -> String {
    let thread = std::thread::current();
    let mut text = format!("thread '{}' {panic}", thread.name().unwrap_or("<unnamed>"));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text += &format!("\nstack backtrace:\n{trace}");
    }
    text
}
