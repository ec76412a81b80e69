//! What a caller may choose about the cores.

use std::time::Duration;

use crate::{RingLevel, limits};

/// Options of all cores of one process. `Default` gives one core on cpu 0 and the limits of
/// [`crate::limits`].
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// The cpu of each core; the same cpu twice is allowed.
    pub cpus: Vec<usize>,
    /// Forces what is used of the ring; `None` probes downwards.
    pub level: Option<RingLevel>,
    /// How long a core polls its mailboxes and its ring before it sleeps, in microseconds; 0 is
    /// off.
    pub spin_us: u64,
    /// Time between two calls of `Core::tick`.
    pub tick_interval: Duration,
    /// Entries of the submission queue.
    pub ring_entries: u32,
    /// Entries of the completion queue.
    pub completion_entries: u32,
    /// Receive buffers of one core; a power of two.
    pub receive_buffers: u16,
    /// Bytes of one receive buffer.
    pub receive_buffer_bytes: u32,
    /// Open connections of one core; `Io::open` gives the socket back beyond it.
    pub connections_max: usize,
    /// Messages from one core to another; a power of two.
    pub mailbox_capacity: usize,
    /// Accepted sockets of one core that may wait for a turn before accepting itself is stopped; at least 1.
    pub accepted_waiting_max: usize,
    /// Sockets given to the core in one turn.
    pub accepts_a_turn: usize,
}

impl Default for RuntimeOptions {
    fn default() -> RuntimeOptions {
        RuntimeOptions {
            cpus: vec![0],
            level: None,
            spin_us: 0,
            tick_interval: limits::TICK_INTERVAL,
            ring_entries: limits::RING_ENTRIES,
            completion_entries: limits::COMPLETION_ENTRIES,
            receive_buffers: limits::RECEIVE_BUFFERS,
            receive_buffer_bytes: limits::RECEIVE_BUFFER_BYTES,
            connections_max: limits::CONNECTIONS_MAX,
            mailbox_capacity: limits::MAILBOX_CAPACITY,
            accepted_waiting_max: limits::ACCEPTED_WAITING_MAX,
            accepts_a_turn: limits::ACCEPTS_A_TURN,
        }
    }
}

impl RuntimeOptions {
    /// Checks the values that the code relies on.
    pub(crate) fn check(&self) -> Result<(), crate::RuntimeError> {
        let cores = self.cpus.len();
        let rules: [(&str, String, bool, &str); 8] = [
            ("cpus", format!("{:?}", self.cpus), cores > 0, "name at least one cpu"),
            (
                "tick_interval",
                format!("{:?}", self.tick_interval),
                !self.tick_interval.is_zero(),
                "it must be longer than zero",
            ),
            (
                "ring_entries",
                self.ring_entries.to_string(),
                (8..=32_768).contains(&self.ring_entries),
                "it must be 8 to 32768",
            ),
            (
                "completion_entries",
                self.completion_entries.to_string(),
                self.completion_entries >= self.ring_entries && self.completion_entries <= 65_536,
                "it must be at least ring_entries and at most 65536",
            ),
            (
                "receive_buffers",
                self.receive_buffers.to_string(),
                self.receive_buffers.is_power_of_two() && self.receive_buffers <= 32_768,
                "it must be a power of two up to 32768",
            ),
            (
                "receive_buffer_bytes",
                self.receive_buffer_bytes.to_string(),
                (64..=1 << 20).contains(&self.receive_buffer_bytes),
                "it must be 64 bytes to 1 MiB",
            ),
            (
                "connections_max",
                self.connections_max.to_string(),
                (1..=limits::CONNECTION_INDEX_MAX).contains(&self.connections_max),
                "it must be 1 to 2^28",
            ),
            (
                "mailbox_capacity",
                self.mailbox_capacity.to_string(),
                self.mailbox_capacity.is_power_of_two() && self.mailbox_capacity <= 1 << 20,
                "it must be a power of two up to 2^20",
            ),
        ];
        for (option, value, holds, need) in rules {
            if !holds {
                return Err(crate::RuntimeError::BadOption { option, value, need });
            }
        }
        if self.accepts_a_turn == 0 {
            return Err(crate::RuntimeError::BadOption {
                option: "accepts_a_turn",
                value: "0".to_string(),
                need: "it must be at least 1",
            });
        }
        Ok(())
    }
}
