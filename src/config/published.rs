//! Owns the config that is in force, for readers that must not wait while a new one is written.

use std::sync::{Arc, PoisonError, RwLock};

use hyperion_cluster::config::Config;

use super::resolve::Resolved;
use super::tls::NodeTls;

/// A config in force.
#[derive(Debug)]
pub(crate) struct Current {
    /// The config as the file has it.
    pub(crate) config: Config,
    /// The hash of its canonical form.
    pub(crate) hash: String,
    /// What the node runs with: the file with the flags of this start over it.
    pub(crate) resolved: Arc<Resolved>,
}

/// The place where the config in force is found; the lock is held to copy a pointer, never longer.
#[derive(Debug)]
pub(crate) struct Published {
    current: RwLock<Arc<Current>>,
    tls: RwLock<Option<Arc<NodeTls>>>,
}

impl Published {
    /// Begins with a config.
    pub(crate) fn new(current: Current, tls: Option<Arc<NodeTls>>) -> Self {
        Self { current: RwLock::new(Arc::new(current)), tls: RwLock::new(tls) }
    }

    /// What TLS is spoken with.
    pub(crate) fn tls(&self) -> Option<Arc<NodeTls>> {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has TLS spoken with something else, by connections that are yet to come.
    pub(crate) fn set_tls(&self, tls: Option<Arc<NodeTls>>) {
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    /// The config in force.
    pub(crate) fn get(&self) -> Arc<Current> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in force.
    pub(crate) fn set(&self, current: Current) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(current);
    }
}

impl Current {
    /// The config with the epoch and the parent of the next one, ready to edit.
    pub(crate) fn next(&self) -> Config {
        self.config.next()
    }
}
