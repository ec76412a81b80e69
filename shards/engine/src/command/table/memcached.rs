//! Owns the rows of memcached's commands. They are in no list: their names mean nothing to clients, and figures count them as the commands of
//! Redis that do about the same.

use super::{COMMANDS, GROW, ONE, READ, WRITE, row};
use crate::command::flags::Flags;
use crate::command::memcached;
use crate::command::spec::Run::Key;
use crate::command::spec::{CommandSpec, Group};

/// Reads.
pub static MEMCACHED_READ: CommandSpec = hidden("memcached-read", READ, "get");
/// Writes no more than there was.
pub static MEMCACHED_CHANGE: CommandSpec = hidden("memcached-change", WRITE, "getex");
/// Writes what may need memory.
pub static MEMCACHED_STORE: CommandSpec = hidden("memcached-store", GROW, "set");

const fn hidden(name: &'static str, flags: Flags, like: &str) -> CommandSpec {
    let spec = row(name, -4, flags, ONE, Key(memcached::run));
    let spec = spec.about(
        Group::String,
        "7.2.0",
        "as the command",
        "What a client of memcached asks for.",
    );
    let mut index = 0;
    while index < COMMANDS.len() {
        if is_same(COMMANDS[index].name.as_bytes(), like.as_bytes()) {
            return CommandSpec { index: COMMANDS[index].index, ..spec };
        }
        index += 1;
    }
    panic!("there is no such command");
}

const fn is_same(left: &[u8], right: &[u8]) -> bool {
    let mut at = 0;
    while at < left.len() && at < right.len() && left[at] == right[at] {
        at += 1;
    }
    at == left.len() && at == right.len()
}

/// The row of a name that a node of the cluster sends for its clients.
#[must_use]
pub fn find_memcached(name: &[u8]) -> Option<&'static CommandSpec> {
    [&MEMCACHED_READ, &MEMCACHED_CHANGE, &MEMCACHED_STORE]
        .into_iter()
        .find(|spec| spec.name.as_bytes() == name)
}
