//! Owns who serves which partition, where there are several nodes: what a core knows of it before it routes a command.

use hyperion_model::PartitionId;

/// Who answers for a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leader {
    /// Nobody, as far as this node knows.
    #[default]
    Nobody,
    /// Somebody soon: commands wait for that here, for a while.
    Changing,
    /// This node.
    Own,
    /// That node, by its number in the config.
    Node(u32),
}

/// What one core knows of all partitions of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Serving {
    /// By partition.
    leaders: Vec<Leader>,
    /// By partition: this node has a copy that may answer reads of who takes older answers.
    copies: Vec<bool>,
    /// Partitions of this core whose leader changes, and since when.
    changing: Vec<(PartitionId, u64)>,
}

impl Serving {
    pub(crate) fn new(partitions: u16) -> Self {
        let partitions = usize::from(partitions);
        Self {
            leaders: vec![Leader::Nobody; partitions],
            copies: vec![false; partitions],
            changing: Vec::new(),
        }
    }

    pub(crate) fn leader(&self, partition: PartitionId) -> Leader {
        self.leaders[usize::from(partition.0)]
    }

    /// Gives `true` when it was another before.
    pub(crate) fn set_leader(&mut self, partition: PartitionId, leader: Leader) -> bool {
        let place = &mut self.leaders[usize::from(partition.0)];
        std::mem::replace(place, leader) != leader
    }

    /// The leader of a partition changes from `now_ns` on, unless it did before.
    pub(crate) fn set_changing(&mut self, partition: PartitionId, now_ns: u64) {
        if !self.changing.iter().any(|(other, _)| *other == partition) {
            self.changing.push((partition, now_ns));
        }
    }

    /// Partitions whose leader has been changing since before `since_ns`; they are told once. Those that have a leader are forgotten.
    pub(crate) fn overdue(&mut self, since_ns: u64) -> Vec<PartitionId> {
        let leaders = &self.leaders;
        self.changing.retain(|(it, _)| leaders[usize::from(it.0)] == Leader::Changing);
        self.changing.extract_if(.., |(_, at_ns)| *at_ns < since_ns).map(|(it, _)| it).collect()
    }

    /// Whether a command about the partition waits here for its next leader.
    pub(crate) fn awaits(&self, partition: PartitionId) -> bool {
        self.leader(partition) == Leader::Changing
    }

    /// Whether this node has a copy that may answer reads of who takes older answers.
    pub(crate) fn has_copy(&self, partition: PartitionId) -> bool {
        self.copies[usize::from(partition.0)]
    }

    pub(crate) fn set_copy(&mut self, partition: PartitionId, has: bool) {
        self.copies[usize::from(partition.0)] = has;
    }

    /// Whether this node may run a command about the partition.
    #[inline]
    pub(crate) fn serves(&self, partition: PartitionId, from_replica: bool) -> bool {
        self.leader(partition) == Leader::Own
            || from_replica && self.copies[usize::from(partition.0)]
    }

    /// Whether a walk over all keys of this node is to tell those of the partition: each key is told by one node alone.
    pub(crate) fn tells(&self, partition: PartitionId) -> bool {
        self.leader(partition) == Leader::Own
    }
}
