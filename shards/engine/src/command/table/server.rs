//! Owns the rows of the node.

use super::{ANYTIME, NONE, OPERATE, READ, READ_FAST, SECOND, WRITE, row};
use crate::command::flags::Flags;
use crate::command::gather::Gather;
use crate::command::spec::Group::Server;
use crate::command::spec::Run::{self, Every, Front, Key};
use crate::command::spec::{CommandSpec, FrontCommand, Group, More};
use crate::command::usage;

/// Refused with what to use instead.
const INSTEAD: Run = Front(FrontCommand::Instead);

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("acl", -2, OPERATE, NONE, Front(FrontCommand::Acl))
        .about(Server, "6.0.0", "O(N) with the number of users", "Tells about users and changes what they may do."),
    row("bgrewriteaof", 1, OPERATE, NONE, INSTEAD)
        .about(Server, "1.0.0", "O(1)", "Is refused: the log is cleaned all the time."),
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
    row("failover", -1, OPERATE, NONE, INSTEAD)
        .about(Server, "6.2.0", "O(1)", "Is refused: leaders are elected."),
    row("flushall", -1, WRITE.and(Flags::DANGEROUS), NONE, Every(Gather::Flush))
        .about(Server, "1.0.0", "O(N) with the number of keys", "Removes all keys of all databases."),
    row("flushdb", -1, WRITE.and(Flags::DANGEROUS), NONE, Every(Gather::Flush))
        .about(Server, "1.0.0", "O(N) with the number of keys", "Removes all keys of the database."),
    row("info", -1, ANYTIME.and(Flags::DANGEROUS), NONE, Front(FrontCommand::Info))
        .about(Server, "1.0.0", "O(1)", "Gives figures and facts about the node."),
    row("lastsave", 1, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Lastsave))
        .about(Server, "1.0.0", "O(1)", "Gives the Unix time of the newest snapshot."),
    row("latency", -2, OPERATE, NONE, Front(FrontCommand::Latency))
        .about(Server, "2.8.13", "O(N) with the number of events", "Tells what took long."),
    row("lolwut", -1, READ_FAST, NONE, Front(FrontCommand::Lolwut))
        .about(Server, "5.0.0", "O(1)", "Draws something, and tells the version."),
    row("memory", -2, READ, SECOND, Key(usage::memory))
        .about(Server, "4.0.0", "O(1)", "Tells what keys and the node take of the memory."),
    row("migrate", -6, WRITE.and(Flags::DANGEROUS).and(Flags::MOVABLE_KEYS), NONE.with(More::Migrate), INSTEAD)
        .about(Group::Generic, "2.6.0", "O(1)", "Is refused: partitions move by themselves."),
    row("module", -2, OPERATE, NONE, Front(FrontCommand::Module))
        .about(Server, "4.0.0", "O(1)", "Lists modules, of which there are none."),
    row("monitor", 1, OPERATE, NONE, Front(FrontCommand::Monitor))
        .about(Server, "1.0.0", "O(1)", "Shows the commands of all clients as they run."),
    row("psync", -3, OPERATE.and(Flags::NO_MULTI), NONE, INSTEAD)
        .about(Server, "2.8.0", "O(1)", "Is refused: nodes replicate by Raft."),
    row("replconf", -1, OPERATE, NONE, INSTEAD)
        .about(Server, "3.0.0", "O(1)", "Is refused: nodes replicate by Raft."),
    row("replicaof", 3, OPERATE, NONE, INSTEAD)
        .about(Server, "5.0.0", "O(1)", "Is refused but for NO ONE: nodes replicate by Raft."),
    row("role", 1, ANYTIME.and(Flags::FAST).and(Flags::NOSCRIPT), NONE, Front(FrontCommand::Role))
        .about(Server, "2.8.12", "O(1)", "Tells that the node takes writes, and which other nodes there are."),
    row("save", 1, OPERATE.and(Flags::NO_MULTI), NONE, INSTEAD)
        .about(Server, "1.0.0", "O(1)", "Is refused: BGSAVE does it without stopping the node."),
    row("shutdown", -1, OPERATE.and(Flags::NO_MULTI).and(Flags::ALLOW_BUSY), NONE, Front(FrontCommand::Shutdown))
        .about(Server, "1.0.0", "O(1)", "Lets the node finish what was begun and end."),
    row("slaveof", 3, OPERATE, NONE, INSTEAD)
        .about(Server, "1.0.0", "O(1)", "Is refused but for NO ONE: nodes replicate by Raft."),
    row("slowlog", -2, OPERATE, NONE, Front(FrontCommand::Slowlog))
        .about(Server, "2.2.12", "O(N) with the number of entries", "Lists commands that took long."),
    row("swapdb", 3, WRITE.and(Flags::FAST).and(Flags::NO_MULTI), NONE, Front(FrontCommand::Swapdb))
        .about(Server, "4.0.0", "O(N) with the clients that watch or wait", "Lets two databases change numbers."),
    row("sync", 1, OPERATE.and(Flags::NO_MULTI), NONE, INSTEAD)
        .about(Server, "1.0.0", "O(1)", "Is refused: nodes replicate by Raft."),
    row("time", 1, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Time))
        .about(Server, "2.6.0", "O(1)", "Gives the node's clock."),
];
