//! Owns the ids: one type for each thing that is counted.

/// A core of this node; one executor, one memory partition, one log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(pub u16);

/// A contiguous run of slots, owned by one core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

/// A group of replicas that agree by Raft: 0 holds the cluster's own records, `p + 1` replicates partition `p`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl GroupId {
    /// The group of the cluster's own records: config and placement.
    pub const METADATA: Self = Self(0);

    /// The group that replicates `partition`.
    #[must_use]
    pub fn of(partition: PartitionId) -> Self {
        Self(u32::from(partition.0) + 1)
    }

    /// The partition that this group replicates; `None` for the metadata group.
    #[must_use]
    pub fn partition(self) -> Option<PartitionId> {
        u16::try_from(self.0.checked_sub(1)?).ok().map(PartitionId)
    }
}

/// One of the numbered databases that SELECT chooses, `0..DATABASES`, or the hidden one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseId(pub u8);

impl DatabaseId {
    /// What a partition keeps beside its keys: no client can choose it, no walk, count, flush or eviction meets it.
    pub const HIDDEN: Self = Self(crate::limits::DATABASES);
}

/// A transaction over several cores: start number of the node, coordinator and a count, unique for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u64);

impl TransactionId {
    /// Builds the id of transaction `count` that `coordinator` began after start number `start` of the node.
    ///
    /// Shape: 16 bits start, 12 bits core, 36 bits count.
    #[must_use]
    pub fn new(start: u16, coordinator: CoreId, count: u64) -> Self {
        Self(
            u64::from(start) << 48
                | u64::from(coordinator.0 & 0xfff) << 36
                | (count & ((1 << 36) - 1)),
        )
    }

    /// The core that decides this transaction.
    #[must_use]
    pub fn coordinator(self) -> CoreId {
        #[expect(clippy::cast_possible_truncation, reason = "masked to 12 bits")]
        CoreId((self.0 >> 36) as u16 & 0xfff)
    }
}
