//! Owns who serves which partition, where there are several nodes: what a core knows of it before it routes a command.

use hyperion_model::PartitionId;

/// Who answers for a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leader {
    /// Nobody, as far as this node knows.
    #[default]
    Nobody,
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
}

impl Serving {
    pub(crate) fn new(partitions: u16) -> Self {
        let partitions = usize::from(partitions);
        Self { leaders: vec![Leader::Nobody; partitions], copies: vec![false; partitions] }
    }

    pub(crate) fn leader(&self, partition: PartitionId) -> Leader {
        self.leaders[usize::from(partition.0)]
    }

    /// Gives `true` when it was another before.
    pub(crate) fn set_leader(&mut self, partition: PartitionId, leader: Leader) -> bool {
        let place = &mut self.leaders[usize::from(partition.0)];
        std::mem::replace(place, leader) != leader
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
