//! Owns the rows of sorted sets.

use super::{FIELD, GROW, GROW_FAST, ONE, READ, READ_FAST, TWO, WRITE, WRITE_FAST, any, many, row};
use crate::command::flags::Flags;
use crate::command::sorted_set as zset;
use crate::command::spec::Group::SortedSet;
use crate::command::spec::Run::Key;
use crate::command::spec::{CommandSpec, EntrySpec, KeySpec, More};

const COUNTED: KeySpec = KeySpec::counted(1);
const INTO: KeySpec = KeySpec::ONE.with(More::Counted { at: 2 });
const READ_COUNTED: Flags = READ.and(Flags::MOVABLE_KEYS);
const WAITS: Flags = WRITE.and(Flags::BLOCKING);
const STORE: Flags = GROW.and(Flags::WRITES_MORE);
const STORE_COUNTED: Flags = STORE.and(Flags::MOVABLE_KEYS);

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("bzmpop", -5, WAITS.and(Flags::MOVABLE_KEYS), KeySpec::counted(2), any(zset::bzmpop))
        .about(SortedSet, "7.0.0", "O(K) + O(M*log(N)) with the number of keys and of members", "Takes members out of the first sorted set that has some; waits until there are some."),
    row("bzpopmax", -3, WAITS.and(Flags::FAST), KeySpec::each(1, -2, 1), any(zset::bzpopmax))
        .about(SortedSet, "5.0.0", "O(log(N))", "Takes the member with the highest score out; waits until there is one."),
    row("bzpopmin", -3, WAITS.and(Flags::FAST), KeySpec::each(1, -2, 1), any(zset::bzpopmin))
        .about(SortedSet, "5.0.0", "O(log(N))", "Takes the member with the lowest score out; waits until there is one."),
    row("zadd", -4, GROW_FAST, ONE, Key(zset::zadd))
        .finds(EntrySpec::Scored).about(SortedSet, "1.2.0", "O(log(N)) for each member", "Adds members to a sorted set, or changes their scores."),
    row("zcard", 2, READ_FAST, ONE, Key(zset::zcard))
        .about(SortedSet, "1.2.0", "O(1)", "Counts the members of a sorted set."),
    row("zcount", 4, READ_FAST, ONE, Key(zset::zcount))
        .about(SortedSet, "2.0.0", "O(log(N))", "Counts the members in a range of scores."),
    row("zdiff", -3, READ_COUNTED, COUNTED, many(zset::zdiff))
        .about(SortedSet, "6.2.0", "O(N) with the number of members of all sets", "Gives what the first sorted set has and no other."),
    row("zdiffstore", -4, STORE_COUNTED, INTO, many(zset::zdiffstore))
        .about(SortedSet, "6.2.0", "O(N) with the number of members of all sets", "Stores what the first sorted set has and no other."),
    row("zincrby", 4, GROW_FAST, ONE, Key(zset::zincrby))
        .finds(EntrySpec::Named(3)).about(SortedSet, "1.2.0", "O(log(N))", "Adds to the score of a member."),
    row("zinter", -3, READ_COUNTED, COUNTED, many(zset::zinter))
        .about(SortedSet, "6.2.0", "O(N*K) with the smallest set and the number of sets", "Gives what all sorted sets have."),
    row("zintercard", -3, READ_COUNTED, COUNTED, many(zset::zintercard))
        .about(SortedSet, "7.0.0", "O(N*K) with the smallest set and the number of sets", "Counts what all sorted sets have."),
    row("zinterstore", -4, STORE_COUNTED, INTO, many(zset::zinterstore))
        .about(SortedSet, "2.0.0", "O(N*K) with the smallest set and the number of sets", "Stores what all sorted sets have."),
    row("zlexcount", 4, READ_FAST, ONE, Key(zset::zlexcount))
        .about(SortedSet, "2.8.9", "O(log(N))", "Counts the members in a range of members of one score."),
    row("zmpop", -4, WRITE.and(Flags::MOVABLE_KEYS), COUNTED, many(zset::zmpop))
        .about(SortedSet, "7.0.0", "O(K) + O(M*log(N)) with the number of keys and of members", "Takes the first or the last members out of the first sorted set that has some."),
    row("zmscore", -3, READ_FAST, ONE, Key(zset::zmscore))
        .about(SortedSet, "6.2.0", "O(N) with the number of members asked for", "Gives the scores of several members."),
    row("zpopmax", -2, WRITE_FAST, ONE, Key(zset::zpopmax))
        .about(SortedSet, "5.0.0", "O(M*log(N)) with the number of members", "Takes the members with the highest scores out."),
    row("zpopmin", -2, WRITE_FAST, ONE, Key(zset::zpopmin))
        .about(SortedSet, "5.0.0", "O(M*log(N)) with the number of members", "Takes the members with the lowest scores out."),
    row("zrandmember", -2, READ, ONE, Key(zset::zrandmember))
        .about(SortedSet, "6.2.0", "O(M) with the number of members given", "Gives members drawn by chance."),
    row("zrange", -4, READ, ONE, Key(zset::zrange))
        .about(SortedSet, "1.2.0", "O(log(N)+M) with the number of members given", "Gives a range of members by rank, score or name."),
    row("zrangebylex", -4, READ, ONE, Key(zset::zrangebylex))
        .about(SortedSet, "2.8.9", "O(log(N)+M) with the number of members given", "Gives a range of members of one score."),
    row("zrangebyscore", -4, READ, ONE, Key(zset::zrangebyscore))
        .about(SortedSet, "1.0.5", "O(log(N)+M) with the number of members given", "Gives the members in a range of scores."),
    row("zrangestore", -5, STORE, TWO, many(zset::zrangestore))
        .about(SortedSet, "6.2.0", "O(log(N)+M) with the number of members stored", "Stores a range of members."),
    row("zrank", -3, READ_FAST, ONE, Key(zset::zrank))
        .finds(FIELD).about(SortedSet, "2.0.0", "O(log(N))", "Gives the place of a member, from the lowest score on."),
    row("zrem", -3, WRITE_FAST, ONE, Key(zset::zrem))
        .finds(FIELD).about(SortedSet, "1.2.0", "O(M*log(N)) with the number of members", "Takes members out and counts those that were there."),
    row("zremrangebylex", 4, WRITE, ONE, Key(zset::zremrangebylex))
        .about(SortedSet, "2.8.9", "O(log(N)+M) with the number of members", "Takes a range of members of one score out."),
    row("zremrangebyrank", 4, WRITE, ONE, Key(zset::zremrangebyrank))
        .about(SortedSet, "2.0.0", "O(log(N)+M) with the number of members", "Takes a range of members out."),
    row("zremrangebyscore", 4, WRITE, ONE, Key(zset::zremrangebyscore))
        .about(SortedSet, "1.2.0", "O(log(N)+M) with the number of members", "Takes the members in a range of scores out."),
    row("zrevrange", -4, READ, ONE, Key(zset::zrevrange))
        .about(SortedSet, "1.2.0", "O(log(N)+M) with the number of members given", "Gives a range of members from the highest score on."),
    row("zrevrangebylex", -4, READ, ONE, Key(zset::zrevrangebylex))
        .about(SortedSet, "2.8.9", "O(log(N)+M) with the number of members given", "Gives a range of members of one score, from the highest on."),
    row("zrevrangebyscore", -4, READ, ONE, Key(zset::zrevrangebyscore))
        .about(SortedSet, "2.2.0", "O(log(N)+M) with the number of members given", "Gives the members in a range of scores, from the highest on."),
    row("zrevrank", -3, READ_FAST, ONE, Key(zset::zrevrank))
        .finds(FIELD).about(SortedSet, "2.0.0", "O(log(N))", "Gives the place of a member, from the highest score on."),
    row("zscan", -3, READ, ONE, Key(zset::zscan))
        .about(SortedSet, "2.8.0", "O(1) a call, O(N) for all calls with the number of members", "Gives members and scores a few at a time."),
    row("zscore", 3, READ_FAST, ONE, Key(zset::zscore))
        .finds(FIELD).about(SortedSet, "1.2.0", "O(1)", "Gives the score of a member."),
    row("zunion", -3, READ_COUNTED, COUNTED, many(zset::zunion))
        .about(SortedSet, "6.2.0", "O(N*log(N)) with the number of members of all sets", "Gives what any of the sorted sets has."),
    row("zunionstore", -4, STORE_COUNTED, INTO, many(zset::zunionstore))
        .about(SortedSet, "2.0.0", "O(N*log(N)) with the number of members of all sets", "Stores what any of the sorted sets has."),
];
