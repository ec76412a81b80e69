//! Owns the rows of the connection.

use super::{ANYTIME, NONE, SESSION, row};
use crate::command::flags::Flags;
use crate::command::spec::Group::Connection;
use crate::command::spec::Run::Front;
use crate::command::spec::{CommandSpec, FrontCommand};

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("auth", -2, SESSION.and(Flags::NO_AUTH), NONE, Front(FrontCommand::Auth))
        .about(Connection, "1.0.0", "O(1)", "Gives the password."),
    row("client", -2, Flags::NONE, NONE, Front(FrontCommand::Client))
        .about(Connection, "2.4.0", "O(1), O(N) with the number of clients for LIST and KILL", "Tells about clients and changes how this one is served."),
    row("echo", 2, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Echo))
        .about(Connection, "1.0.0", "O(1)", "Says back what it was given."),
    row("hello", -1, SESSION.and(Flags::NO_AUTH), NONE, Front(FrontCommand::Hello))
        .about(Connection, "6.0.0", "O(1)", "Chooses the version of the protocol; may give the password and a name too."),
    row("ping", -1, Flags::FAST, NONE, Front(FrontCommand::Ping))
        .about(Connection, "1.0.0", "O(1)", "Answers PONG, or what it was given."),
    row("quit", -1, SESSION.and(Flags::NO_AUTH), NONE, Front(FrontCommand::Quit))
        .about(Connection, "1.0.0", "O(1)", "Ends the connection."),
    row("reset", 1, SESSION.and(Flags::NO_AUTH), NONE, Front(FrontCommand::Reset))
        .about(Connection, "6.2.0", "O(1)", "Makes the connection as if it were new."),
    row("select", 2, ANYTIME.and(Flags::FAST), NONE, Front(FrontCommand::Select))
        .about(Connection, "1.0.0", "O(1)", "Chooses the database."),
];
