//! Owns what is told of a key's uses, and what is taken over of those before it came.

use super::Store;
use crate::database::{Found, Key};

/// What is known of the uses of a key that comes from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uses {
    /// Time since the last one, in ms.
    IdleMs(u64),
    /// How often it was used, on Redis' scale.
    Frequency(u8),
}

impl Store {
    /// Time since the key was used before this lookup, in ms, in the steps of the clock of uses: 33 s and up to 25 minutes where keys
    /// are not evicted by recency.
    #[must_use]
    pub fn idle_ms(&self, found: &Found) -> u64 {
        self.access.idle_ms(found.access)
    }

    /// How often a key is used, on Redis' scale of 0 to 255; `None` unless the policy counts.
    #[must_use]
    pub fn frequency(&self, found: &Found) -> Option<u8> {
        self.access.frequency(found.access)
    }

    /// Takes over how a key was used before it came here, if the policy in force notes that. Where a change waits to be applied nothing is
    /// known of uses, and nothing taken over.
    pub fn set_uses(&mut self, key: &Key<'_>, uses: Uses) {
        let Some((spot, entry)) = self.locate(key) else { return };
        let bits = match uses {
            Uses::IdleMs(idle_ms) => self.access.bits_of_idle(idle_ms),
            Uses::Frequency(told) => self.access.bits_of_frequency(told),
        };
        if let Some(bits) = bits {
            let index = &mut self.databases[usize::from(key.database.0)][usize::from(key.local)];
            index.replace(&mut self.pool, spot, entry.with_access(bits));
        }
    }
}
