//! Lists what group 0 holds: the config, the history of epochs, the placement, and the commands that change them.

mod cluster;
mod command;
mod growth;
mod history;
mod renamed;
#[cfg(test)]
mod tests;

pub use cluster::ClusterState;
pub use command::{Command, CommandError, Outcome};
pub use history::{EpochEntry, HISTORY_MAX, History};
