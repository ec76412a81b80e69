//! Owns the rows of strings.

use super::{ALL, GROW, GROW_FAST, ONE, PAIRS, READ, READ_FAST, TWO, WRITE_FAST, row};
use crate::command::flags::Flags;
use crate::command::spec::Group::String;
use crate::command::spec::Run::{self, Key, Keys};
use crate::command::spec::{CommandSpec, Spread};
use crate::command::{counter, lcs, multiple, range, string};

const MSET: Run = Keys { local: multiple::mset, spread: Spread::Mset };
const MSETNX: Run = Keys { local: multiple::msetnx, spread: Spread::Msetnx };
const LCS: Run = Keys { local: lcs::lcs, spread: Spread::Collect };
const MGET: Run = Keys { local: multiple::mget, spread: Spread::Mget };

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("append", 3, GROW_FAST, ONE, Key(range::append))
        .about(String, "2.0.0", "O(N) with the length of the value", "Puts bytes behind a key's value; makes the key when it is absent."),
    row("decr", 2, GROW_FAST, ONE, Key(counter::decr))
        .about(String, "1.0.0", "O(1)", "Takes one from the number under a key; an absent key counts as 0."),
    row("decrby", 3, GROW_FAST, ONE, Key(counter::decrby))
        .about(String, "1.0.0", "O(1)", "Takes an amount from the number under a key; an absent key counts as 0."),
    row("get", 2, READ_FAST, ONE, Key(string::get))
        .about(String, "1.0.0", "O(1)", "Gives the value of a key."),
    row("getdel", 2, WRITE_FAST, ONE, Key(string::getdel))
        .about(String, "6.2.0", "O(1)", "Gives the value of a key and removes the key."),
    row("getex", -2, WRITE_FAST, ONE, Key(string::getex))
        .about(String, "6.2.0", "O(1)", "Gives the value of a key and sets or clears its time to live."),
    row("getrange", 4, READ, ONE, Key(range::getrange))
        .about(String, "2.4.0", "O(N) with the length of the answer", "Gives a part of a key's value."),
    row("getset", 3, GROW_FAST, ONE, Key(string::getset))
        .about(String, "1.0.0", "O(1)", "Sets a key and gives the value it had."),
    row("incr", 2, GROW_FAST, ONE, Key(counter::incr))
        .about(String, "1.0.0", "O(1)", "Adds one to the number under a key; an absent key counts as 0."),
    row("incrby", 3, GROW_FAST, ONE, Key(counter::incrby))
        .about(String, "1.0.0", "O(1)", "Adds an amount to the number under a key; an absent key counts as 0."),
    row("incrbyfloat", 3, GROW_FAST, ONE, Key(counter::incrbyfloat))
        .about(String, "2.6.0", "O(1)", "Adds a decimal amount to the number under a key; an absent key counts as 0."),
    row("lcs", -3, READ, TWO, LCS)
        .about(String, "7.0.0", "O(N*M) with the lengths of the strings", "Finds the longest common subsequence of two strings."),
    row("mget", -2, READ_FAST, ALL, MGET)
        .about(String, "1.0.0", "O(N) with the number of keys", "Gives the values of several keys, as of one moment."),
    row("mset", -3, GROW, PAIRS, MSET)
        .about(String, "1.0.1", "O(N) with the number of keys", "Sets several keys at once: all of them or none."),
    row("msetnx", -3, GROW, PAIRS, MSETNX)
        .about(String, "1.0.1", "O(N) with the number of keys", "Sets several keys at once if none of them is there."),
    row("psetex", 4, GROW, ONE, Key(string::psetex))
        .about(String, "2.6.0", "O(1)", "Sets a key with a time to live in milliseconds."),
    row("set", -3, GROW, ONE, Key(string::set))
        .about(String, "1.0.0", "O(1)", "Sets a key, whatever it held before; options say when, and how long it lives."),
    row("setex", 4, GROW, ONE, Key(string::setex))
        .about(String, "2.0.0", "O(1)", "Sets a key with a time to live in seconds."),
    row("setnx", 3, GROW_FAST, ONE, Key(string::setnx))
        .about(String, "1.0.0", "O(1)", "Sets a key if it is not there."),
    row("setrange", 4, GROW.and(Flags::WRITES_MORE), ONE, Key(range::setrange))
        .about(String, "2.2.0", "O(N) with the length of the value", "Overwrites a part of a key's value; a gap becomes zeros."),
    row("strlen", 2, READ_FAST, ONE, Key(string::strlen))
        .about(String, "2.2.0", "O(1)", "Gives the length of a key's value in bytes."),
    row("substr", 4, READ, ONE, Key(range::getrange))
        .about(String, "1.0.0", "O(N) with the length of the answer", "Gives a part of a key's value; GETRANGE is its newer name."),
];
