//! What the nodes agree on: the config and its rules, where each partition lies, and how both change.
//!
//! Nothing here opens a file, reads a clock, waits or draws a number: those come in as arguments.
#![forbid(unsafe_code)]

pub mod change;
pub mod config;
pub mod group;
mod node_id;
pub mod placement;
pub mod start;
pub mod state;

pub use node_id::NodeId;
