//! Owns the numbers that bound the files of the config.

/// Earlier configs that are kept beside the current one.
pub(crate) const EARLIER_CONFIGS_MAX: usize = 10;
