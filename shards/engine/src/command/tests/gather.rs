//! Tests of the commands that every core answers a part of.

use super::recorder::Recorder;
use super::stage::{Stage, play};
use crate::command::{Gather, Part, merge};
use std::collections::BTreeMap;

#[test]
fn counts_and_flushes() {
    play(&[
        ("DBSIZE", ":0"),
        ("RANDOMKEY", "$-1"),
        ("KEYS *", "*0"),
        ("FLUSHALL", "+OK"),
        ("MSET a 1 b 2", "+OK"),
        ("DBSIZE", ":2"),
        ("select 1", "+OK"),
        ("DBSIZE", ":0"),
        ("SET c 1", "+OK"),
        ("RANDOMKEY", "$c"),
        ("KEYS *", "*1 $c"),
        ("FLUSHDB", "+OK"),
        ("DBSIZE", ":0"),
        ("SET c 1", "+OK"),
        ("select 0", "+OK"),
        ("DBSIZE", ":2"),
        ("FLUSHDB ASYNC", "+OK"),
        ("DBSIZE", ":0"),
        ("SET a 1", "+OK"),
        ("flushall sync", "+OK"),
        ("select 1", "+OK"),
        ("DBSIZE", ":0"),
        ("FLUSHALL FOO", "-ERR syntax error"),
        ("FLUSHDB SYNC ASYNC", "-ERR syntax error"),
        ("DBSIZE a", "-ERR wrong number of arguments for 'dbsize' command"),
        ("KEYS", "-ERR wrong number of arguments for 'keys' command"),
        ("RANDOMKEY a", "-ERR wrong number of arguments for 'randomkey' command"),
    ]);
}

#[test]
fn keys_are_listed_by_pattern() {
    let mut stage = Stage::new();
    for number in 0..500 {
        stage.run(&format!("SET key:{number} {number}"));
    }
    stage.run("SET other 1");
    stage.run("SET gone 1 PX 5");
    stage.wait(10);
    for (pattern, count) in
        [("*", 501), ("key:*", 500), ("key:?", 10), ("key:1[0-4]", 5), ("x*", 0)]
    {
        let reply = stage.run(&format!("KEYS {pattern}"));
        let mut words: Vec<&str> = reply.split(' ').collect();
        assert_eq!(words.remove(0), format!("*{count}"), "pattern {pattern}");
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), count, "pattern {pattern}");
    }
}

#[test]
fn the_parts_of_cores_become_one_answer() {
    let key = |name: Option<&str>, count| Part::Key {
        key: name.map(|name| name.as_bytes().to_vec()),
        count,
    };
    let list =
        |names: &[&str]| Part::KeyList(names.iter().map(|name| name.as_bytes().to_vec()).collect());
    let step = |cursor, names: &[&str]| Part::Scan {
        cursor: hyperion_store::ScanCursor(cursor),
        met: 1,
        keys: names.iter().map(|name| name.as_bytes().to_vec()).collect(),
    };
    for (gather, parts, random, reply) in [
        (Gather::Dbsize, vec![Part::Count(3), Part::Count(4)], 0, ":7"),
        (Gather::Flush, vec![Part::Done, Part::Done], 0, "+OK"),
        (Gather::Flush, vec![Part::Done, Part::Refused("ERR no".to_owned())], 0, "-ERR no"),
        (Gather::Keys, vec![list(&["a"]), list(&[]), list(&["b", "c"])], 0, "*3 $a $b $c"),
        (Gather::Scan, vec![step(9, &["a"]), step(7, &["b"])], 0, "*2 $7 *2 $a $b"),
        (Gather::Scan, vec![step(0, &[])], 0, "*2 $0 *0"),
        (Gather::RandomKey, vec![key(None, 0), key(None, 0)], 5, "$-1"),
        (Gather::RandomKey, vec![key(Some("a"), 3), key(Some("b"), 1)], 2, "$a"),
        (Gather::RandomKey, vec![key(Some("a"), 3), key(Some("b"), 1)], 3, "$b"),
        (Gather::RandomKey, vec![key(Some("a"), 3), key(Some("b"), 1)], 4, "$a"),
        // All keys of the first core have expired, and are counted still.
        (Gather::RandomKey, vec![key(None, 9), key(Some("b"), 1)], 7, "$b"),
    ] {
        let mut recorder = Recorder::default();
        let shown = format!("{gather:?} {parts:?} {random}");
        merge(gather, parts, random, &mut recorder);
        assert_eq!(recorder.text(), reply, "{shown}");
    }
}

#[test]
fn every_key_can_be_the_random_one() {
    let mut stage = Stage::new();
    for number in 0..20 {
        stage.run(&format!("SET {number} 1"));
    }
    stage.run("SET gone 1 PX 5");
    stage.wait(10);
    let mut drawn = BTreeMap::<String, u32>::new();
    for _ in 0..4_000 {
        *drawn.entry(stage.run("RANDOMKEY")).or_default() += 1;
    }
    assert_eq!(drawn.len(), 20, "{drawn:?}");
    assert!(!drawn.contains_key("$gone"));
}
