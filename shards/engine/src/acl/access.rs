//! Owns what commands do to each of their keys: look at it, change it, or both.

use crate::command::{CommandSpec, Flags};

/// What is done to a key, or what a pattern allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// Neither: whether the key is there, or how long it is.
    pub const NONE: Self = Self(0);
    /// What it holds becomes known.
    pub const READ: Self = Self(1);
    /// What it holds changes.
    pub const WRITE: Self = Self(2);
    /// Both.
    pub const BOTH: Self = Self(3);

    /// Whether all of `other` is in it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Write without telling what was there.
const WRITES: &[&str] = &[
    "append",
    "del",
    "expire",
    "expireat",
    "geoadd",
    "hdel",
    "hmset",
    "hset",
    "hsetnx",
    "linsert",
    "lpush",
    "lpushx",
    "lrem",
    "lset",
    "ltrim",
    "mset",
    "msetnx",
    "persist",
    "pexpire",
    "pexpireat",
    "pfadd",
    "psetex",
    "restore",
    "rpush",
    "rpushx",
    "sadd",
    "set",
    "setex",
    "setnx",
    "setrange",
    "srem",
    "unlink",
    "xack",
    "xadd",
    "xautoclaim",
    "xclaim",
    "xdel",
    "xgroup",
    "xsetid",
    "xtrim",
    "zadd",
    "zrem",
    "zremrangebylex",
    "zremrangebyrank",
    "zremrangebyscore",
    "hexpire",
    "hexpireat",
    "hpexpire",
    "hpexpireat",
    "hpersist",
    "hsetex",
];
/// Tell of a key and not of what it holds.
const LOOKS: &[&str] = &[
    "exists",
    "hexists",
    "hlen",
    "hstrlen",
    "llen",
    "memory",
    "object",
    "scard",
    "sismember",
    "strlen",
    "touch",
    "type",
    "watch",
    "xlen",
    "zcard",
];
/// Write the first key and read the others.
const STORES: &[&str] = &[
    "geosearchstore",
    "sdiffstore",
    "sinterstore",
    "sunionstore",
    "zdiffstore",
    "zinterstore",
    "zrangestore",
    "zunionstore",
];
/// Take from the first key and write the second.
pub(crate) const MOVES: &[&str] =
    &["blmove", "brpoplpush", "lmove", "rename", "renamenx", "rpoplpush", "smove"];
/// Read in spite of what their flags say.
const READS: &[&str] = &["xread"];

/// What the command does to its key number `number`, which is the word `at`.
pub(crate) fn access_of(spec: &CommandSpec, arguments: &[&[u8]], number: usize) -> Access {
    let name = spec.name;
    let is = |names: &[&str]| names.contains(&name);
    if !spec.writes() {
        return match name {
            _ if is(LOOKS) => Access::NONE,
            _ if is(READS) || spec.flags.has(Flags::READONLY) => Access::READ,
            _ => Access::BOTH,
        };
    }
    // Options stand behind the key; those of SET behind its value too.
    let options = arguments.get(if name == "set" { 3 } else { 2 }..).unwrap_or_default();
    let has = |word: &str| options.iter().any(|it| it.eq_ignore_ascii_case(word.as_bytes()));
    match (name, number) {
        ("set", _) if has("get") => Access::BOTH,
        ("bitfield", _) if !has("set") && !has("incrby") => Access::READ,
        ("xreadgroup" | "pfdebug", _) => Access::READ,
        ("copy" | "sort" | "georadius" | "georadiusbymember", 0) => Access::READ,
        ("copy" | "sort" | "georadius" | "georadiusbymember", _) => Access::WRITE,
        ("bitop", 0) => Access::WRITE,
        ("pfmerge", 0) => Access::BOTH,
        ("bitop" | "pfmerge", _) => Access::READ,
        (_, 0) if is(STORES) => Access::WRITE,
        _ if is(STORES) => Access::READ,
        (_, 1) if is(MOVES) => Access::WRITE,
        _ if is(WRITES) => Access::WRITE,
        _ => Access::BOTH,
    }
}
