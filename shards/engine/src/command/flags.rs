//! Owns what is said of a command beside what it does: its flags, as COMMAND INFO prints them.

/// A set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// May change data.
    pub const WRITE: Self = Self(1);
    /// Never changes data.
    pub const READONLY: Self = Self(1 << 1);
    /// Refused when memory is full.
    pub const DENYOOM: Self = Self(1 << 2);
    /// For the one who runs the node.
    pub const ADMIN: Self = Self(1 << 3);
    /// Not from a script.
    pub const NOSCRIPT: Self = Self(1 << 4);
    /// Answered while data is still being loaded.
    pub const LOADING: Self = Self(1 << 5);
    /// Answered by a node whose data may be old.
    pub const STALE: Self = Self(1 << 6);
    /// Takes the same time whatever the data.
    pub const FAST: Self = Self(1 << 7);
    /// Allowed before the password.
    pub const NO_AUTH: Self = Self(1 << 8);
    /// Not shown to one who watches the commands.
    pub const SKIP_MONITOR: Self = Self(1 << 9);
    /// Not noted as slow.
    pub const SKIP_SLOWLOG: Self = Self(1 << 10);
    /// Allowed while something else keeps the node busy.
    pub const ALLOW_BUSY: Self = Self(1 << 11);

    /// May wait for what others write.
    pub const BLOCKING: Self = Self(1 << 14);
    /// About channels.
    pub const PUBSUB: Self = Self(1 << 15);
    /// Not between MULTI and EXEC.
    pub const NO_MULTI: Self = Self(1 << 16);
    /// The words tell where the keys are.
    pub const MOVABLE_KEYS: Self = Self(1 << 17);
    /// May go without a key.
    pub const NO_MANDATORY_KEYS: Self = Self(1 << 18);
    /// Not while data is being loaded beside the old.
    pub const NO_ASYNC_LOADING: Self = Self(1 << 19);

    /// Can take long or remove much; printed as a category, not as a flag.
    pub const DANGEROUS: Self = Self(1 << 12);

    /// Writes what does not come with it: its arguments do not tell how much it writes. Not printed.
    pub const WRITES_MORE: Self = Self(1 << 13);

    const NAMES: [(Self, &'static str); 18] = [
        (Self::WRITE, "write"),
        (Self::READONLY, "readonly"),
        (Self::DENYOOM, "denyoom"),
        (Self::ADMIN, "admin"),
        (Self::NOSCRIPT, "noscript"),
        (Self::BLOCKING, "blocking"),
        (Self::PUBSUB, "pubsub"),
        (Self::LOADING, "loading"),
        (Self::STALE, "stale"),
        (Self::SKIP_MONITOR, "skip_monitor"),
        (Self::SKIP_SLOWLOG, "skip_slowlog"),
        (Self::FAST, "fast"),
        (Self::NO_AUTH, "no_auth"),
        (Self::ALLOW_BUSY, "allow_busy"),
        (Self::NO_MULTI, "no_multi"),
        (Self::MOVABLE_KEYS, "movablekeys"),
        (Self::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (Self::NO_ASYNC_LOADING, "no_async_loading"),
    ];

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every flag of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the flags that are set, in the order in which they are printed.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::NAMES.into_iter().filter(move |&(flag, _)| self.has(flag)).map(|(_, name)| name)
    }
}
