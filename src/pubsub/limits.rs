//! Owns the numbers that bound what channels may take.

/// Channels, patterns and shard channels of one client, and bytes of their names.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 1 << 20;
pub(crate) const SUBSCRIBED_BYTES_MAX: usize = 64 << 20;
/// Bytes of messages that a turn has for one other core, or for the other nodes; a publisher waits for the next turn beyond that, and
/// what nobody waits for (notifications, messages of other nodes) is dropped and counted.
pub(crate) const OUTGOING_BYTES_MAX: usize = 4 << 20;
pub(crate) const OUTGOING_MESSAGES_MAX: usize = 65_536;
/// Bytes of a message, its channel with it, that goes to other nodes; a longer one is heard on its own node alone.
pub(crate) const NODE_MESSAGE_BYTES_MAX: usize = 15 << 20;
/// Bytes of messages in one frame between nodes, about.
pub(crate) const NODE_FRAME_BYTES: usize = 1 << 20;
