//! Tables of the hash commands.

use super::limits::Sample;
use super::stage::{Stage, play};

pub(super) const SAMPLES: &[Sample] = &[
    ("hdel", "HSET h a 1 b 2", "HDEL h a"),
    ("hexists", "HSET h a 1", "HEXISTS h a"),
    ("hexpire", "HSET h a 1", "HEXPIRE h 100 FIELDS 1 a"),
    ("hexpireat", "HSET h a 1", "HEXPIREAT h 9999999999 FIELDS 1 a"),
    ("hexpiretime", "HSET h a 1", "HEXPIRETIME h FIELDS 1 a"),
    ("hget", "HSET h a 1", "HGET h a"),
    ("hgetall", "HSET h a 1", "HGETALL h"),
    ("hgetdel", "HSET h a 1 b 2", "HGETDEL h FIELDS 1 a"),
    ("hgetex", "HSET h a 1", "HGETEX h EX 100 FIELDS 1 a"),
    ("hincrby", "HSET h a 1", "HINCRBY h a 1"),
    ("hincrbyfloat", "HSET h a 1", "HINCRBYFLOAT h a 1"),
    ("hkeys", "HSET h a 1", "HKEYS h"),
    ("hlen", "HSET h a 1", "HLEN h"),
    ("hmget", "HSET h a 1", "HMGET h a"),
    ("hmset", "HSET h a 1", "HMSET h b 1"),
    ("hpersist", "HSET h a 1; HEXPIRE h 100 FIELDS 1 a", "HPERSIST h FIELDS 1 a"),
    ("hpexpire", "HSET h a 1", "HPEXPIRE h 100000 FIELDS 1 a"),
    ("hpexpireat", "HSET h a 1", "HPEXPIREAT h 9999999999000 FIELDS 1 a"),
    ("hpexpiretime", "HSET h a 1", "HPEXPIRETIME h FIELDS 1 a"),
    ("hpttl", "HSET h a 1", "HPTTL h FIELDS 1 a"),
    ("hrandfield", "HSET h a 1", "HRANDFIELD h"),
    ("hscan", "HSET h a 1", "HSCAN h 0"),
    ("hset", "HSET h a 1", "HSET h b 1"),
    ("hsetex", "HSET h a 1", "HSETEX h EX 100 FIELDS 1 b 1"),
    ("hsetnx", "HSET h a 1", "HSETNX h b 1"),
    ("hstrlen", "HSET h a 1", "HSTRLEN h a"),
    ("httl", "HSET h a 1", "HTTL h FIELDS 1 a"),
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

/// What a hash of so many fields has written, and whether who watches it was told, when one is set to what it is and to something else.
fn set_twice(fields: usize) -> [(u64, bool); 2] {
    let mut stage = Stage::new();
    for field in 0..fields {
        stage.run(&format!("HSET h field:{field} value"));
    }
    let key = stage.store.key(hyperion_model::DatabaseId(0), b"h");
    stage.store.watch(&key);
    ["value", "other"].map(|value| {
        let state = |stage: &mut Stage| {
            stage.store.observe_all();
            (stage.store.observed_position(), stage.store.watched_version(&key))
        };
        let (position, version) = state(&mut stage);
        assert_eq!(stage.run(&format!("HSET h field:1 {value}")), ":0");
        assert_eq!(stage.run("HGET h field:1"), format!("${value}"));
        let after = state(&mut stage);
        (after.0 - position, after.1 != version)
    })
}

#[test]
fn a_field_that_has_its_value_is_not_written_again_and_counts_as_changed() {
    for fields in [5, 3_000] {
        let [(same_bytes, same_tells), (other_bytes, other_tells)] = set_twice(fields);
        assert_eq!((same_bytes, same_tells), (0, true), "{fields} fields");
        assert!(other_bytes > 0 && other_tells, "{fields} fields");
    }
}

/// A packed hash, set and sorted set change in one record, which keeps when their key expires.
#[test]
fn small_collections_change_and_expire_when_they_did() {
    play(&[
        ("HSET h a 1", ":1"),
        ("EXPIRE h 100", ":1"),
        ("HSET h b 22", ":1"),
        ("HSET h a 333", ":0"),
        ("HGETALL h", "*4 $a $333 $b $22"),
        ("TTL h", ":100"),
        ("SADD s a", ":1"),
        ("EXPIRE s 100", ":1"),
        ("SADD s b", ":1"),
        ("SADD s a", ":0"),
        ("SCARD s", ":2"),
        ("TTL s", ":100"),
        ("ZADD z 2 b", ":1"),
        ("EXPIRE z 100", ":1"),
        ("ZADD z 1 c", ":1"),
        ("ZADD z 3 a", ":1"),
        ("ZADD z 1.5 a", ":0"),
        ("ZADD z 9 c", ":0"),
        ("ZADD z -0 b", ":0"),
        ("ZADD z GT 1 a", ":0"),
        ("ZADD z CH NX 1 a 4 d", ":1"),
        ("ZADD z XX CH 5 a", ":1"),
        ("ZINCRBY z 1 d", "$5"),
        ("ZRANGE z 0 -1 WITHSCORES", "*8 $b $-0 $a $5 $d $5 $c $9"),
        ("TTL z", ":100"),
        ("SADD h a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("HSET s a 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("ZADD s 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("ZADD none XX 1 a", ":0"),
        ("EXISTS none", ":0"),
    ]);
}

#[test]
fn fields_count() {
    play(&[
        ("HINCRBY h n 5", ":5"),
        ("HINCRBY h n -7", ":-2"),
        ("HINCRBY h n x", "-ERR value is not an integer or out of range"),
        ("HSET h t text m 9223372036854775807", ":2"),
        ("HINCRBY h t 1", "-ERR hash value is not an integer"),
        ("HINCRBY h m 1", "-ERR increment or decrement would overflow"),
        ("HINCRBYFLOAT h n 0.5", "$-1.5"),
        ("HINCRBYFLOAT h t 1", "-ERR hash value is not a float"),
        ("HINCRBYFLOAT h n x", "-ERR value is not a valid float"),
        ("HINCRBYFLOAT h n -inf", "-ERR value is NaN or Infinity"),
        ("HINCRBYFLOAT h n inf", "-ERR value is NaN or Infinity"),
        ("HGET h n", "$-1.5"),
    ]);
}

#[test]
fn fields_are_drawn() {
    play(&[
        ("HRANDFIELD none", "$-1"),
        ("HRANDFIELD none 3", "*0"),
        ("HSET h a 1", ":1"),
        ("HRANDFIELD h", "$a"),
        ("HRANDFIELD h 5", "*1 $a"),
        ("HRANDFIELD h -3 WITHVALUES", "*6 $a $1 $a $1 $a $1"),
        ("HRANDFIELD h 0", "*0"),
        ("HRANDFIELD h 1 x", "-ERR syntax error"),
        ("HRANDFIELD h x", "-ERR value is not an integer or out of range"),
    ]);
    let mut stage = Stage::new();
    for field in 0..2_000 {
        stage.run(&format!("HSET h {field} 1"));
    }
    for count in [1, 100, 1_000, 1_999] {
        let drawn = stage.run(&format!("HRANDFIELD h {count}"));
        let distinct: std::collections::BTreeSet<&str> = drawn.split(' ').skip(1).collect();
        assert_eq!(distinct.len(), count);
    }
}

/// Fields that are there all the time are told, whatever comes and goes between the steps.
#[test]
fn a_scan_tells_all_that_stays() {
    let mut stage = Stage::new();
    for field in 0..1_500 {
        stage.run(&format!("HSET h stays:{field} 1"));
    }
    let (mut cursor, mut told, mut steps) = ("0".to_owned(), std::collections::BTreeSet::new(), 0);
    loop {
        let answer = stage.run(&format!("HSCAN h {cursor} COUNT 20 MATCH stays:* NOVALUES"));
        let words: Vec<&str> = answer.split(' ').collect();
        cursor = words[1][1..].to_owned();
        told.extend(words[3..].iter().map(|word| word[1..].to_owned()));
        for field in 0..30 {
            stage.run(&format!("HSET h goes:{steps}:{field} 1"));
            stage.run(&format!("HDEL h goes:{}:{field}", steps - 3));
        }
        steps += 1;
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(told.len(), 1_500);
    assert!(steps > 50, "{steps} steps");
    assert_eq!(stage.run("HSCAN h x"), "-ERR invalid cursor");
    assert_eq!(stage.run("HSCAN none 0"), "*2 $0 *0");
}
