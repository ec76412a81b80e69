//! Tests of commands that are worked in slices: how much a turn does of them, and what others see meanwhile.

use super::machine::{BOB, Machine, SEGMENT_BYTES};
use crate::limits::{SLICE_KEYS, SLICED_BYTES_MIN};
use crate::request::Outcome;
use hyperion_model::ReplyWriter;

const KEYS: usize = 5_000;
/// What a turn may write of small values: a slice, and the heads of its records.
const SLICE_BYTES: usize = 8 * SLICED_BYTES_MIN;

/// An answer as it is told: numbers, words and values in order.
#[derive(Debug, Default, PartialEq, Eq)]
struct Script {
    words: Vec<Vec<u8>>,
    /// Bytes of values.
    bytes: usize,
}

impl ReplyWriter for Script {
    fn simple(&mut self, text: &str) {
        self.words.push(text.into());
    }
    fn error(&mut self, text: &str) {
        self.words.push(text.into());
    }
    fn integer(&mut self, value: i64) {
        self.words.push(value.to_string().into());
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.words.push(bytes.to_vec());
    }
    fn bulk_begin(&mut self, _: u64) {
        self.words.push(Vec::new());
    }
    fn bulk_piece(&mut self, bytes: &[u8], _: bool) {
        self.bytes += bytes.len();
        self.words.last_mut().expect("it has begun").extend_from_slice(bytes);
    }
    fn null(&mut self) {
        self.words.push(b"nil".to_vec());
    }
    fn null_array(&mut self) {}
    fn array(&mut self, count: usize) {
        self.words.push(format!("*{count}").into());
    }
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
}

/// What one turn did at most.
#[derive(Debug, Default)]
struct Most {
    turns: usize,
    keys_changed: u64,
    keys_read: u64,
    bytes_told: usize,
}

/// Runs a command slice by slice.
fn run(machine: &mut Machine, words: &[&[u8]]) -> (Vec<Vec<u8>>, Most) {
    machine.begin(words);
    machine.turn_bytes_max = 0;
    let (mut script, mut most) = (Script::default(), Most::default());
    for _ in 0..10_000 {
        let (before, bytes) = (machine.engine.store().figures(), script.bytes);
        let has_ended = machine.slice(&mut script);
        let after = machine.engine.store().figures();
        let read =
            |figures: &hyperion_store::StoreFigures| figures.lookups.hits + figures.lookups.misses;
        most.turns += 1;
        most.keys_changed = most.keys_changed.max(after.keys.abs_diff(before.keys));
        most.keys_read = most.keys_read.max(read(&after) - read(&before));
        most.bytes_told = most.bytes_told.max(script.bytes - bytes);
        if has_ended {
            return (script.words, most);
        }
    }
    panic!("{} is not answered", words[0].escape_ascii());
}

fn names(from: usize, count: usize) -> Vec<Vec<u8>> {
    (from..from + count).map(|number| format!("key{number}").into_bytes()).collect()
}

fn line<'a>(name: &'a [u8], words: &'a [Vec<u8>]) -> Vec<&'a [u8]> {
    std::iter::once(name).chain(words.iter().map(Vec::as_slice)).collect()
}

fn pairs(keys: &[Vec<u8>], value: &str) -> Vec<Vec<u8>> {
    let pair = |key: &Vec<u8>| [key.clone(), [value.as_bytes(), key].concat()];
    keys.iter().flat_map(pair).collect()
}

