//! Owns the rows of lists, and of SORT.

use super::{GROW, GROW_FAST, ONE, READ, READ_FAST, TWO, WRITE, WRITE_FAST, any, many, row};
use crate::command::flags::Flags;
use crate::command::list;
use crate::command::sort;
use crate::command::spec::Group::{Generic, List};
use crate::command::spec::Run::Key;
use crate::command::spec::{CommandSpec, KeySpec, More};

const MOVABLE: Flags = WRITE.and(Flags::MOVABLE_KEYS);
const WAITS: Flags = WRITE.and(Flags::BLOCKING);

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("blmove", 6, GROW.and(Flags::BLOCKING), TWO, many(list::blmove))
        .about(List, "6.2.0", "O(1)", "Moves an element from one list to another; waits until there is one."),
    row("blmpop", -5, WAITS.and(Flags::MOVABLE_KEYS), KeySpec::counted(2), any(list::blmpop))
        .about(List, "7.0.0", "O(N+M) with the number of keys and of elements", "Takes elements from the first of several lists; waits until there are some."),
    row("blpop", -3, WAITS, KeySpec::each(1, -2, 1), any(list::blpop))
        .about(List, "2.0.0", "O(N) with the number of keys", "Takes the first element of a list; waits until there is one."),
    row("brpop", -3, WAITS, KeySpec::each(1, -2, 1), any(list::brpop))
        .about(List, "2.0.0", "O(N) with the number of keys", "Takes the last element of a list; waits until there is one."),
    row("brpoplpush", 4, GROW.and(Flags::BLOCKING), TWO, many(list::brpoplpush))
        .about(List, "2.2.0", "O(1)", "Moves the last element of a list to the front of another; waits until there is one."),
    row("lindex", 3, READ, ONE, Key(list::lindex))
        .about(List, "1.0.0", "O(N) with the number of chunks to the element", "Gives the element at an index."),
    row("linsert", 5, GROW, ONE, Key(list::linsert))
        .about(List, "2.2.0", "O(N) with the number of elements before the pivot", "Puts an element before or behind another."),
    row("llen", 2, READ_FAST, ONE, Key(list::llen))
        .about(List, "1.0.0", "O(1)", "Counts the elements of a list."),
    row("lmove", 5, GROW, TWO, many(list::lmove))
        .about(List, "6.2.0", "O(1)", "Moves an element from one list to another."),
    row("lmpop", -4, MOVABLE, KeySpec::counted(1), many(list::lmpop))
        .about(List, "7.0.0", "O(N+M) with the number of keys and of elements", "Takes elements from the first of several lists that has some."),
    row("lpop", -2, WRITE_FAST, ONE, Key(list::lpop))
        .about(List, "1.0.0", "O(N) with the number of elements given", "Takes the first elements of a list."),
    row("lpos", -3, READ, ONE, Key(list::lpos))
        .about(List, "6.0.6", "O(N) with the number of elements", "Tells where in a list an element is."),
    row("lpush", -3, GROW_FAST, ONE, Key(list::lpush))
        .about(List, "1.0.0", "O(N) with the number of elements put in", "Puts elements before all others."),
    row("lpushx", -3, GROW_FAST, ONE, Key(list::lpushx))
        .about(List, "2.2.0", "O(N) with the number of elements put in", "Puts elements before all others, if the list is there."),
    row("lrange", 4, READ, ONE, Key(list::lrange))
        .about(List, "1.0.0", "O(N) with the number of elements given", "Gives the elements of a range."),
    row("lrem", 4, WRITE, ONE, Key(list::lrem))
        .about(List, "1.0.0", "O(N) with the number of elements", "Removes elements that are equal to one."),
    row("lset", 4, GROW, ONE, Key(list::lset))
        .about(List, "1.0.0", "O(N) with the number of chunks to the element", "Sets the element at an index."),
    row("ltrim", 4, WRITE, ONE, Key(list::ltrim))
        .about(List, "1.0.0", "O(N) with the number of elements removed", "Removes all elements outside of a range."),
    row("rpop", -2, WRITE_FAST, ONE, Key(list::rpop))
        .about(List, "1.0.0", "O(N) with the number of elements given", "Takes the last elements of a list."),
    row("rpoplpush", 3, GROW, TWO, many(list::rpoplpush))
        .about(List, "1.2.0", "O(1)", "Moves the last element of a list to the front of another."),
    row("rpush", -3, GROW_FAST, ONE, Key(list::rpush))
        .about(List, "1.0.0", "O(N) with the number of elements put in", "Puts elements behind all others."),
    row("rpushx", -3, GROW_FAST, ONE, Key(list::rpushx))
        .about(List, "2.2.0", "O(N) with the number of elements put in", "Puts elements behind all others, if the list is there."),
    row("sort", -2, GROW.and(Flags::MOVABLE_KEYS), KeySpec::ONE.with(More::Store), many(sort::sort))
        .about(Generic, "1.0.0", "O(N+M*log(M)) with the number of elements and of those given", "Sorts the elements of a list, a set or a sorted set."),
    row("sort_ro", -2, READ.and(Flags::MOVABLE_KEYS), ONE, many(sort::sort_ro))
        .about(Generic, "7.0.0", "O(N+M*log(M)) with the number of elements and of those given", "Sorts the elements of a list, a set or a sorted set, and stores nothing."),
];
