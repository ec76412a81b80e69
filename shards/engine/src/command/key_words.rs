//! Owns the words of COMMAND GETKEYSANDFLAGS about what commands do to each of their keys.

use super::context::is_word;
use super::spec::CommandSpec;
use crate::acl::{Access, MOVES, access_of};

/// Take what was there without telling it.
const DELETES: &[&str] = &[
    "hdel",
    "lrem",
    "ltrim",
    "srem",
    "xautoclaim",
    "xdel",
    "xtrim",
    "zrem",
    "zremrangebylex",
    "zremrangebyrank",
    "zremrangebyscore",
];
/// Add to what is there.
const INSERTS: &[&str] =
    &["append", "hsetnx", "linsert", "lpush", "lpushx", "pfadd", "rpush", "rpushx", "sadd"];
/// Write a key as a whole, whatever it was.
const OVERWRITES: &[&str] = &[
    "bitop",
    "copy",
    "geosearchstore",
    "georadius",
    "georadiusbymember",
    "mset",
    "psetex",
    "rename",
    "restore",
    "sdiffstore",
    "set",
    "setex",
    "sinterstore",
    "sort",
    "sunionstore",
    "zdiffstore",
    "zinterstore",
    "zrangestore",
    "zunionstore",
];
/// Take what was there and tell it.
const TAKES: &[&str] = &[
    "blmpop", "blpop", "brpop", "bzmpop", "bzpopmax", "bzpopmin", "getdel", "hgetdel", "lmpop",
    "lpop", "migrate", "rpop", "spop", "zmpop", "zpopmax", "zpopmin",
];

/// What the command does to its key number `number`: whether it reads or writes the key, and why.
pub(super) fn key_words(
    spec: &CommandSpec,
    line: &[&[u8]],
    number: usize,
) -> &'static [&'static str] {
    let name = spec.name;
    let is = |names: &[&str]| names.contains(&name);
    match access_of(spec, line, number) {
        Access::NONE => &["RO"],
        // It may keep its estimate in the value.
        Access::READ if is(&["pfcount", "pfdebug"]) => &["RW", "access"],
        Access::READ => &["RO", "access"],
        Access::WRITE => match name {
            "del" | "unlink" => &["RM", "delete"],
            "msetnx" | "setnx" | "renamenx" => &["OW", "insert"],
            "xgroup" => group_words(line),
            _ if is(OVERWRITES) => &["OW", "update"],
            _ if is(DELETES) => &["RW", "delete"],
            _ if is(INSERTS) || is(MOVES) => &["RW", "insert"],
            _ => &["RW", "update"],
        },
        _ if is(TAKES) || is(MOVES) => &["RW", "access", "delete"],
        _ if name == "pfmerge" => &["RW", "access", "insert"],
        _ => &["RW", "access", "update"],
    }
}

fn group_words(line: &[&[u8]]) -> &'static [&'static str] {
    let begins = |word: &str| line.get(1).is_some_and(|it| is_word(it, word));
    if begins("create") || begins("createconsumer") {
        &["RW", "insert"]
    } else if begins("destroy") || begins("delconsumer") {
        &["RW", "delete"]
    } else {
        &["RW", "update"]
    }
}