#[test]
fn no_turn_does_more_than_a_slice_of_a_command_about_many_keys() {
    let mut machine = Machine::new();
    let keys = names(0, KEYS);
    let check = |machine: &Machine, most: &Most, what: &str| {
        assert!(most.turns > KEYS / SLICE_KEYS, "{what}: {most:?}");
        assert!(most.keys_changed <= SLICE_KEYS as u64, "{what}: {most:?}");
        assert!(most.keys_read <= SLICE_KEYS as u64, "{what}: {most:?}");
        let bytes = machine.turn_bytes_max;
        assert!(bytes <= SLICE_BYTES, "{what}: {bytes} bytes in a turn");
    };
    let (answer, most) = run(&mut machine, &line(b"mset", &pairs(&keys, "of ")));
    assert_eq!(answer, [b"OK"]);
    check(&machine, &most, "mset");
    // Some twice, and some that are not there.
    let mut asked = keys.clone();
    asked.extend(names(KEYS - 10, 20));
    let (answer, most) = run(&mut machine, &line(b"exists", &asked));
    assert_eq!(answer, [(KEYS + 10).to_string().into_bytes()]);
    check(&machine, &most, "exists");
    let (answer, most) = run(&mut machine, &line(b"touch", &asked));
    assert_eq!(answer, [(KEYS + 10).to_string().into_bytes()]);
    check(&machine, &most, "touch");
    let (answer, most) = run(&mut machine, &line(b"mget", &asked));
    assert_eq!(answer[0], format!("*{}", asked.len()).into_bytes());
    for (at, key) in asked.iter().enumerate() {
        let is_there = at < KEYS + 10;
        let value = if is_there { [b"of ", &key[..]].concat() } else { b"nil".to_vec() };
        assert_eq!(answer[at + 1], value, "{at}");
    }
    check(&machine, &most, "mget");
    let new = names(KEYS, KEYS);
    let mut with_old = new.clone();
    with_old.push(keys[7].clone());
    let (answer, most) = run(&mut machine, &line(b"msetnx", &pairs(&with_old, "x")));
    assert_eq!(answer, [b"0"]);
    check(&machine, &most, "msetnx that is refused");
    let (answer, _) = run(&mut machine, &line(b"msetnx", &pairs(&new, "x")));
    assert_eq!(answer, [b"1"]);
    let (answer, most) = run(&mut machine, &line(b"del", &asked));
    assert_eq!(answer, [(KEYS + 10).to_string().into_bytes()], "each is counted once");
    check(&machine, &most, "del");
    assert_eq!(machine.engine.store().figures().keys, KEYS as u64 - 10);
}

#[test]
fn a_command_in_slices_is_all_or_nothing_for_others() {
    let keys = names(0, KEYS);
    let (first, last) = (&keys[0][..], &keys[KEYS - 1][..]);
    for name in [&b"mset"[..], b"del"] {
        let mut machine = Machine::new();
        run(&mut machine, &line(b"mset", &pairs(&keys, "old ")));
        let new = pairs(&keys, "new ");
        machine.begin(&line(name, if name == b"mset" { &new } else { &keys }));
        let (mut waited, mut saw_old, mut hid) = (0, 0, 0);
        while !machine.slice(&mut Script::default()) {
            let (outcome, _) = machine.turn(BOB, &[b"set", b"other", b"x"]);
            waited += usize::from(outcome == Outcome::Locked);
            let (outcome, line) = machine.turn(BOB, &[b"mget", first, last]);
            match outcome {
                Outcome::Locked => hid += 1,
                _ => saw_old += 1,
            }
            assert!(outcome == Outcome::Locked || line == "$11", "{line}");
        }
        assert!(waited > 8 && saw_old > 2 && hid > 2, "{waited} {saw_old} {hid}");
        assert_eq!(machine.run(BOB, &[b"set", b"other", b"x"]), "+OK");
        let expected: &[u8] = if name == b"mset" { b"new key0" } else { b"" };
        assert_eq!(machine.read(first), expected);
        assert!(machine.read(last).starts_with(&expected[..expected.len().min(4)]));
    }
}

#[test]
fn long_answers_and_long_values_go_in_parts_too() {
    let long: Vec<u8> = (0..2 << 20_u32).map(|at| (at % 251) as u8).collect();
    let mut machine = Machine::new();
    for key in [b"a", b"b"] {
        assert_eq!(machine.run(BOB, &[b"set", key, &long]), "+OK");
    }
    let mget: [&[u8]; 4] = [b"mget", b"a", b"none", b"b"];
    assert_eq!(machine.turn(BOB, &mget).0, Outcome::Sliced);
    let (answer, most) = run(&mut machine, &mget);
    assert!(answer == [&b"*3"[..], &long, b"nil", &long], "{} words", answer.len());
    assert!(most.bytes_told <= SLICE_BYTES && most.turns > 100, "{most:?}");
    // One of many is long.
    let keys = names(0, KEYS);
    let mut words = pairs(&keys, "");
    words[4_001] = long.clone();
    let (answer, _) = run(&mut machine, &line(b"mset", &words));
    assert_eq!(answer, [b"OK"]);
    assert!(machine.read(&keys[2_000]) == long);
    assert!(machine.turn_bytes_max <= SEGMENT_BYTES / 4, "{}", machine.turn_bytes_max);
}
