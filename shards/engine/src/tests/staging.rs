//! Tests of commands that bring long strings: how much a turn writes of them, and what others see meanwhile.

use super::machine::{ANN, BOB, Machine, TURN_BYTES};
use crate::request::Outcome;

/// What a string is after a command that writes into it.
fn after(before: &[u8], command: &[&[u8]]) -> Vec<u8> {
    let (value, mut string) = (command[command.len() - 1], before.to_vec());
    let offset = match command[0] {
        b"set" => return value.to_vec(),
        b"append" => before.len(),
        _ => std::str::from_utf8(command[2]).unwrap().parse().unwrap(),
    };
    string.resize(string.len().max(offset + value.len()), 0);
    string[offset..offset + value.len()].copy_from_slice(value);
    string
}

#[test]
fn no_turn_writes_more_than_a_part_of_what_a_command_brings() {
    let long: Vec<u8> = (0..3 << 20_u32).map(|at| (at % 251) as u8).collect();
    for (before, command) in [
        (&b""[..], [&b"set"[..], b"k", &long].to_vec()),
        (b"", [&b"append"[..], b"k", &long].to_vec()),
        (b"", [&b"setrange"[..], b"k", b"5000000", b"x"].to_vec()),
        (b"abc", [&b"append"[..], b"k", &long].to_vec()),
        (&long, [&b"append"[..], b"k", &long].to_vec()),
        (b"abc", [&b"setrange"[..], b"k", b"5000000", b"x"].to_vec()),
        (&long, [&b"setrange"[..], b"k", b"5000000", b"x"].to_vec()),
        (&long, [&b"setrange"[..], b"k", b"100", &long].to_vec()),
        (&long, [&b"setrange"[..], b"k", b"70000", &long[..900_000]].to_vec()),
        (&long[..100_000], [&b"setrange"[..], b"k", b"10", &long].to_vec()),
    ] {
        let mut machine = Machine::new();
        if !before.is_empty() {
            assert_eq!(machine.run(ANN, &[b"set", b"k", before]), "+OK");
        }
        machine.turn_bytes_max = 0;
        let name = command[0].escape_ascii().to_string();
        let what = format!("{name} onto {} bytes", before.len());
        let reply = machine.run(ANN, &command);
        let expected = after(before, &command);
        assert!(reply == "+OK" || reply == format!(":{}", expected.len()), "{what}: {reply}");
        let most = machine.turn_bytes_max;
        assert!(most <= TURN_BYTES, "{what}: {most} bytes in one turn");
        assert!(machine.read(b"k") == expected, "{what}");
    }
}

#[test]
fn the_values_of_a_long_mset_are_staged_one_after_the_other() {
    let long: Vec<u8> = (0..3 << 20_u32).map(|at| (at % 251) as u8).collect();
    let keys: Vec<Vec<u8>> = (0..40).map(|key| format!("m{key}").into_bytes()).collect();
    let mut mset: Vec<&[u8]> = vec![b"mset"];
    (0..).zip(&keys).for_each(|(at, key)| mset.extend([&key[..], &long[at..at + 100_000]]));
    mset.extend([&b"small"[..], b"value", b"m0", b"the last one counts"]);
    let mut machine = Machine::new();
    assert_eq!(machine.run(ANN, &mset), "+OK");
    assert!(
        machine.turns > 40 && machine.turn_bytes_max <= TURN_BYTES,
        "{}",
        machine.turn_bytes_max
    );
    assert_eq!(machine.read(b"m0"), b"the last one counts");
    assert_eq!(machine.read(b"small"), b"value");
    for (at, key) in keys.iter().enumerate().skip(1) {
        assert!(machine.read(key) == long[at..at + 100_000], "{at}");
    }
    // With a condition that does not hold nothing of it stays.
    let held = machine.engine.store().figures().object_bytes;
    mset[0] = b"msetnx";
    assert_eq!(machine.run(ANN, &mset), ":0");
    assert_eq!(machine.engine.store().figures().object_bytes, held);
}

#[test]
fn a_long_append_is_all_or_nothing_for_others_and_they_wait_to_write() {
    let long = vec![7_u8; 3 << 20];
    let mut machine = Machine::new();
    assert_eq!(machine.run(ANN, &[b"set", b"k", &long]), "+OK");
    let append: [&[u8]; 3] = [b"append", b"k", &long];
    let mut waited = 0;
    loop {
        let (outcome, line) = machine.turn(ANN, &append);
        if outcome != Outcome::Unfinished && outcome != Outcome::NoRoom {
            assert_eq!(line, ":6291456");
            break;
        }
        let (_, length) = machine.turn(BOB, &[b"strlen", b"k"]);
        assert_eq!(length, ":3145728");
        let (outcome, _) = machine.turn(BOB, &[b"append", b"k", b"x"]);
        waited += usize::from(outcome == Outcome::Unfinished);
        assert_eq!(machine.turn(BOB, &[b"set", b"other", b"x"]).1, "+OK");
    }
    assert!(waited > 10, "{waited} turns");
    assert_eq!(machine.run(BOB, &[b"append", b"k", b"x"]), ":6291457");
    assert_eq!(machine.run(BOB, &[b"strlen", b"k"]), ":6291457");
}

