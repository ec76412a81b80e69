//! Owns how much may wait for a client that is sent what it did not ask for: publishers do not wait for it, so it is closed.

use crate::config::PubsubOutput;
use crate::front::Client;

/// The limits in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListenerLimit {
    hard_bytes: usize,
    soft_bytes: usize,
    soft_ms: u64,
}

impl ListenerLimit {
    /// Out of the settings; `output_bytes_max` is what any client may have.
    pub(crate) fn new(settings: &PubsubOutput, output_bytes_max: u64) -> Self {
        let of = |bytes: u64, otherwise: u64| {
            let bytes = if bytes == 0 { otherwise } else { bytes };
            usize::try_from(bytes).unwrap_or(usize::MAX)
        };
        Self {
            hard_bytes: of(settings.hard_bytes.bytes(), output_bytes_max),
            soft_bytes: of(settings.soft_bytes.bytes(), u64::MAX),
            soft_ms: u64::from(settings.soft_s) * 1_000,
        }
    }

    /// Whether a client for which so many bytes wait is to be closed; notes since when they are many.
    #[inline]
    pub(crate) fn is_over(self, client: &mut Client, pending_bytes: usize, now_ms: u64) -> bool {
        if pending_bytes <= self.soft_bytes && pending_bytes <= self.hard_bytes {
            client.over_soft_since_ms = None;
            return false;
        }
        if pending_bytes > self.hard_bytes {
            return true;
        }
        let since_ms = *client.over_soft_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since_ms) > self.soft_ms
    }

    /// Whether a client for which so many bytes wait has had many for too long.
    pub(crate) fn is_overdue(self, client: &Client, pending_bytes: usize, now_ms: u64) -> bool {
        let is_long = |since_ms| now_ms.saturating_sub(since_ms) > self.soft_ms;
        pending_bytes > self.soft_bytes && client.over_soft_since_ms.is_some_and(is_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_runtime::ConnectionId;

    #[test]
    fn a_listener_is_closed_above_the_hard_limit_and_after_a_time_above_the_soft_one() {
        let limit = ListenerLimit { hard_bytes: 100, soft_bytes: 10, soft_ms: 1_000 };
        let connection = ConnectionId { index: 0, generation: 0 };
        let mut client = Client::new(
            connection,
            1,
            crate::front::Arrival::Plain,
            0,
            hyperion_engine::acl::Users::default().default_user(),
        );
        for (pending_bytes, now_ms, is_over) in [
            (10, 0, false),
            (11, 1_000, false),
            (100, 2_000, false),
            (11, 2_001, true),
            (5, 2_002, false),
            (11, 2_003, false),
            (11, 3_003, false),
            (11, 3_004, true),
            (101, 3_005, true),
        ] {
            let found = limit.is_over(&mut client, pending_bytes, now_ms);
            assert_eq!(found, is_over, "{pending_bytes} bytes at {now_ms}");
        }
    }

    #[test]
    fn no_limit_of_its_own_leaves_that_of_any_client() {
        let none = PubsubOutput {
            hard_bytes: crate::config::Size::from_bytes(0),
            soft_bytes: crate::config::Size::from_bytes(0),
            soft_s: 0,
        };
        let limit = ListenerLimit::new(&none, 7);
        assert_eq!(limit, ListenerLimit { hard_bytes: 7, soft_bytes: usize::MAX, soft_ms: 0 });
    }
}
