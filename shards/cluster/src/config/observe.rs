//! Owns the settings of what the node notes of its work: slow commands, latencies, refusals.

use super::limits::{ACL_LOG_LEN_DEFAULT, SLOWLOG_LEN_DEFAULT, SLOWLOG_SLOWER_THAN_US_DEFAULT};
use serde::{Deserialize, Serialize};

/// What is noted, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Observe {
    /// Time from which on a command is noted as slow, in microseconds; 0 for all, null for none.
    pub slowlog_slower_than_us: Option<u64>,
    /// Slow commands that a core keeps.
    pub slowlog_len_max: u32,
    /// Time from which on an event is noted, in milliseconds; 0 for none.
    pub latency_threshold_ms: u32,
    /// Refusals that a core keeps.
    pub acl_log_len_max: u32,
}

impl Default for Observe {
    fn default() -> Self {
        Self {
            slowlog_slower_than_us: Some(SLOWLOG_SLOWER_THAN_US_DEFAULT),
            slowlog_len_max: SLOWLOG_LEN_DEFAULT,
            latency_threshold_ms: 0,
            acl_log_len_max: ACL_LOG_LEN_DEFAULT,
        }
    }
}

impl Observe {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
