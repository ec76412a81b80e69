//! Tables of the commands on keys of any type.

use super::stage::{Stage, play};
use crate::command::types::{HASH, LIST};
use hyperion_model::DatabaseId;
use hyperion_store::Form;

#[test]
fn delete_and_count() {
    play(&[
        ("DEL a", ":0"),
        ("MSET a 1 b 2 c 3 d 4", "+OK"),
        ("EXISTS a b none a", ":3"),
        ("TOUCH a none b", ":2"),
        ("DEL a", ":1"),
        ("DEL a b b none c", ":2"),
        ("EXISTS a b c d", ":1"),
        ("UNLINK d d", ":1"),
        ("UNLINK d", ":0"),
        ("DBSIZE", ":0"),
        ("SET a 1 PX 20", "+OK"),
        ("SET b 1 PX 20", "+OK"),
        ("wait 30", ""),
        ("DEL a b", ":0"),
        ("TYPE a", "+none"),
        ("SET a 1", "+OK"),
        ("TYPE a", "+string"),
        ("DEL", "-ERR wrong number of arguments for 'del' command"),
        ("UNLINK", "-ERR wrong number of arguments for 'unlink' command"),
        ("EXISTS", "-ERR wrong number of arguments for 'exists' command"),
        ("TOUCH", "-ERR wrong number of arguments for 'touch' command"),
        ("TYPE", "-ERR wrong number of arguments for 'type' command"),
    ]);
}

#[test]
fn rename() {
    play(&[
        ("RENAME a b", "-ERR no such key"),
        ("RENAME a a", "-ERR no such key"),
        ("RENAMENX a b", "-ERR no such key"),
        ("RENAMENX a a", "-ERR no such key"),
        ("SET a 1 EX 10", "+OK"),
        ("RENAME a b", "+OK"),
        ("EXISTS a", ":0"),
        ("GET b", "$1"),
        ("TTL b", ":10"),
        ("RENAME b b", "+OK"),
        ("RENAMENX b b", ":0"),
        ("TTL b", ":10"),
        ("SET a 2", "+OK"),
        ("RENAMENX a b", ":0"),
        ("GET b", "$1"),
        ("RENAME a b", "+OK"),
        ("GET b", "$2"),
        ("TTL b", ":-1"),
        ("RENAMENX b c", ":1"),
        ("GET c", "$2"),
        ("EXISTS b", ":0"),
        ("DBSIZE", ":1"),
        ("SET old 1 PX 20", "+OK"),
        ("wait 30", ""),
        ("RENAMENX c old", ":1"),
        ("RENAME a", "-ERR wrong number of arguments for 'rename' command"),
        ("RENAMENX a", "-ERR wrong number of arguments for 'renamenx' command"),
    ]);
}

#[test]
fn copy() {
    play(&[
        ("COPY a b", ":0"),
        ("SET a 1 EX 10", "+OK"),
        ("COPY a b", ":1"),
        ("GET b", "$1"),
        ("TTL b", ":10"),
        ("SET a 2", "+OK"),
        ("COPY a b", ":0"),
        ("GET b", "$1"),
        ("COPY a b REPLACE", ":1"),
        ("GET b", "$2"),
        ("TTL b", ":-1"),
        ("COPY a a", "-ERR source and destination objects are the same"),
        ("COPY none none", "-ERR source and destination objects are the same"),
        ("COPY a a DB 0", "-ERR source and destination objects are the same"),
        ("COPY a a DB 1", ":1"),
        ("COPY a a db 1", ":0"),
        ("SET a 3", "+OK"),
        ("COPY a a REPLACE DB 1", ":1"),
        ("select 1", "+OK"),
        ("GET a", "$3"),
        ("DBSIZE", ":1"),
        ("COPY a c DB 0", ":1"),
        ("select 0", "+OK"),
        ("GET c", "$3"),
        ("COPY a b DB 16", "-ERR DB index is out of range"),
        ("COPY a b DB -1", "-ERR DB index is out of range"),
        ("COPY a b DB x", "-ERR value is not an integer or out of range"),
        (
            "COPY a b DB 99999999999",
            "-ERR value is out of range, value must between -2147483648 and 2147483647",
        ),
        ("COPY a b DB", "-ERR syntax error"),
        ("COPY a b FOO", "-ERR syntax error"),
        ("COPY a", "-ERR wrong number of arguments for 'copy' command"),
    ]);
}

