//! Tests of long keys, long values, and of commands that find no room.

use super::recorder::Recorder;
use super::stage::Stage;
use super::{bits, hashes, hyperloglog, lists, places, sets, sorted_sets, streams};
use crate::command::rdb::seal;
use crate::command::{COMMANDS, CommandError, CommandSpec, Group, Run, keys_of};
use hyperion_model::limits::KEY_BYTES_MAX;
use hyperion_store::StoreError;

/// A command that is no string's or every key's: its name, a line that makes what it works on, and a line of it that changes or tells
/// something.
pub(super) type Sample = (&'static str, &'static str, &'static str);

/// Each group's file has its own.
#[rustfmt::skip]
const SAMPLES: &[&[Sample]] = &[
    bits::SAMPLES,
    hyperloglog::SAMPLES,
    hashes::SAMPLES,
    lists::SAMPLES,
    sets::SAMPLES,
    sorted_sets::SAMPLES,
    places::SAMPLES,
    streams::SAMPLES,
];

fn sample(spec: &CommandSpec) -> Option<&'static Sample> {
    let mut samples = SAMPLES.iter().copied().flatten();
    let sample = samples.find(|(name, _, _)| *name == spec.name);
    let needs_none = matches!(spec.group, Group::String | Group::Generic | Group::Server);
    assert!(sample.is_some() || needs_none, "{} has no sample: give it one", spec.name);
    sample
}

/// A key at each place where a command takes one, numbers and words elsewhere.
fn line_of(name: &'static str, arity: i16, key: &[u8]) -> Vec<Vec<u8>> {
    let mut payload = b"\0\x01a".to_vec();
    seal(&mut payload);
    let words: &[&[u8]] = match name {
        "restore" => &[b"restore", key, b"0", &payload, b"replace"],
        "memory" => &[b"memory", b"usage", key],
        "object" => &[b"object", b"encoding", key],
        "set" => &[b"set", key, b"1"],
        "mset" | "msetnx" => &[name.as_bytes(), key, b"1", b"b", b"2"],
        "rename" | "renamenx" | "copy" => &[name.as_bytes(), b"a", key],
        _ if arity.abs() == 2 => &[name.as_bytes(), key],
        _ if arity.abs() == 3 => &[name.as_bytes(), key, b"1"],
        _ => &[name.as_bytes(), key, b"1", b"1"],
    };
    words.iter().map(|word| word.to_vec()).collect()
}

#[test]
fn too_long_keys_are_refused_by_every_command() {
    let long = vec![b'k'; KEY_BYTES_MAX + 1];
    let mut stage = Stage::new();
    stage.run("SET a 1");
    for spec in &COMMANDS {
        if matches!(spec.run, Run::Key(_) | Run::Keys { .. }) && spec.name != "pfselftest" {
            let mut line = line_of(spec.name, spec.arity, &long);
            if let Some((_, _, sample)) = sample(spec) {
                line = sample.split(' ').map(|word| word.as_bytes().to_vec()).collect();
                let words: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
                let key = keys_of(spec, &words).next().expect("a sample has a key");
                line[key].clone_from(&long);
            }
            let words: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
            assert_eq!(
                stage.run_words(&words),
                "-ERR key of 1048577 bytes is longer than the 1048576 bytes that are allowed",
                "{}",
                spec.name
            );
        }
    }
    assert_eq!(stage.run("DBSIZE"), ":1");
}

