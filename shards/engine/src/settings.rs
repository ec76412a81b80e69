//! Owns what the engine must be told of the config. All of it may change while it runs.

use hyperion_cluster::config::Thresholds;
use hyperion_store::Policy;

/// What an answer waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Stable storage.
    Always,
    /// The system's memory; synced every interval.
    #[default]
    Interval,
    /// The system's memory; synced when the system likes.
    Never,
}

/// By what a leader answers reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// By its lease, which counts on its clock.
    #[default]
    Lease,
    /// By asking a majority each time.
    Quorum,
}

/// The settings of one core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What an answer waits for.
    pub durability: Durability,
    /// By what reads of replicated partitions are answered.
    pub reads: Reads,
    /// This core's share of the memory for records and indexes.
    pub memory_bytes_max: u64,
    /// Less than a node can work with, if that is asked for: what all of this core's data may take. What is beyond is evicted, or refused to grow.
    pub tight_bytes: Option<u64>,
    /// Which keys go when the memory is full.
    pub eviction: Policy,
    /// Longest value.
    pub value_bytes_max: u64,
    /// From which sizes on collections are told to be in their long form.
    pub thresholds: Thresholds,
}
