//! Owns the rows of the cluster.

use super::{ANYTIME, NONE, SESSION, row};
use crate::command::flags::Flags;
use crate::command::spec::Group::{Cluster, Generic};
use crate::command::spec::Run::Front;
use crate::command::spec::{CommandSpec, FrontCommand};

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("wait", 3, Flags::NONE, NONE, Front(FrontCommand::Wait))
        .about(Generic, "3.0.0", "O(N) with the number of partitions", "Waits until so many other nodes have what was written before; tells how many have."),
    row("waitaof", 4, Flags::NONE, NONE, Front(FrontCommand::Waitaof))
        .about(Generic, "7.2.0", "O(N) with the number of partitions", "Waits until what was written before is on stable storage, here and on so many other nodes."),
    row("asking", 1, Flags::FAST, NONE, Front(FrontCommand::Asking))
        .about(Cluster, "3.0.0", "O(1)", "Says that the next command follows an ASK; slots move as a whole here, so there is none."),
    row("cluster", -2, ANYTIME, NONE, Front(FrontCommand::Cluster))
        .about(Cluster, "3.0.0", "O(N) with the number of partitions", "Tells who serves which slots."),
    row("readonly", 1, SESSION, NONE, Front(FrontCommand::Readonly))
        .about(Cluster, "3.0.0", "O(1)", "Lets a replica answer this connection's reads; they may be older than the leader's."),
    row("readwrite", 1, SESSION, NONE, Front(FrontCommand::Readwrite))
        .about(Cluster, "3.0.0", "O(1)", "Takes READONLY back."),
];
