//! What happens to keys, as it is told to those who listen: keyspace events.

mod queue;
mod watch;

pub(crate) use queue::of_spread;
pub use queue::{Events, KeyEvent};