#[test]
fn without_room_nothing_is_answered_and_nothing_changes() {
    let runs_here = |spec: &&CommandSpec| spec.writes() && !matches!(spec.run, Run::Front(_));
    for spec in COMMANDS.iter().filter(runs_here) {
        let mut stage = Stage::new();
        stage.run("MSET key 1 a 2");
        stage.run("PEXPIRE key 100000");
        let sample = sample(spec);
        if let Some((_, setup, _)) = sample {
            setup.split(';').for_each(|line| drop(stage.run(line.trim())));
        }
        // Fills what is ready, until nothing fits any more, not even what deletes.
        stage.store.may_use_reserve(true);
        for filler in [&[b'x'; 2_000][..], b""] {
            let key = stage.store.key(stage.database, b"");
            while stage.store.put(&key, &[filler], None).is_ok() {}
        }
        stage.store.may_use_reserve(false);
        let line = match spec.name {
            // These change something only when the key is as they want it.
            "setnx" | "msetnx" => line_of(spec.name, spec.arity, b"new"),
            "renamenx" | "copy" => line_of(spec.name, spec.arity, b"new"),
            "getex" => ["getex", "key", "PERSIST"].map(|word| word.as_bytes().to_vec()).to_vec(),
            "flushall" | "flushdb" => vec![spec.name.as_bytes().to_vec()],
            _ => match sample {
                Some((_, _, line)) => line.split(' ').map(Vec::from).collect(),
                None => line_of(spec.name, spec.arity, b"key"),
            },
        };
        let words: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
        let seen = ["GET key", "PEXPIRETIME key", "GET a", "EXISTS new b", "DBSIZE"];
        let before = seen.map(|line| stage.run(line));
        let mut recorder = Recorder::default();
        let result = stage.attempt(&words, &mut recorder);
        assert!(
            matches!(result, Err(CommandError::Store(StoreError::NoRoom { .. }))),
            "{}: {result:?} {}",
            spec.name,
            recorder.text()
        );
        assert!(recorder.is_empty(), "{} answered", spec.name);
        assert_eq!(seen.map(|line| stage.run(line)), before, "{}", spec.name);
        assert!(!stage.run_words(&words).starts_with('-'), "{} runs with room", spec.name);
        assert!(stage.repeats > 0);
    }
}

#[test]
fn long_values_go_through_every_command() {
    let bytes = 200_000;
    let value: Vec<u8> = (0..bytes).map(|at: u32| b'a' + (at % 23) as u8).collect();
    let text = String::from_utf8(value.clone()).unwrap();
    let reply = format!("${text}");
    // Segments of 64 KiB: pieces of 8 KiB.
    let mut stage = Stage::with_segments(64 << 10);
    assert_eq!(stage.run_words(&[b"SET", b"a", &value]), "+OK");
    for (line, expected) in [
        ("GET a", reply.clone()),
        ("STRLEN a", ":200000".to_owned()),
        ("MGET a b", format!("*2 {reply} $-1")),
        ("GETRANGE a 8190 8195", format!("${}", &text[8_190..=8_195])),
        ("GETRANGE a -3 -1", format!("${}", &text[199_997..])),
        ("GETRANGE a 100000 -1", format!("${}", &text[100_000..])),
        ("OBJECT ENCODING a", "$raw".to_owned()),
        ("INCR a", "-ERR value is not an integer or out of range".to_owned()),
        ("INCRBYFLOAT a 1", "-ERR value is not a valid float".to_owned()),
        ("EXPIRE a 100", ":1".to_owned()),
        ("GET a", reply.clone()),
        ("TTL a", ":100".to_owned()),
        ("APPEND a xyz", ":200003".to_owned()),
        ("GETRANGE a 199999 -1", format!("${}xyz", &text[199_999..])),
        ("SETRANGE a 200000 123", ":200003".to_owned()),
        ("GETRANGE a 199999 -1", format!("${}123", &text[199_999..])),
        ("SETRANGE a 210000 !", ":210001".to_owned()),
        ("GETRANGE a 209999 -1", "$\\x00!".to_owned()),
        ("TTL a", ":100".to_owned()),
        ("COPY a b", ":1".to_owned()),
        ("STRLEN b", ":210001".to_owned()),
        ("RENAME b c", "+OK".to_owned()),
        ("STRLEN c", ":210001".to_owned()),
        ("PERSIST c", ":1".to_owned()),
        ("GETRANGE c 0 9", format!("${}", &text[..10])),
        ("DEL a c", ":2".to_owned()),
    ] {
        assert_eq!(stage.run(line), expected, "{line}");
    }
    for (words, expected) in [
        ([&b"SET"[..], b"a", &value], "+OK"),
        ([b"GETSET", b"a", &value], &reply),
        ([b"SETNX", b"a", &value], ":0"),
    ] {
        assert_eq!(stage.run_words(&words), expected, "{}", words[0].escape_ascii());
    }
    assert_eq!(stage.run_words(&[b"SET", b"a", &value, b"GET"]), reply);
    assert_eq!(stage.run_words(&[b"GETEX", b"a", b"EX", b"10"]), reply);
    assert_eq!(stage.run_words(&[b"GETDEL", b"a"]), reply);
    assert_eq!(stage.run("DBSIZE"), ":0");
}
