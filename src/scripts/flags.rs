//! Owns what scripts and functions say of themselves.

/// A set of flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScriptFlags(u8);

impl ScriptFlags {
    pub(crate) const NO_WRITES: Self = Self(1);
    pub(crate) const ALLOW_OOM: Self = Self(1 << 1);
    const ALLOW_STALE: Self = Self(1 << 2);
    pub(crate) const NO_CLUSTER: Self = Self(1 << 3);
    const ALLOW_CROSS_SLOT_KEYS: Self = Self(1 << 4);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::NO_WRITES, "no-writes"),
        (Self::ALLOW_OOM, "allow-oom"),
        (Self::ALLOW_STALE, "allow-stale"),
        (Self::NO_CLUSTER, "no-cluster"),
        (Self::ALLOW_CROSS_SLOT_KEYS, "allow-cross-slot-keys"),
    ];

    pub(crate) fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// Takes a flag by its name, whatever its case; `false`: there is none such.
    pub(super) fn take(&mut self, name: &[u8]) -> bool {
        let named =
            Self::NAMES.iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes()));
        if let Some((flag, _)) = named {
            self.0 |= flag.0;
        }
        named.is_some()
    }

    /// The names of all that are there.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }
}
