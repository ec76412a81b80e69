//! Owns the numbers that bound a stop, the rest from leads after a full disk, and the cleaner's part of a turn.

use std::time::Duration;

/// How long a node that stops hands leads over, at most; those that are left are elected anew.
pub(super) const HAND_OVER_NS: u64 = 5_000_000_000;
/// How long it stays behind that, so that everybody hears who leads now and what is still on its way here is sent on.
pub(super) const SEND_ON_NS: u64 = 300_000_000;
/// How long clients that have answers to come, or half a command sent, keep it from stopping.
pub(super) const CLOSE_NS: u64 = 1_000_000_000;
/// How long what it says of its leave holds; it is said ten times a second.
pub(super) const LEAVING_MS: u32 = 1_000;
/// How long the disk of a node must have had room before it leads again.
pub(super) const ROOM_NS: u64 = 3_000_000_000;

/// How long the cleaner works in a turn, at most: memory of a virtual machine may be many times slower for a while than its slices are made for.
pub(super) const CLEANING_MAX: Duration = Duration::from_micros(400);

const _: () = assert!(LEAVING_MS <= hyperion_wire::limits::LEAVING_MS_MAX, "it can be said");
