//! Owns the rows of keys of any type.

use super::{ALL, GROW, NONE, ONE, READ, READ_FAST, SECOND, TWO, WRITE, WRITE_FAST, row};
use crate::command::flags::Flags;
use crate::command::gather::Gather;
use crate::command::spec::Group::Generic;
use crate::command::spec::Run::{self, Every, Key, Keys};
use crate::command::spec::{CommandSpec, Spread};
use crate::command::{expire, multiple, object, rdb, relocate, rename};

const DELETE: Run = Keys { local: multiple::delete, spread: Spread::Delete };
const COUNT: Run = Keys { local: multiple::count, spread: Spread::Count };
const TOUCH: Run = Keys { local: multiple::touch, spread: Spread::Touch };
const RENAME: Run = Keys { local: rename::rename, spread: Spread::Rename };
const RENAMENX: Run = Keys { local: rename::renamenx, spread: Spread::RenameNx };
const COPY: Run = Keys { local: rename::copy, spread: Spread::Copy };

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("copy", -3, GROW.and(Flags::WRITES_MORE), TWO, COPY)
        .about(Generic, "6.2.0", "O(N) with the length of the value", "Copies a key's value and time to live to another key."),
    row("del", -2, WRITE, ALL, DELETE)
        .about(Generic, "1.0.0", "O(N) with the number of keys", "Removes keys and counts those that were there."),
    row("dump", 2, READ, ONE, Key(rdb::dump))
        .about(Generic, "2.6.0", "O(N) with the size of the value", "Gives a key's value in the form of Redis' dump files, for RESTORE."),
    row("exists", -2, READ_FAST, ALL, COUNT)
        .about(Generic, "1.0.0", "O(N) with the number of keys", "Counts the keys that are there, each as often as it is named."),
    row("expire", -3, WRITE_FAST, ONE, Key(expire::expire))
        .about(Generic, "1.0.0", "O(1)", "Gives a key a time to live in seconds."),
    row("expireat", -3, WRITE_FAST, ONE, Key(expire::expireat))
        .about(Generic, "1.2.0", "O(1)", "Lets a key expire at a Unix time in seconds."),
    row("expiretime", 2, READ_FAST, ONE, Key(expire::expiretime))
        .about(Generic, "7.0.0", "O(1)", "Gives the Unix time in seconds at which a key expires."),
    row("keys", 2, READ.and(Flags::DANGEROUS), NONE, Every(Gather::Keys))
        .about(Generic, "1.0.0", "O(N) with the number of keys in the database", "Gives the names of all keys that fit a pattern."),
    row("move", 3, WRITE_FAST.and(Flags::WRITES_MORE), ONE, Keys { local: relocate::move_key, spread: Spread::Collect })
        .about(Generic, "1.0.0", "O(1), O(N) with the length of a long value", "Moves a key to another database."),
    row("object", -2, READ, SECOND, Key(object::object))
        .about(Generic, "2.2.3", "O(1)", "Tells what is known of a key beside its value."),
    row("persist", 2, WRITE_FAST, ONE, Key(expire::persist))
        .about(Generic, "2.2.0", "O(1)", "Takes a key's time to live away."),
    row("pexpire", -3, WRITE_FAST, ONE, Key(expire::pexpire))
        .about(Generic, "2.6.0", "O(1)", "Gives a key a time to live in milliseconds."),
    row("pexpireat", -3, WRITE_FAST, ONE, Key(expire::pexpireat))
        .about(Generic, "2.6.0", "O(1)", "Lets a key expire at a Unix time in milliseconds."),
    row("pexpiretime", 2, READ_FAST, ONE, Key(expire::pexpiretime))
        .about(Generic, "7.0.0", "O(1)", "Gives the Unix time in milliseconds at which a key expires."),
    row("pttl", 2, READ_FAST, ONE, Key(expire::pttl))
        .about(Generic, "2.6.0", "O(1)", "Gives a key's remaining time to live in milliseconds."),
    row("randomkey", 1, READ, NONE, Every(Gather::RandomKey))
        .about(Generic, "1.0.0", "O(1)", "Gives the name of one key, drawn by chance."),
    row("rename", 3, WRITE.and(Flags::WRITES_MORE), TWO, RENAME)
        .about(Generic, "1.0.0", "O(N) with the length of the value", "Gives a key another name; a key of that name is overwritten."),
    row("renamenx", 3, WRITE_FAST.and(Flags::WRITES_MORE), TWO, RENAMENX)
        .about(Generic, "1.0.0", "O(N) with the length of the value", "Gives a key another name if no key has it."),
    row("restore", -4, GROW.and(Flags::WRITES_MORE), ONE, Key(rdb::restore))
        .about(Generic, "2.6.0", "O(N) with the size of the value", "Sets a key to a value that DUMP gave, here or at a Redis."),
    row("scan", -2, READ, NONE, Run::Scan)
        .about(Generic, "2.8.0", "O(1) a call, O(N) for all calls with the number of keys", "Gives the names of keys a few at a time."),
    row("touch", -2, READ_FAST, ALL, TOUCH)
        .about(Generic, "3.2.1", "O(N) with the number of keys", "Counts the keys that are there and marks them as used."),
    row("ttl", 2, READ_FAST, ONE, Key(expire::ttl))
        .about(Generic, "1.0.0", "O(1)", "Gives a key's remaining time to live in seconds."),
    row("type", 2, READ_FAST, ONE, Key(rename::type_of))
        .about(Generic, "1.0.0", "O(1)", "Gives the type of a key's value."),
    row("unlink", -2, WRITE_FAST, ALL, DELETE)
        .about(Generic, "4.0.0", "O(N) with the number of keys", "Removes keys and counts those that were there, as DEL does."),
];
