//! The cluster as clients see it: which address serves which slots, in the words of Redis Cluster.

mod board;
mod command;
mod formation;
mod setup;
#[cfg(test)]
mod tests;
mod view;

pub(crate) use board::{ClusterBoard, Known, MOVE_BYTES_A_SECOND};
pub(crate) use command::{CLUSTER_HELP, cluster};
pub(crate) use formation::{Decision, Formation};
pub(crate) use setup::Setup;
pub(crate) use view::ClusterView;
#[cfg(test)]
pub(crate) use view::{ViewNode, ViewPartition};
