//! Owns the names of the eviction policies and what each asks for.

use crate::index::Meaning;

/// Which keys go when memory is short. The names are those of Redis' `maxmemory-policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// None: what would grow the data is refused.
    #[default]
    None,
    /// The one that was used longest ago.
    AllkeysLru,
    /// The one that is used least.
    AllkeysLfu,
    /// Any.
    AllkeysRandom,
    /// Of those that expire, the one that was used longest ago.
    VolatileLru,
    /// Of those that expire, the one that is used least.
    VolatileLfu,
    /// Of those that expire, any.
    VolatileRandom,
    /// Of those that expire, the next one to.
    VolatileTtl,
}

/// What is compared between candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Their access bits.
    Use,
    /// When they expire.
    Expiry,
    /// Nothing.
    Chance,
}

impl Policy {
    /// All of them, in the order in which Redis names them.
    pub const ALL: [Self; 8] = [
        Self::VolatileLru,
        Self::VolatileLfu,
        Self::VolatileRandom,
        Self::VolatileTtl,
        Self::AllkeysLru,
        Self::AllkeysLfu,
        Self::AllkeysRandom,
        Self::None,
    ];

    /// The name that Redis has for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "noeviction",
            Self::AllkeysLru => "allkeys-lru",
            Self::AllkeysLfu => "allkeys-lfu",
            Self::AllkeysRandom => "allkeys-random",
            Self::VolatileLru => "volatile-lru",
            Self::VolatileLfu => "volatile-lfu",
            Self::VolatileRandom => "volatile-random",
            Self::VolatileTtl => "volatile-ttl",
        }
    }

    /// The policy of this name, in lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }

    /// Whether only keys that expire may go.
    pub(super) fn is_volatile(self) -> bool {
        matches!(
            self,
            Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl
        )
    }

    pub(super) fn order(self) -> Order {
        match self {
            Self::None | Self::AllkeysRandom | Self::VolatileRandom => Order::Chance,
            Self::AllkeysLru | Self::VolatileLru | Self::AllkeysLfu | Self::VolatileLfu => {
                Order::Use
            }
            Self::VolatileTtl => Order::Expiry,
        }
    }

    pub(super) fn meaning(self) -> Meaning {
        match self {
            Self::AllkeysLru | Self::VolatileLru => Meaning::Recency,
            Self::AllkeysLfu | Self::VolatileLfu => Meaning::Count,
            _ => Meaning::Time,
        }
    }
}
