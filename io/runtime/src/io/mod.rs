//! What a core may ask for: one `Io` a core, in parts by subject.

mod accepting;
mod committer;
mod cross_core;
mod disk;
mod file_table;
mod filling;
mod looking_in;
mod receiving;
mod securing;
mod sending;
mod state;

pub(crate) use committer::{Committer, write_durable};
pub(crate) use cross_core::CrossCore;
pub(crate) use file_table::Source;
pub(crate) use securing::{Intake, Securing};
pub use state::Io;