#[test]
fn object() {
    let no_frequency = "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that \
                        when switching between policies at runtime LRU and LFU data will take some time to adjust.";
    let eleven = "12345678901";
    let (embedded, raw) = (eleven.repeat(4), eleven.repeat(4) + "x");
    play(&[
        ("OBJECT ENCODING a", "$-1"),
        ("OBJECT IDLETIME a", "$-1"),
        ("OBJECT FREQ a", "$-1"),
        ("OBJECT REFCOUNT a", "$-1"),
        ("SET a 12345", "+OK"),
        ("object encoding a", "$int"),
        ("OBJECT REFCOUNT a", ":1"),
        ("OBJECT IDLETIME a", ":0"),
        ("OBJECT FREQ a", no_frequency),
        ("SET a -9223372036854775808", "+OK"),
        ("OBJECT ENCODING a", "$int"),
        ("SET a 9223372036854775808", "+OK"),
        ("OBJECT ENCODING a", "$embstr"),
        ("SET a 012", "+OK"),
        ("OBJECT ENCODING a", "$embstr"),
        (&format!("SET a {embedded}"), "+OK"),
        ("OBJECT ENCODING a", "$embstr"),
        (&format!("SET a {raw}"), "+OK"),
        ("OBJECT ENCODING a", "$raw"),
        ("OBJECT FOO a", "-ERR unknown subcommand 'FOO'. Try OBJECT HELP."),
        ("OBJECT ENCODING", "-ERR wrong number of arguments for 'object|encoding' command"),
        ("OBJECT ENCODING a b", "-ERR wrong number of arguments for 'object|encoding' command"),
        ("OBJECT FREQ", "-ERR wrong number of arguments for 'object|freq' command"),
        ("OBJECT HELP x", "-ERR wrong number of arguments for 'object|help' command"),
        ("OBJECT", "-ERR wrong number of arguments for 'object' command"),
    ]);
    assert!(Stage::new().run("OBJECT HELP").starts_with("*11 +OBJECT <subcommand>"));
}

#[test]
fn idle_time_is_counted_from_the_last_use() {
    let mut stage = Stage::new();
    stage.run("SET a 1");
    stage.wait(200_000);
    let idle: i64 = stage.run("OBJECT IDLETIME a")[1..].parse().unwrap();
    assert!((160..=200).contains(&idle), "idle {idle} s");
    assert_eq!(stage.run("TOUCH a"), ":1");
    assert_eq!(stage.run("OBJECT IDLETIME a"), ":0");
}

#[test]
fn unknown_commands_are_named_with_what_follows() {
    let long = "x".repeat(200);
    for (line, reply) in [
        ("FOO", "-ERR unknown command 'FOO', with args beginning with: ".to_owned()),
        ("foo a b", "-ERR unknown command 'foo', with args beginning with: 'a' 'b' ".to_owned()),
        (
            "foo \\x0d\\x0a",
            "-ERR unknown command 'foo', with args beginning with: '  ' ".to_owned(),
        ),
        (
            "f\\x01\\xff\\x00o \\xff\\x00\\xff b",
            "-ERR unknown command 'f\x01\u{fffd}', with args beginning with: '\u{fffd}' 'b' "
                .to_owned(),
        ),
        (
            &format!("foo {long} b"),
            format!("-ERR unknown command 'foo', with args beginning with: '{}' ", &long[..128]),
        ),
    ] {
        assert_eq!(Stage::new().run(line), reply, "{line}");
    }
}

#[test]
fn a_value_keeps_its_type_when_it_is_renamed_or_copied() {
    let mut stage = Stage::new();
    stage.run("SET seed 1");
    let chunks = [vec![&[7; 3_000][..]], vec![&[8; 5_000][..]]];
    let packed = stage.store.key(DatabaseId(0), b"packed");
    stage.store.put_packed(&packed, HASH, &[b"fields"], None).expect("there is room");
    let long = stage.store.key(DatabaseId(0), b"long");
    stage.store.put_object(&long, LIST, &chunks, Some(u64::MAX)).expect("there is room");
    for (line, reply) in [
        ("COPY packed copy", ":1"),
        ("RENAME long moved", "+OK"),
        ("RENAMENX moved again", ":1"),
        ("COPY again copy REPLACE DB 2", ":1"),
        ("RENAME seed packed", "+OK"),
        ("TYPE packed", "+string"),
        ("TYPE copy", "+hash"),
        ("TYPE again", "+list"),
        ("TYPE long", "+none"),
        ("select 2", "+OK"),
        ("TYPE copy", "+list"),
        ("GET copy", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ] {
        assert_eq!(stage.run(line), reply, "{line}");
    }
    let copy = stage.store.key(DatabaseId(2), b"copy");
    let found = stage.store.find(&copy).expect("it was copied");
    let content = stage.store.content(&found);
    assert_eq!(content.form, Form::Chunked);
    assert_eq!(content.bytes.len(), 1 + 4 + 3_000 + 4 + 5_000, "two chunks, as they were");
    assert_eq!(stage.store.expiry_ms(&found), Some(u64::MAX));
}
