//! Tables of the set commands.

use super::limits::Sample;
use super::stage::{Stage, play};

pub(super) const SAMPLES: &[Sample] = &[
    ("sadd", "SADD s a", "SADD s b"),
    ("scard", "SADD s a", "SCARD s"),
    ("sdiff", "SADD s a", "SDIFF s"),
    ("sdiffstore", "SADD s a", "SDIFFSTORE t s"),
    ("sinter", "SADD s a", "SINTER s"),
    ("sintercard", "SADD s a", "SINTERCARD 1 s"),
    ("sinterstore", "SADD s a", "SINTERSTORE t s"),
    ("sismember", "SADD s a", "SISMEMBER s a"),
    ("smembers", "SADD s a", "SMEMBERS s"),
    ("smismember", "SADD s a", "SMISMEMBER s a"),
    ("smove", "SADD s a b", "SMOVE s t a"),
    ("spop", "SADD s a b", "SPOP s"),
    ("srandmember", "SADD s a", "SRANDMEMBER s"),
    ("srem", "SADD s a b", "SREM s a"),
    ("sscan", "SADD s a", "SSCAN s 0"),
    ("sunion", "SADD s a", "SUNION s"),
    ("sunionstore", "SADD s a", "SUNIONSTORE t s"),
];

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

#[test]
fn members_come_and_go() {
    play(&[
        ("SADD s a b a", ":2"),
        ("SADD s a", ":0"),
        ("SCARD s", ":2"),
        ("SISMEMBER s a", ":1"),
        ("SISMEMBER s c", ":0"),
        ("SMISMEMBER s a c b", "*3 :1 :0 :1"),
        ("SMISMEMBER none a", "*1 :0"),
        ("SMEMBERS s", "*2 $a $b"),
        ("SMEMBERS none", "*0"),
        ("TYPE s", "+set"),
        ("SREM s a c", ":1"),
        ("SMOVE s t b", ":1"),
        ("EXISTS s", ":0"),
        ("SMEMBERS t", "*1 $b"),
        ("SMOVE s t b", ":0"),
        ("SMOVE t t b", ":1"),
        ("SADD s b", ":1"),
        ("SMOVE s t b", ":1"),
        ("SCARD t", ":1"),
        ("SET text 1", "+OK"),
        ("SADD text a", WRONG_TYPE),
        ("SMOVE t text b", WRONG_TYPE),
        ("SMEMBERS text", WRONG_TYPE),
        ("SPOP t", "$b"),
        ("SPOP t", "$-1"),
        ("SPOP t 2", "*0"),
        ("SPOP t -1", "-ERR value is out of range, must be positive"),
        ("EXISTS t", ":0"),
    ]);
}

#[test]
fn sets_are_combined() {
    play(&[
        ("SADD a 1 2 3 4", ":4"),
        ("SADD b 2 4 6", ":3"),
        ("SADD c 4", ":1"),
        ("SINTER a b", "*2 $2 $4"),
        ("SINTER a b c", "*1 $4"),
        ("SINTER a none", "*0"),
        ("SUNION b a none", "*5 $1 $2 $3 $4 $6"),
        ("SDIFF a b none", "*2 $1 $3"),
        ("SDIFF none a", "*0"),
        ("SINTERSTORE d a b", ":2"),
        ("SMEMBERS d", "*2 $2 $4"),
        ("SUNIONSTORE a a b", ":5"),
        ("SCARD a", ":5"),
        ("SDIFFSTORE d b a", ":0"),
        ("EXISTS d", ":0"),
        ("SET d text", "+OK"),
        ("SUNIONSTORE d c", ":1"),
        ("SMEMBERS d", "*1 $4"),
        ("SINTERCARD 2 a b", ":3"),
        ("SINTERCARD 2 a b LIMIT 1", ":1"),
        ("SINTERCARD 2 a b LIMIT 0", ":3"),
        ("SINTERCARD 0 a", "-ERR numkeys should be greater than 0"),
        ("SINTERCARD 3 a b", "-ERR Number of keys can't be greater than number of args"),
        ("SINTERCARD 1 a LIMIT -1", "-ERR LIMIT can't be negative"),
        ("SINTERCARD 1 a b", "-ERR syntax error"),
        ("SET text 1", "+OK"),
        ("SUNION a text", WRONG_TYPE),
        ("SINTER none text", WRONG_TYPE),
    ]);
}

#[test]
fn a_large_set_is_as_a_small_one() {
    let mut stage = Stage::new();
    for member in 0..2_500 {
        assert_eq!(stage.run(&format!("SADD s member:{member}")), ":1");
    }
    assert_eq!(stage.run("SUNIONSTORE t s s"), ":2500");
    assert_eq!(stage.run("SINTERCARD 2 s t"), ":2500");
    let drawn = stage.run("SRANDMEMBER s -300");
    let distinct: std::collections::BTreeSet<&str> = drawn.split(' ').skip(1).collect();
    assert!(distinct.len() > 250, "{}", distinct.len());
    let mut popped = std::collections::BTreeSet::new();
    for count in [1, 30, 700, 1_700, 500] {
        let answer = stage.run(&format!("SPOP s {count}"));
        popped.extend(answer.split(' ').skip(1).map(str::to_owned));
    }
    assert_eq!(popped.len(), 2_500);
    assert_eq!(stage.run("EXISTS s"), ":0");
}

/// A member that one command names twice counts once, also where the set becomes too large for one record in between.
#[test]
fn a_member_named_twice_counts_once() {
    let mut stage = Stage::new();
    let members: Vec<String> = (0..300).map(|at| format!("member:{}", at % 200)).collect();
    assert_eq!(stage.run(&format!("SADD s {}", members.join(" "))), ":200");
    assert_eq!(stage.run("SCARD s"), ":200");
}

#[test]
fn encodings_and_types_are_told() {
    play(&[
        ("SADD ints 1 2 3", ":3"),
        ("OBJECT ENCODING ints", "$intset"),
        ("SADD ints a", ":1"),
        ("OBJECT ENCODING ints", "$hashtable"),
        ("HSET h a 1", ":1"),
        ("OBJECT ENCODING h", "$listpack"),
        ("HSET h b xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", ":1"),
        ("OBJECT ENCODING h", "$hashtable"),
        ("SET t 1", "+OK"),
        ("OBJECT ENCODING t", "$int"),
        ("SCAN 0 COUNT 10000 TYPE set", "*2 $0 *1 $ints"),
        ("SCAN 0 COUNT 10000 TYPE HASH", "*2 $0 *1 $h"),
        ("SCAN 0 COUNT 10000 TYPE string", "*2 $0 *1 $t"),
        ("SCAN 0 COUNT 10000 TYPE zset", "*2 $0 *0"),
    ]);
    let mut stage = Stage::new();
    for member in 0..600 {
        stage.run(&format!("SADD s {member}"));
    }
    assert_eq!(stage.run("OBJECT ENCODING s"), "$hashtable");
}

#[test]
fn what_is_not_there_is_looked_at_first() {
    play(&[
        ("SET text 1", "+OK"),
        ("SMOVE none text a", ":0"),
        ("SADD s a", ":1"),
        ("SMOVE s text b", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SSCAN none 0 COUNT 0", "*2 $0 *0"),
        ("SSCAN s 0 COUNT 0", "-ERR syntax error"),
        ("HSCAN none 0 COUNT 0", "*2 $0 *0"),
        ("HSCAN none x", "-ERR invalid cursor"),
    ]);
}
