//! Owns the rows of hashes.

use super::{FIELD, GROW_FAST, ONE, READ, READ_FAST, WRITE_FAST, row};
use crate::command::hash;
use crate::command::spec::CommandSpec;
use crate::command::spec::Group::Hash;
use crate::command::spec::Run::Key;

#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("hdel", -3, WRITE_FAST, ONE, Key(hash::hdel))
        .finds(FIELD).about(Hash, "2.0.0", "O(N) with the number of fields", "Removes fields of a hash and counts those that were there."),
    row("hexists", 3, READ_FAST, ONE, Key(hash::hexists))
        .finds(FIELD).about(Hash, "2.0.0", "O(1)", "Tells whether a hash has a field."),
    row("hexpire", -6, GROW_FAST, ONE, Key(hash::hexpire))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Sets in how many seconds fields expire."),
    row("hexpireat", -6, GROW_FAST, ONE, Key(hash::hexpireat))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Sets at which Unix second fields expire."),
    row("hexpiretime", -5, READ_FAST, ONE, Key(hash::hexpiretime))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Tells at which Unix second fields expire."),
    row("hget", 3, READ_FAST, ONE, Key(hash::hget))
        .finds(FIELD).about(Hash, "2.0.0", "O(1)", "Gives the value of a field."),
    row("hgetall", 2, READ, ONE, Key(hash::hgetall))
        .about(Hash, "2.0.0", "O(N) with the number of fields", "Gives all fields with their values."),
    row("hgetdel", -5, WRITE_FAST, ONE, Key(hash::hgetdel))
        .about(Hash, "8.0.0", "O(N) with the number of fields given", "Gives the values of fields and removes these."),
    row("hgetex", -5, WRITE_FAST, ONE, Key(hash::hgetex))
        .about(Hash, "8.0.0", "O(N) with the number of fields given", "Gives the values of fields and sets when these expire."),
    row("hincrby", 4, GROW_FAST, ONE, Key(hash::hincrby))
        .finds(FIELD).about(Hash, "2.0.0", "O(1)", "Adds an amount to the number in a field; an absent one counts as 0."),
    row("hincrbyfloat", 4, GROW_FAST, ONE, Key(hash::hincrbyfloat))
        .finds(FIELD).about(Hash, "2.6.0", "O(1)", "Adds a decimal amount to the number in a field; an absent one counts as 0."),
    row("hkeys", 2, READ, ONE, Key(hash::hkeys))
        .about(Hash, "2.0.0", "O(N) with the number of fields", "Gives all fields of a hash."),
    row("hlen", 2, READ_FAST, ONE, Key(hash::hlen))
        .about(Hash, "2.0.0", "O(1)", "Counts the fields of a hash."),
    row("hmget", -3, READ_FAST, ONE, Key(hash::hmget))
        .about(Hash, "2.0.0", "O(N) with the number of fields", "Gives the values of several fields."),
    row("hmset", -4, GROW_FAST, ONE, Key(hash::hset))
        .about(Hash, "2.0.0", "O(N) with the number of fields", "Sets several fields; HSET does it too."),
    row("hpersist", -5, WRITE_FAST, ONE, Key(hash::hpersist))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Lets fields expire no more."),
    row("hpexpire", -6, GROW_FAST, ONE, Key(hash::hpexpire))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Sets in how many milliseconds fields expire."),
    row("hpexpireat", -6, GROW_FAST, ONE, Key(hash::hpexpireat))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Sets at which Unix millisecond fields expire."),
    row("hpexpiretime", -5, READ_FAST, ONE, Key(hash::hpexpiretime))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Tells at which Unix millisecond fields expire."),
    row("hpttl", -5, READ_FAST, ONE, Key(hash::hpttl))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Tells in how many milliseconds fields expire."),
    row("hrandfield", -2, READ, ONE, Key(hash::hrandfield))
        .about(Hash, "6.2.0", "O(N) with the number of fields given", "Gives fields of a hash, drawn by chance."),
    row("hscan", -3, READ, ONE, Key(hash::hscan))
        .about(Hash, "2.8.0", "O(1) a call, O(N) for all calls with the number of fields", "Gives the fields of a hash a few at a time."),
    row("hset", -4, GROW_FAST, ONE, Key(hash::hset))
        .finds(FIELD).about(Hash, "2.0.0", "O(N) with the number of fields", "Sets fields of a hash and counts the new ones."),
    row("hsetex", -6, GROW_FAST, ONE, Key(hash::hsetex))
        .about(Hash, "8.0.0", "O(N) with the number of fields given", "Sets fields of a hash and when these expire."),
    row("hsetnx", 4, GROW_FAST, ONE, Key(hash::hsetnx))
        .finds(FIELD).about(Hash, "2.0.0", "O(1)", "Sets a field if it is not there."),
    row("hstrlen", 3, READ_FAST, ONE, Key(hash::hstrlen))
        .finds(FIELD).about(Hash, "3.2.0", "O(1)", "Gives the length of a field's value."),
    row("httl", -5, READ_FAST, ONE, Key(hash::httl))
        .about(Hash, "7.4.0", "O(N) with the number of fields given", "Tells in how many seconds fields expire."),
    row("hvals", 2, READ, ONE, Key(hash::hvals))
        .about(Hash, "2.0.0", "O(N) with the number of fields", "Gives all values of a hash."),
];
