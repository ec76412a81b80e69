//! Owns the numbers that bound the files of the config.

/// What a node takes for itself, roundly: INFO counts it as used.
pub(crate) const NODE_BYTES: u64 = 1 << 20;
/// Earlier configs that are kept beside the current one.
pub(crate) const EARLIER_CONFIGS_MAX: usize = 10;
