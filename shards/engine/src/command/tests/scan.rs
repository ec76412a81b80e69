//! Tests of SCAN.

use super::recorder::Recorder;
use super::stage::{Stage, play};
use crate::Events;
use crate::command::{Context, parse_cursor, scan_part};
use hyperion_model::{CoreId, TransactionId};
use std::collections::BTreeSet;

/// Scans to the end and gives the keys, each with its `$`; `options` go with every step.
fn scan_all(stage: &mut Stage, options: &str, own_core_only: bool) -> Vec<String> {
    let (mut cursor, mut keys) = ("0".to_owned(), Vec::new());
    for _ in 0..100_000 {
        let words: Vec<String> = format!("SCAN {cursor} {options}")
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect();
        let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
        let mut recorder = Recorder::default();
        let mut context = Context {
            store: &mut stage.store,
            database: stage.database,
            reply: &mut recorder,
            scratch: &mut Vec::new(),
            value_bytes_max: 0,
            thresholds: crate::Thresholds::default(),
            random: 0,
            transaction: TransactionId(1),
            slot: None,
            answer_bytes_max: usize::MAX,
            blocking: crate::command::Blocking::Never,
            events: &mut Events::default(),
        };
        scan_part(&mut context, &words, own_core_only).unwrap();
        let text = recorder.text();
        let mut replies = text.split(' ').map(str::to_owned);
        assert_eq!(replies.next().unwrap(), "*2");
        cursor = replies.next().unwrap()[1..].to_owned();
        let count: usize = replies.next().unwrap()[1..].parse().unwrap();
        let before = keys.len();
        keys.extend(replies);
        assert_eq!(keys.len() - before, count, "the array is as long as it says");
        if cursor == "0" {
            return keys;
        }
    }
    panic!("the scan does not end");
}

#[test]
fn everything_is_met_once() {
    for options in ["", "COUNT 1", "COUNT 1000000", "COUNT 7 TYPE string MATCH *"] {
        let mut stage = Stage::new();
        for number in 0..3_000 {
            stage.run(&format!("SET key:{number} {number}"));
        }
        let keys = scan_all(&mut stage, options, false);
        assert_eq!(keys.len(), 3_000, "options {options}");
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 3_000, "options {options}");
    }
}

#[test]
fn patterns_and_types_choose() {
    let mut stage = Stage::new();
    for number in 0..100 {
        stage.run(&format!("SET key:{number} {number}"));
    }
    stage.run("SET gone 1 PX 5");
    stage.wait(10);
    for (options, count) in [
        ("MATCH key:1?", 10),
        ("match *", 100),
        ("TYPE string", 100),
        ("TYPE hash", 0),
        ("MATCH x", 0),
    ] {
        assert_eq!(scan_all(&mut stage, options, false).len(), count, "options {options}");
    }
}

#[test]
fn what_was_there_all_along_is_met_while_the_index_grows() {
    let mut stage = Stage::new();
    for number in 0..500 {
        stage.run(&format!("SET stays:{number} 1"));
    }
    let (mut cursor, mut met, mut step) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let reply = stage.run(&format!("SCAN {cursor} COUNT 5"));
        met.extend(reply.split(' ').skip(3).map(str::to_owned));
        cursor = reply.split(' ').nth(1).unwrap()[1..].to_owned();
        if cursor == "0" {
            break;
        }
        if step < 10_000 {
            for number in step..step + 100 {
                stage.run(&format!("SET new:{number} 1"));
            }
            step += 100;
        }
    }
    let stayed = met.iter().filter(|key| key.starts_with("$stays:")).count();
    assert_eq!(stayed, 500);
}

#[test]
fn a_core_of_its_own_scans_its_own_keys() {
    for core in 0..4 {
        let mut stage = Stage::on_core(1 << 20, CoreId(core), 4);
        // Tags whose slots lie on this core.
        let map = hyperion_model::PartitionMap::spread(64, 4);
        let mut set = 0;
        for number in 0..400 {
            let key = format!("key:{number}");
            let slot = hyperion_model::slot_of(key.as_bytes());
            if map.owner(map.partition_of(slot)) == CoreId(core) {
                stage.run(&format!("SET {key} 1"));
                set += 1;
            }
        }
        assert!(set > 50, "core {core} has {set} keys");
        assert_eq!(scan_all(&mut stage, "COUNT 3", true).len(), set, "core {core}");
    }
}

#[test]
fn cursors_and_options_are_checked() {
    play(&[
        ("SCAN 0", "*2 $0 *0"),
        ("SCAN x", "-ERR invalid cursor"),
        ("SCAN \"\"", "*2 $0 *0"),
        ("SCAN -1", "*2 $0 *0"),
        ("SCAN +0", "*2 $0 *0"),
        ("SCAN -", "-ERR invalid cursor"),
        ("SCAN \" 1\"", "-ERR invalid cursor"),
        ("SCAN \"1 \"", "-ERR invalid cursor"),
        ("SCAN 0\\x00x", "*2 $0 *0"),
        ("SCAN \\x00x", "*2 $0 *0"),
        ("SCAN x\\x00", "-ERR invalid cursor"),
        ("SCAN 1x", "-ERR invalid cursor"),
        ("SCAN 18446744073709551616", "-ERR invalid cursor"),
        ("SCAN 18446744073709551615", "*2 $0 *0"),
        ("SCAN 0 COUNT 0", "-ERR syntax error"),
        ("SCAN 0 COUNT -1", "-ERR syntax error"),
        ("SCAN 0 COUNT x", "-ERR value is not an integer or out of range"),
        ("SCAN 0 COUNT", "-ERR syntax error"),
        ("SCAN 0 FOO 1", "-ERR syntax error"),
        ("SCAN 0 NOVALUES", "-ERR syntax error"),
        ("SCAN 0 MATCH a COUNT 5 TYPE string", "*2 $0 *0"),
        ("SCAN", "-ERR wrong number of arguments for 'scan' command"),
    ]);
}

#[test]
fn any_number_is_a_cursor_that_ends() {
    let mut stage = Stage::new();
    stage.run("SET a 1");
    for cursor in [1, 63 << 48, 64 << 48, 1_023 << 48, u64::MAX, 0xff << 32, u64::from(u32::MAX)] {
        assert!(parse_cursor(cursor.to_string().as_bytes()).is_some());
        assert!(stage.run(&format!("SCAN {cursor}")).starts_with("*2 $"), "cursor {cursor}");
    }
}
