//! Owns the rows of the node.

use super::{ANYTIME, NONE, OPERATE, READ_FAST, WRITE, row};
use crate::command::flags::Flags;
use crate::command::gather::Gather;
use crate::command::spec::Group::Server;
use crate::command::spec::Run::{Every, Front};
use crate::command::spec::{CommandSpec, FrontCommand};

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("acl", -2, OPERATE, NONE, Front(FrontCommand::Acl))
        .about(Server, "6.0.0", "O(N) with the number of users", "Tells about users and changes what they may do."),
    row("bgsave", -1, OPERATE, NONE, Front(FrontCommand::Bgsave))
        .about(Server, "1.0.0", "O(1)", "Begins a snapshot; the node goes on serving."),
    row("command", -1, ANYTIME, NONE, Front(FrontCommand::Command))
        .about(Server, "2.8.13", "O(N) with the number of commands", "Tells about the commands."),
    row("config", -2, OPERATE, NONE, Front(FrontCommand::Config))
        .about(Server, "2.0.0", "O(N) with the number of settings", "Reads and changes settings."),
    row("dbsize", 1, READ_FAST, NONE, Every(Gather::Dbsize))
        .about(Server, "1.0.0", "O(1)", "Gives the number of keys in the database."),
    row("debug", -2, OPERATE, NONE, Front(FrontCommand::Debug))
        .about(Server, "1.0.0", "depends on the subcommand", "Is for tests of the node."),
    row("flushall", -1, WRITE.and(Flags::DANGEROUS), NONE, Every(Gather::Flush))
        .about(Server, "1.0.0", "O(N) with the number of keys", "Removes all keys of all databases."),
    row("flushdb", -1, WRITE.and(Flags::DANGEROUS), NONE, Every(Gather::Flush))
        .about(Server, "1.0.0", "O(N) with the number of keys", "Removes all keys of the database."),
    row("info", -1, ANYTIME.and(Flags::DANGEROUS), NONE, Front(FrontCommand::Info))
        .about(Server, "1.0.0", "O(1)", "Gives figures and facts about the node."),
    row("lastsave", 1, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Lastsave))
        .about(Server, "1.0.0", "O(1)", "Gives the Unix time of the newest snapshot."),
    row("lolwut", -1, READ_FAST, NONE, Front(FrontCommand::Lolwut))
        .about(Server, "5.0.0", "O(1)", "Draws something, and tells the version."),
    row("save", 1, OPERATE, NONE, Front(FrontCommand::Save))
        .about(Server, "1.0.0", "O(1)", "Is refused: BGSAVE does it without stopping the node."),
    row("time", 1, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Time))
        .about(Server, "2.6.0", "O(1)", "Gives the node's clock."),
];
