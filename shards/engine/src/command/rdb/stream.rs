//! Owns a stream as a value of its own: what is read of one, and what is written.

/// A stream. Ids are the time in the high half, the sequence in the low one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::command) struct StreamValue {
    /// Each id, with its fields and values one behind the other; ids rise.
    pub(in crate::command) entries: Vec<(u128, Vec<Vec<u8>>)>,
    /// At least that of the last entry.
    pub(in crate::command) last_id: u128,
    pub(in crate::command) deleted_id: u128,
    /// Entries that were ever added.
    pub(in crate::command) added: u64,
    pub(in crate::command) groups: Vec<GroupValue>,
}

/// A group of consumers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::command) struct GroupValue {
    pub(in crate::command) name: Vec<u8>,
    pub(in crate::command) last_id: u128,
    /// Entries that it has read, if that is known.
    pub(in crate::command) read: Option<i64>,
    pub(in crate::command) consumers: Vec<ConsumerValue>,
    /// Ids rise.
    pub(in crate::command) pending: Vec<PendingValue>,
}

/// A consumer of a group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::command) struct ConsumerValue {
    pub(in crate::command) name: Vec<u8>,
    /// Unix ms.
    pub(in crate::command) seen_ms: u64,
    /// Unix ms; `None`: never.
    pub(in crate::command) active_ms: Option<u64>,
}

/// An entry that a group has given away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::command) struct PendingValue {
    pub(in crate::command) id: u128,
    /// When it was last given, Unix ms.
    pub(in crate::command) given_ms: u64,
    /// How often it was given.
    pub(in crate::command) times: u64,
    /// Place among the consumers of the group.
    pub(in crate::command) consumer: usize,
}
