//! Tables of the hash commands.

use super::limits::Sample;
use super::stage::{Stage, play};

pub(super) const SAMPLES: &[Sample] = &[
    ("hdel", "HSET h a 1 b 2", "HDEL h a"),
    ("hexists", "HSET h a 1", "HEXISTS h a"),
    ("hget", "HSET h a 1", "HGET h a"),
    ("hgetall", "HSET h a 1", "HGETALL h"),
    ("hkeys", "HSET h a 1", "HKEYS h"),
    ("hlen", "HSET h a 1", "HLEN h"),
    ("hmget", "HSET h a 1", "HMGET h a"),
    ("hmset", "HSET h a 1", "HMSET h b 1"),
    ("hset", "HSET h a 1", "HSET h b 1"),
    ("hsetnx", "HSET h a 1", "HSETNX h b 1"),
    ("hstrlen", "HSET h a 1", "HSTRLEN h a"),
    ("hvals", "HSET h a 1", "HVALS h"),
];

#[test]
fn fields_are_set_read_and_removed() {
    play(&[
        ("HSET h a 1 b 2", ":2"),
        ("HSET h a 3 c 4", ":1"),
        ("HGET h a", "$3"),
        ("HGET h none", "$-1"),
        ("HGET none a", "$-1"),
        ("HMGET h a none c", "*3 $3 $-1 $4"),
        ("HGETALL h", "*6 $a $3 $b $2 $c $4"),
        ("HKEYS h", "*3 $a $b $c"),
        ("HVALS h", "*3 $3 $2 $4"),
        ("HLEN h", ":3"),
        ("HSTRLEN h a", ":1"),
        ("HEXISTS h a", ":1"),
        ("HEXISTS h none", ":0"),
        ("TYPE h", "+hash"),
        ("HSETNX h a 9", ":0"),
        ("HSETNX h d 9", ":1"),
        ("HMSET h e 1", "+OK"),
        ("HDEL h a b none", ":2"),
        ("HDEL h c d e", ":3"),
        ("EXISTS h", ":0"),
        ("HLEN h", ":0"),
        ("HGETALL h", "*0"),
        ("HSET h a", "-ERR wrong number of arguments for 'hset' command"),
        ("HSET h a 1 b", "-ERR wrong number of arguments for 'hset' command"),
        ("SET s 1", "+OK"),
        ("HSET s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HGET s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HSET h a 1", ":1"),
        ("GET h", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("INCR h", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("APPEND h x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("SET h x GET", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("MGET h s", "*2 $-1 $1"),
        ("EXPIRE h 100", ":1"),
        ("HSET h b 1", ":1"),
        ("TTL h", ":100"),
        ("SET h x", "+OK"),
        ("GET h", "$x"),
    ]);
}

/// Growth from one record to many chunks and back to nothing changes no answer.
#[test]
fn a_large_hash_is_as_a_small_one() {
    let mut stage = Stage::new();
    for field in 0..3_000 {
        assert_eq!(stage.run(&format!("HSET h field:{field} value:{field}")), ":1");
    }
    assert_eq!(stage.run("HLEN h"), ":3000");
    for field in (0..3_000).step_by(7) {
        assert_eq!(stage.run(&format!("HGET h field:{field}")), format!("$value:{field}"));
        assert_eq!(stage.run(&format!("HSET h field:{field} other")), ":0");
        assert_eq!(stage.run(&format!("HGET h field:{field}")), "$other");
    }
    assert_eq!(stage.run("HGET h field:3000"), "$-1");
    assert_eq!(stage.run("HGETALL h").split(' ').count(), 6_001);
    for field in 0..3_000 {
        assert_eq!(stage.run(&format!("HDEL h field:{field} field:{field}")), ":1");
    }
    assert_eq!(stage.run("EXISTS h"), ":0");
}
