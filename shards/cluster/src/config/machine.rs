//! Owns what the rules need to know of the machine: which cores a node may use, how much memory.

use super::limits::MEMORY_PERCENT_DEFAULT;

/// What a node may use of its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The numbers of the cores, rising.
    pub cores_allowed: Vec<u16>,
    /// The memory, or the control group's limit where that is lower, in bytes.
    pub memory_bytes: u64,
}

impl Machine {
    /// The memory for data when the config does not say.
    #[must_use]
    pub fn memory_bytes_default(&self) -> u64 {
        self.memory_bytes / 100 * MEMORY_PERCENT_DEFAULT
    }
}
