//! Owns the log's level, which a config changes while the node runs, and what only the environment says.

use hyperion_runtime::RingLevel;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

use crate::config::LogLevel;

type Handle = reload::Handle<LevelFilter, tracing_subscriber::Registry>;

/// The way to change the level.
#[derive(Clone)]
pub(crate) struct LogControl {
    handle: Handle,
    /// Forces what is used of the ring, for tests of older kernels' ways: HYPERION_RING_LEVEL.
    pub(crate) ring_level: Option<RingLevel>,
}

impl LogControl {
    /// Starts logging to standard error.
    pub(crate) fn start() -> Self {
        let (filter, handle) = reload::Layer::new(LevelFilter::INFO);
        let lines =
            tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
        tracing_subscriber::registry().with(filter).with(lines).init();
        let ring_level = match std::env::var("HYPERION_RING_LEVEL").as_deref() {
            Ok("6.6") => Some(RingLevel::V6_6),
            Ok("6.1") => Some(RingLevel::V6_1),
            Ok("5.15") => Some(RingLevel::V5_15),
            _ => None,
        };
        Self { handle, ring_level }
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
}
