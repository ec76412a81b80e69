//! The cluster as clients see it (which address serves which slots, in the words of Redis Cluster), and how this node comes to be in it.

mod agreed;
mod board;
mod command;
mod formation;
mod member;
mod settling;
mod setup;
mod standing;
#[cfg(test)]
mod tests;
mod view;
mod waiting;

pub(crate) use agreed::{agreed_in, keep_agreed};
pub(crate) use board::{ClusterBoard, Known, MOVE_BYTES_A_SECOND, NodeFigures, Seen};
pub(crate) use command::{CLUSTER_HELP, cluster};
pub(crate) use formation::{Mark, Members, keep_mark, mark_in};
pub(crate) use member::{Member, MemberPlace};
pub(crate) use settling::{Own, Report, Verdict, judge};
pub(crate) use setup::{Setup, peers_in};
pub(crate) use standing::{Conflict, Status, Take};
pub(crate) use view::ClusterView;
#[cfg(test)]
pub(crate) use view::{ViewNode, ViewPartition};
pub(crate) use waiting::evictions;
