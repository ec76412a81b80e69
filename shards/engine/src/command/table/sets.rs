//! Owns the rows of sets.

use super::{ALL, FIELD, GROW, GROW_FAST, ONE, READ, READ_FAST, TWO, WRITE_FAST, many, row};
use crate::command::flags::Flags;
use crate::command::set;
use crate::command::spec::Group::Set;
use crate::command::spec::Run::Key;
use crate::command::spec::{CommandSpec, KeySpec};

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("sadd", -3, GROW_FAST, ONE, Key(set::sadd))
        .finds(FIELD).about(Set, "1.0.0", "O(N) with the number of members", "Adds members to a set and counts the new ones."),
    row("scard", 2, READ_FAST, ONE, Key(set::scard))
        .about(Set, "1.0.0", "O(1)", "Counts the members of a set."),
    row("sdiff", -2, READ, ALL, many(set::sdiff))
        .about(Set, "1.0.0", "O(N) with the number of members of all sets", "Gives what the first set has and no other."),
    row("sdiffstore", -3, GROW, ALL, many(set::sdiffstore))
        .about(Set, "1.0.0", "O(N) with the number of members of all sets", "Stores what the first set has and no other."),
    row("sinter", -2, READ, ALL, many(set::sinter))
        .about(Set, "1.0.0", "O(N*M) with the smallest set and the number of sets", "Gives what all sets have."),
    row("sintercard", -3, READ.and(Flags::MOVABLE_KEYS), KeySpec::counted(1), many(set::sintercard))
        .about(Set, "7.0.0", "O(N*M) with the smallest set and the number of sets", "Counts what all sets have."),
    row("sinterstore", -3, GROW, ALL, many(set::sinterstore))
        .about(Set, "1.0.0", "O(N*M) with the smallest set and the number of sets", "Stores what all sets have."),
    row("sismember", 3, READ_FAST, ONE, Key(set::sismember))
        .finds(FIELD).about(Set, "1.0.0", "O(1)", "Tells whether a set has a member."),
    row("smembers", 2, READ, ONE, Key(set::smembers))
        .about(Set, "1.0.0", "O(N) with the number of members", "Gives all members of a set."),
    row("smismember", -3, READ_FAST, ONE, Key(set::smismember))
        .about(Set, "6.2.0", "O(N) with the number of members asked for", "Tells which of several members a set has."),
    row("smove", 4, WRITE_FAST, TWO, many(set::smove))
        .about(Set, "1.0.0", "O(1)", "Moves a member from one set to another."),
    row("spop", -2, WRITE_FAST, ONE, Key(set::spop))
        .about(Set, "1.0.0", "O(N) with the number of members given", "Removes members drawn by chance, and gives them."),
    row("srandmember", -2, READ, ONE, Key(set::srandmember))
        .about(Set, "1.0.0", "O(N) with the number of members given", "Gives members drawn by chance."),
    row("srem", -3, WRITE_FAST, ONE, Key(set::srem))
        .finds(FIELD).about(Set, "1.0.0", "O(N) with the number of members", "Removes members of a set and counts those that were there."),
    row("sscan", -3, READ, ONE, Key(set::sscan))
        .about(Set, "2.8.0", "O(1) a call, O(N) for all calls with the number of members", "Gives the members of a set a few at a time."),
    row("sunion", -2, READ, ALL, many(set::sunion))
        .about(Set, "1.0.0", "O(N) with the number of members of all sets", "Gives what any of the sets has."),
    row("sunionstore", -3, GROW, ALL, many(set::sunionstore))
        .about(Set, "1.0.0", "O(N) with the number of members of all sets", "Stores what any of the sets has."),
];
