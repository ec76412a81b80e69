//! The core's own io_uring: what the kernel offers, its queues, its receive buffers, its tokens.

mod buffers;
mod level;
mod queue;
mod token;

pub(crate) use buffers::ReceiveBuffers;
pub use level::RingLevel;
pub(crate) use level::check_permission;
pub(crate) use queue::{Completion, Ring};
pub(crate) use token::{Operation, Token};