#[test]
fn what_a_client_staged_that_has_gone_does_not_hold_others() {
    let long = vec![7_u8; 3 << 20];
    let mut machine = Machine::new();
    assert_eq!(machine.run(ANN, &[b"set", b"k", &long]), "+OK");
    assert_eq!(machine.turn(ANN, &[b"append", b"k", &long]).0, Outcome::Unfinished);
    assert_eq!(machine.turn(BOB, &[b"append", b"k", b"x"]).0, Outcome::Unfinished);
    machine.now_ms += 10_000;
    assert_eq!(machine.run(BOB, &[b"append", b"k", b"x"]), ":3145729");
    assert_eq!(machine.read(b"k").len(), 3_145_729);
}

#[test]
fn refusals_come_before_anything_is_written() {
    let long = vec![7_u8; 3 << 20];
    let mut machine = Machine::new();
    for (command, reply) in [
        (vec![&b"setrange"[..], b"k", b"-1", &long], "-ERR offset is out of range"),
        (
            vec![&b"setrange"[..], b"k", b"33554432", b"x"],
            "-ERR string exceeds maximum allowed size",
        ),
        (
            vec![&b"setrange"[..], b"k", b"99999999999999999999", b"x"],
            "-ERR value is not an integer",
        ),
        (vec![&b"mset"[..], b"k", &long, b"j"], "-ERR wrong number of arguments"),
    ] {
        let line = machine.run(ANN, &command);
        assert!(line.starts_with(reply), "{line}");
        assert_eq!(machine.turn(ANN, &[b"strlen", b"k"]).1, ":0");
    }
    assert_eq!(machine.engine.store().figures().object_bytes, 0);
}

#[test]
fn a_long_string_is_copied_and_renamed_a_part_a_turn() {
    let long: Vec<u8> = (0..3 << 20_u32).map(|at| (at % 251) as u8).collect();
    for (command, reply) in [
        (&[&b"copy"[..], b"from", b"to"][..], ":1"),
        (&[b"copy", b"from", b"taken", b"replace"], ":1"),
        (&[b"rename", b"from", b"taken"], "+OK"),
        (&[b"renamenx", b"from", b"to"], ":1"),
    ] {
        let what = command.join(&b" "[..]).escape_ascii().to_string();
        let mut machine = Machine::new();
        assert_eq!(machine.run(ANN, &[b"set", b"from", &long, b"PX", b"1000000000"]), "+OK");
        assert_eq!(machine.run(ANN, &[b"append", b"from", b"end"]), ":3145731");
        assert_eq!(machine.run(ANN, &[b"set", b"taken", b"x"]), "+OK");
        (machine.turn_bytes_max, machine.turns) = (0, 0);
        let mut waited = 0;
        let line = loop {
            let (outcome, line) = machine.turn(ANN, command);
            if outcome != Outcome::Unfinished && outcome != Outcome::NoRoom {
                break line;
            }
            // Others read what was there, and wait to write to it.
            assert_eq!(machine.turn(BOB, &[b"strlen", b"from"]).1, ":3145731", "{what}");
            assert_eq!(machine.turn(BOB, &[b"exists", b"to"]).1, ":0", "{what}");
            let (outcome, _) = machine.turn(BOB, &[b"append", b"from", b"y"]);
            waited += usize::from(outcome == Outcome::Unfinished);
        };
        assert_eq!(line, reply, "{what}");
        assert!(waited > 10 && machine.turn_bytes_max <= TURN_BYTES, "{what}: {waited} turns");
        assert!(machine.read(command[2]) == [&long[..], b"end"].concat(), "{what}");
        let expires = machine.turn(BOB, &[b"pttl", command[2]]).1;
        assert!(expires.starts_with(":99"), "{what}: {expires}");
        let is_moved = command[0] != b"copy";
        assert_eq!(machine.read(b"from").is_empty(), is_moved, "{what}");
        assert_eq!(machine.run(BOB, &[b"append", command[2], b"y"]), ":3145732", "{what}");
        if !is_moved {
            assert_eq!(machine.read(b"from").len(), 3_145_731, "{what}");
        }
        // What it takes is given back with the last key that has it.
        machine.run(BOB, &[b"del", b"from", b"to", b"taken"]);
        while machine.engine.store().wants_cleaning() && machine.engine.clean() {}
        assert_eq!(machine.engine.store().figures().object_bytes, 0, "{what}");
    }
}

#[test]
fn a_copy_whose_source_goes_meanwhile_is_dropped() {
    let long = vec![7_u8; 3 << 20];
    let copy: [&[u8]; 3] = [b"copy", b"from", b"to"];
    let mut machine = Machine::new();
    assert_eq!(machine.run(ANN, &[b"set", b"from", &long, b"PX", b"1000"]), "+OK");
    assert_eq!(machine.turn(ANN, &copy).0, Outcome::Unfinished);
    machine.now_ms += 1_100;
    assert_eq!(machine.run(ANN, &copy), ":0");
    while machine.engine.store().wants_cleaning() && machine.engine.clean() {}
    assert_eq!(machine.engine.store().figures().object_bytes, 0);
    assert_eq!(machine.run(BOB, &[b"set", b"from", b"x"]), "+OK");
}
