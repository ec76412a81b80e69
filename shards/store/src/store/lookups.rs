//! Owns the count of lookups: what reads found and what they missed.

use super::Store;

/// How many lookups found a key, and how many did not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// The key was there.
    pub hits: u64,
    /// It was not, or had expired.
    pub misses: u64,
}

impl Store {
    /// Lookups that were counted since the start or since they were set.
    #[must_use]
    #[inline]
    pub fn lookups(&self) -> Lookups {
        self.lookups
    }

    pub(crate) fn lookups_hit(&mut self) {
        self.lookups.hits += 1;
    }

    pub(crate) fn lookups_missed(&mut self) {
        self.lookups.misses += 1;
    }

    /// Sets the count: to take lookups out of it that are part of a write, or to begin anew.
    #[inline]
    pub fn set_lookups(&mut self, lookups: Lookups) {
        self.lookups = lookups;
    }
}
