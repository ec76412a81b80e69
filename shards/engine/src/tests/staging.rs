//! Tests of commands that bring long strings: how much a turn writes of them, and what others see meanwhile.

use crate::command::find;
use crate::engine::{Engine, Outcome, Request};
use crate::settings::{Durability, Settings};
use hyperion_model::{CoreId, DatabaseId, PartitionMap, ReplyWriter};
use hyperion_store::{Append, Options, Policy, Store};

const SEGMENT_BYTES: usize = 1 << 20;
/// What a turn may write: its part, the rest of a chunk, the chunks at two edges, and heads, headers and seals.
const TURN_BYTES: usize = SEGMENT_BYTES / 128 + 3 * (64 << 10) + (12 << 10);
const ANN: (u16, u64) = (0, 1);
const BOB: (u16, u64) = (0, 2);

/// Keeps the first line of an answer.
#[derive(Default)]
struct Line(String);

impl ReplyWriter for Line {
    fn simple(&mut self, text: &str) {
        self.0 = format!("+{text}");
    }
    fn error(&mut self, text: &str) {
        self.0 = format!("-{text}");
    }
    fn integer(&mut self, value: i64) {
        self.0 = format!(":{value}");
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.0 = format!("${}", bytes.len());
    }
    fn bulk_begin(&mut self, length_bytes: u64) {
        self.0 = format!("${length_bytes}");
    }
    fn bulk_piece(&mut self, _: &[u8], _: bool) {}
    fn null(&mut self) {
        self.0 = "$-1".to_owned();
    }
    fn null_array(&mut self) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
}

struct Machine {
    engine: Engine,
    segments: u64,
    now_ms: u64,
    /// The most that one turn has written.
    turn_bytes_max: usize,
    turns: usize,
}

impl Machine {
    fn new() -> Self {
        let map = PartitionMap::spread(4, 1);
        let store = Store::new(Options {
            core: CoreId(0),
            map: map.clone(),
            instance: [7; 16],
            segment_bytes: SEGMENT_BYTES,
            keeps_files: true,
            hash_seed: 11,
            entropy: 13,
            generation: 1,
        });
        let settings = Settings {
            durability: Durability::Interval,
            memory_bytes_max: 1 << 30,
            eviction: Policy::None,
            value_bytes_max: 32 << 20,
        };
        let engine = Engine::new(CoreId(0), map, store, settings, 1, 17);
        Self { engine, segments: 0, now_ms: 1_000_000, turn_bytes_max: 0, turns: 0 }
    }

    /// One turn with one command in it.
    fn turn(&mut self, client: (u16, u64), words: &[&[u8]]) -> (Outcome, String) {
        self.now_ms += 1;
        self.engine.begin_turn(self.now_ms);
        let spec = find(words[0]).expect("it is in the table");
        let request = Request {
            spec,
            database: DatabaseId(0),
            arguments: words,
            own_core_only: false,
            client,
            slot: None,
            from_replica: false,
        };
        let mut line = Line::default();
        let outcome = self.engine.execute(&request, &mut line);
        let mut appends: Vec<Append> = Vec::new();
        self.engine.end_turn(&mut appends);
        let bytes: usize = appends.iter().map(|append| append.end - append.start).sum();
        self.turn_bytes_max = self.turn_bytes_max.max(bytes);
        self.turns += 1;
        appends.iter().for_each(|append| self.engine.written(append));
        for _ in 0..self.engine.store().segments_wanted() {
            self.segments += 1;
            let memory = Vec::leak(vec![0; SEGMENT_BYTES]);
            self.engine.store_mut().add_ready(self.segments, memory);
        }
        (outcome, line.0)
    }

    /// Runs a command turn by turn until it is answered.
    fn run(&mut self, client: (u16, u64), words: &[&[u8]]) -> String {
        for _ in 0..10_000 {
            if let (Outcome::Done { .. }, line) = self.turn(client, words) {
                return line;
            }
        }
        panic!("{} is not answered", words[0].escape_ascii());
    }

    fn read(&mut self, key: &[u8]) -> Vec<u8> {
        let store = self.engine.store_mut();
        let key = store.key(DatabaseId(0), key);
        let Some(found) = store.find(&key) else { return Vec::new() };
        let (mut bytes, value) = (Vec::new(), store.value(&found));
        value.copy_range(0, value.len(), &mut bytes);
        bytes
    }
}

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
