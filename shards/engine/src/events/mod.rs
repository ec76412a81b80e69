//! What happens to keys, as it is told to those who listen: keyspace events.

mod changed;
mod changes;
mod queue;
mod watch;

pub(crate) use changed::{changed_keys, may_change};
pub use changes::Change;
pub(crate) use changes::Changes;
pub(crate) use queue::of_spread;
pub use queue::{Events, KeyEvent};
pub(crate) use watch::Coming;
