//! Owns the rows of scripts.

use super::{NONE, row};
use crate::command::flags::Flags;
use crate::command::spec::Group::Scripting;
use crate::command::spec::Run::Front;
use crate::command::spec::{CommandSpec, FrontCommand, KeySpec};

const RUN: Flags = Flags::NOSCRIPT
    .and(Flags::STALE)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::MOVABLE_KEYS);
const RUN_RO: Flags = RUN.and(Flags::READONLY);
const SCRIPT: Flags = Flags::NOSCRIPT;
const COUNTED: KeySpec = KeySpec::counted(2);

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("eval", -3, RUN, COUNTED, Front(FrontCommand::Eval))
        .about(Scripting, "2.6.0", "depends on the script", "Runs a Lua script as one command."),
    row("eval_ro", -3, RUN_RO, COUNTED, Front(FrontCommand::Eval))
        .about(Scripting, "7.0.0", "depends on the script", "Runs a Lua script that only reads."),
    row("evalsha", -3, RUN, COUNTED, Front(FrontCommand::Evalsha))
        .about(Scripting, "2.6.0", "depends on the script", "Runs a Lua script by the SHA1 of its text."),
    row("evalsha_ro", -3, RUN_RO, COUNTED, Front(FrontCommand::Evalsha))
        .about(Scripting, "7.0.0", "depends on the script", "Runs a Lua script that only reads by the SHA1 of its text."),
    row("fcall", -3, RUN, COUNTED, Front(FrontCommand::Fcall))
        .about(Scripting, "7.0.0", "depends on the function", "Runs a function of a library."),
    row("fcall_ro", -3, RUN_RO, COUNTED, Front(FrontCommand::Fcall))
        .about(Scripting, "7.0.0", "depends on the function", "Runs a function of a library that only reads."),
    row("function", -2, SCRIPT, NONE, Front(FrontCommand::Function))
        .about(Scripting, "7.0.0", "depends on the subcommand", "Keeps libraries of functions."),
    row("script", -2, SCRIPT, NONE, Front(FrontCommand::Script))
        .about(Scripting, "2.6.0", "O(1), O(N) with the length of a text", "Loads, looks up and forgets scripts."),
];
