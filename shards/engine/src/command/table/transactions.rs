//! Owns the rows of transactions.

use super::{ALL, ANYTIME, NONE, SESSION, row};
use crate::command::flags::Flags;
use crate::command::spec::Group::Transactions;
use crate::command::spec::Run::Front;
use crate::command::spec::{CommandSpec, FrontCommand};

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("discard", 1, SESSION, NONE, Front(FrontCommand::Discard))
        .about(Transactions, "2.0.0", "O(N) with the number of commands that wait", "Drops the commands since MULTI, and watches no key any more."),
    row("exec", 1, ANYTIME.and(Flags::NOSCRIPT).and(Flags::SKIP_SLOWLOG), NONE, Front(FrontCommand::Exec))
        .about(Transactions, "1.2.0", "depends on the commands", "Runs the commands since MULTI as one."),
    row("multi", 1, SESSION, NONE, Front(FrontCommand::Multi))
        .about(Transactions, "1.2.0", "O(1)", "Lets the commands that follow wait for EXEC."),
    row("unwatch", 1, SESSION, NONE, Front(FrontCommand::Unwatch))
        .about(Transactions, "2.2.0", "O(N) with the number of keys that are watched", "Watches no key any more."),
    row("watch", -2, SESSION, ALL, Front(FrontCommand::Watch))
        .about(Transactions, "2.2.0", "O(N) with the number of keys", "Lets EXEC run only if these keys have not changed until then."),
];
