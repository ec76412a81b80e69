//! Owns what the cores hang out for the side threads: figures, a tenth of a second old at most.

use std::sync::{Mutex, PoisonError};

use super::figures::CoreFigures;

/// One place a core. A core only ever tries to take its lock, so a reader never makes it wait.
#[derive(Debug)]
pub(crate) struct Board {
    cores: Vec<Mutex<CoreFigures>>,
}

impl Board {
    pub(crate) fn new(cores: usize) -> Self {
        Self { cores: (0..cores).map(|_| Mutex::default()).collect() }
    }

    /// Puts up what a core shows, unless somebody reads there just now.
    pub(crate) fn show(&self, core: usize, figures: CoreFigures) {
        if let Ok(mut place) = self.cores[core].try_lock() {
            *place = figures;
        }
    }

    /// What all cores show.
    pub(crate) fn read(&self) -> Vec<CoreFigures> {
        self.cores
            .iter()
            .map(|place| place.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect()
    }
}
