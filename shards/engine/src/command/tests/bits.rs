//! Bits of strings: tables of lines and replies, and random lines against a plain row of bits.

use super::limits::Sample;
use super::stage::{Stage, play};
use proptest::prelude::*;

pub(super) const SAMPLES: &[Sample] = &[
    ("bitcount", "SET key 1", "BITCOUNT key 0 1"),
    ("bitfield", "SET key 1", "BITFIELD key SET u8 0 2"),
    ("bitfield_ro", "SET key 1", "BITFIELD_RO key GET u8 0"),
    ("bitop", "SET key 1", "BITOP OR a key"),
    ("bitpos", "SET key 1", "BITPOS key 1"),
    ("getbit", "SET key 1", "GETBIT key 0"),
    ("setbit", "SET key 1", "SETBIT key 0 1"),
];

#[test]
fn one_bit() {
    play(&[
        ("SETBIT a 7 1", ":0"),
        ("GET a", "$\\x01"),
        ("SETBIT a 7 1", ":1"),
        ("SETBIT a 0 1", ":0"),
        ("SETBIT a 17 1", ":0"),
        ("GET a", "$\\x81\\x00@"),
        ("SETBIT a 17 0", ":1"),
        ("STRLEN a", ":3"),
        ("SETBIT none 30 0", ":0"),
        ("STRLEN none", ":4"),
        ("GETBIT a 0", ":1"),
        ("GETBIT a 1", ":0"),
        ("GETBIT a 10000", ":0"),
        ("GETBIT absent 1", ":0"),
        ("EXPIRE a 100", ":1"),
        ("SETBIT a 3 1", ":0"),
        ("TTL a", ":100"),
        ("SETBIT a -1 1", "-ERR bit offset is not an integer or out of range"),
        ("SETBIT a x 1", "-ERR bit offset is not an integer or out of range"),
        ("SETBIT a #1 1", "-ERR bit offset is not an integer or out of range"),
        ("SETBIT a 8388608 1", "-ERR bit offset is not an integer or out of range"),
        ("SETBIT a 1 2", "-ERR bit is not an integer or out of range"),
        ("SETBIT a 1 x", "-ERR bit is not an integer or out of range"),
        ("GETBIT a -1", "-ERR bit offset is not an integer or out of range"),
        ("SETBIT a 8388607 1", ":0"),
        ("STRLEN a", ":1048576"),
        ("BITCOUNT a", ":4"),
        ("SETBIT a 4000000 1", ":0"),
        ("BITPOS a 1 10", ":4000000"),
    ]);
}

#[test]
fn counting_and_searching() {
    play(&[
        ("SET a foobar", "+OK"),
        ("BITCOUNT a", ":26"),
        ("BITCOUNT a 0 0", ":4"),
        ("BITCOUNT a 1 1 byte", ":6"),
        ("BITCOUNT a 5 30 BIT", ":17"),
        ("BITCOUNT a -3 -2 BIT", ":1"),
        ("BITCOUNT a -2 -3", ":0"),
        ("BITCOUNT a 2 1", ":0"),
        ("BITCOUNT a -100 100", ":26"),
        ("BITCOUNT none", ":0"),
        ("BITCOUNT none x 1", "-ERR value is not an integer or out of range"),
        ("BITCOUNT a 1", "-ERR syntax error"),
        ("BITCOUNT a 1 2 KB", "-ERR syntax error"),
        ("BITCOUNT a 1 2 BIT x", "-ERR syntax error"),
        ("SET b \\xff\\xf0\\x00", "+OK"),
        ("BITPOS b 0", ":12"),
        ("BITPOS b 1 2", ":-1"),
        ("BITPOS b 1 0 -1", ":0"),
        ("BITPOS b 0 0 0", ":-1"),
        ("BITPOS b 0 0", ":12"),
        ("BITPOS b 1 5 7 bit", ":5"),
        ("BITPOS b 0 5 13 bit", ":12"),
        ("BITPOS b 0 5 11 bit", ":-1"),
        ("SET c \\xff\\xff", "+OK"),
        ("BITPOS c 0", ":16"),
        ("BITPOS c 0 1", ":16"),
        ("BITPOS c 0 0 -1", ":-1"),
        ("BITPOS c 0 5", ":-1"),
        ("BITPOS c 1 -100 -200", ":0"),
        ("BITCOUNT c -100 -200", ":0"),
        ("BITPOS none 0", ":0"),
        ("BITPOS none 1", ":-1"),
        ("SET d \"\"", "+OK"),
        ("BITPOS d 0", ":-1"),
        ("BITCOUNT d", ":0"),
        ("BITPOS c 2", "-ERR The bit argument must be 1 or 0."),
        ("BITPOS c x", "-ERR value is not an integer or out of range"),
        ("BITPOS c 1 0 1 KB", "-ERR syntax error"),
        ("BITPOS c 1 0 1 BIT x", "-ERR syntax error"),
    ]);
}

#[test]
fn strings_put_together() {
    play(&[
        ("SET a \\xf0\\xff", "+OK"),
        ("SET b \\x3c", "+OK"),
        ("BITOP AND x a b", ":2"),
        ("GET x", "$0\\x00"),
        ("BITOP or x a b none", ":2"),
        ("GET x", "$\\xfc\\xff"),
        ("BITOP XOR x b a", ":2"),
        ("GET x", "$\\xcc\\xff"),
        ("BITOP NOT a a", ":2"),
        ("GET a", "$\\x0f\\x00"),
        ("BITOP AND x none a", ":2"),
        ("GET x", "$\\x00\\x00"),
        ("BITOP AND x none", ":0"),
        ("EXISTS x", ":0"),
        ("SET x 1 EX 10", "+OK"),
        ("BITOP OR x b", ":1"),
        ("TTL x", ":-1"),
        ("BITOP NOT x a b", "-ERR BITOP NOT must be called with a single source key."),
        ("BITOP NAND x a b", "-ERR syntax error"),
    ]);
}

#[test]
fn fields() {
    play(&[
        ("BITFIELD a INCRBY i5 100 1 GET u4 0", "*2 :1 :0"),
        ("BITFIELD b SET u8 #1 255 GET u8 8 GET i8 #1", "*3 :0 :255 :-1"),
        ("STRLEN b", ":2"),
        ("BITFIELD b", "*0"),
        ("BITFIELD b OVERFLOW SAT INCRBY u8 #1 5 OVERFLOW FAIL INCRBY u8 #1 5", "*2 :255 $-1"),
        ("BITFIELD b OVERFLOW WRAP INCRBY u8 #1 5", "*1 :4"),
        ("BITFIELD b SET u8 0 -1 OVERFLOW SAT SET u8 0 -1 GET u8 0", "*3 :0 :255 :255"),
        ("BITFIELD b OVERFLOW SAT SET i8 0 -1000 GET i8 0", "*2 :-1 :-128"),
        (
            "BITFIELD b SET i64 3 -9223372036854775808 INCRBY i64 3 -1",
            "*2 :9007199254740992 :9223372036854775807",
        ),
        ("BITFIELD none GET u63 77", "*1 :0"),
        ("EXISTS none", ":0"),
        ("BITFIELD none OVERFLOW FAIL SET u1 100 2", "*1 $-1"),
        ("STRLEN none", ":13"),
        ("BITFIELD_RO b GET u8 0 GET u1 #3", "*2 :143 :0"),
        ("BITFIELD_RO b SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
        (
            "BITFIELD b GET u64 0",
            "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ),
        (
            "BITFIELD b GET i65 0",
            "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ),
        (
            "BITFIELD b GET 8 0",
            "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
        ),
        ("BITFIELD b GET u8 -1", "-ERR bit offset is not an integer or out of range"),
        (
            "BITFIELD b GET u8 #9223372036854775807",
            "-ERR bit offset is not an integer or out of range",
        ),
        ("BITFIELD b OVERFLOW x", "-ERR Invalid OVERFLOW type specified"),
        ("BITFIELD b SET u8 0 x", "-ERR value is not an integer or out of range"),
        ("BITFIELD b SET u8 0", "-ERR syntax error"),
        ("BITFIELD b FOO u8 0", "-ERR syntax error"),
        ("BITFIELD far SET u8 8000000 7 GET u8 8000000 SET u3 5000000 5", "*3 :0 :7 :0"),
        ("BITCOUNT far", ":5"),
        ("BITFIELD far INCRBY u3 5000000 1 INCRBY i16 8000000 1", "*2 :6 :1793"),
        ("GETBIT far 5000001", ":1"),
    ]);
}

/// A string of more than one chunk is changed where it lies: what is written for a bit is little.
#[test]
fn a_bit_of_a_long_string_writes_little() {
    let mut stage = Stage::new();
    assert_eq!(stage.run("SETBIT a 8000000 1"), ":0");
    assert_eq!(stage.run("SETBIT a 4000000 1"), ":0");
    let before = stage.store.figures().held_bytes;
    for offset in 0..64 {
        assert_eq!(stage.run(&format!("SETBIT a {} 1", offset * 100)), ":0");
        assert_eq!(
            stage.run(&format!("BITFIELD a SET u8 {} 255", 1_000_000 + offset * 90)),
            "*1 :0"
        );
    }
    let written = stage.store.figures().held_bytes - before;
    assert!(written < 16 << 10, "{written} bytes were written for 128 changes");
    assert_eq!(stage.run("BITCOUNT a"), format!(":{}", 2 + 64 + 64 * 8));
}

/// As plain as can be: a row of bits, and its bytes.
#[derive(Default)]
struct Plain {
    bits: Vec<bool>,
}

impl Plain {
    fn grow(&mut self, bits: usize) {
        let bits = bits.next_multiple_of(8);
        self.bits.resize(self.bits.len().max(bits), false);
    }

    fn get(&self, offset: usize, bits: usize, is_signed: bool) -> i128 {
        let bit = |at| i128::from(self.bits.get(at).copied().unwrap_or(false));
        let value = (offset..offset + bits).fold(0, |value, at| value << 1 | bit(at));
        if is_signed && bit(offset) == 1 { value - (1 << bits) } else { value }
    }

    fn set(&mut self, offset: usize, bits: usize, value: i128) {
        for at in 0..bits {
            self.bits[offset + at] = value >> (bits - 1 - at) & 1 == 1;
        }
    }

    fn step(&mut self, step: &FieldStep) -> String {
        let &FieldStep { kind, is_signed, bits, offset, value, overflow } = step;
        let before = self.get(offset, bits, is_signed);
        if kind == 0 {
            return format!(":{before}");
        }
        let wanted = match kind {
            1 if is_signed => i128::from(value),
            1 => i128::from(value.cast_unsigned()),
            _ => before + i128::from(value),
        };
        let (least, most) = if is_signed {
            (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
        } else {
            (0, (1 << bits) - 1)
        };
        let fits = (least..=most).contains(&wanted);
        if !fits && overflow == 2 {
            return "$-1".to_owned();
        }
        let is_far_below = kind == 1 && is_signed && most - wanted > i128::from(i64::MAX);
        let after = match overflow {
            1 if is_far_below && bits < 64 => most,
            1 => wanted.clamp(least, most),
            _ => wanted,
        };
        self.set(offset, bits, after);
        let after = self.get(offset, bits, is_signed);
        format!(":{}", if kind == 1 { before } else { after })
    }
}

#[derive(Clone, Debug)]
struct FieldStep {
    kind: u8,
    is_signed: bool,
    bits: usize,
    offset: usize,
    value: i64,
    overflow: usize,
}

fn field_step(offsets: usize) -> impl Strategy<Value = FieldStep> {
    let value = prop_oneof![any::<i64>(), -300..300_i64];
    let parts = (0..3_u8, any::<bool>(), 1..=64_usize, 0..offsets, value, 0..3_usize);
    parts.prop_map(|(kind, is_signed, bits, offset, value, overflow)| {
        let bits = if is_signed { bits } else { bits.min(63) };
        FieldStep { kind, is_signed, bits, offset, value, overflow }
    })
}

proptest! {
    /// Lines of several steps each, in short strings and in such that lie in chunks.
    #[test]
    fn fields_are_as_plain_bits(
        lines in proptest::collection::vec(proptest::collection::vec(
            prop_oneof![field_step(500), field_step(200_000)], 1..6), 1..12),
    ) {
        let mut stage = Stage::with_segments(64 << 10);
        let mut plain = Plain::default();
        for line in &lines {
            let mut words = "BITFIELD a".to_owned();
            for step in line {
                let overflow = ["WRAP", "SAT", "FAIL"][step.overflow];
                let sign = if step.is_signed { 'i' } else { 'u' };
                let FieldStep { bits, offset, value, .. } = step;
                words += &match step.kind {
                    0 => format!(" GET {sign}{bits} {offset}"),
                    1 => format!(" OVERFLOW {overflow} SET {sign}{bits} {offset} {value}"),
                    _ => format!(" OVERFLOW {overflow} INCRBY {sign}{bits} {offset} {value}"),
                };
                if step.kind > 0 {
                    plain.grow(offset + bits);
                }
            }
            let expected: Vec<String> = line.iter().map(|step| plain.step(step)).collect();
            let expected = format!("*{} {}", expected.len(), expected.join(" "));
            prop_assert_eq!(stage.run(&words), expected, "{}", words);
            prop_assert_eq!(stage.run("STRLEN a"), format!(":{}", plain.bits.len() / 8));
            let ones = plain.bits.iter().filter(|&&bit| bit).count();
            prop_assert_eq!(stage.run("BITCOUNT a"), format!(":{ones}"));
            let first = plain.bits.iter().position(|&bit| bit);
            let first = first.map_or("-1".to_owned(), |at| at.to_string());
            prop_assert_eq!(stage.run("BITPOS a 1"), format!(":{first}"));
        }
    }

    /// Parts in bits, of strings in one piece and in several.
    #[test]
    fn parts_are_as_plain_bits(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            proptest::collection::vec(prop_oneof![Just(0), Just(255)], 9_000..20_000),
        ],
        start in -200..200_i64, end in -200..200_i64, is_set: bool,
    ) {
        let mut stage = Stage::with_segments(64 << 10);
        stage.run_words(&[b"SET", b"a", &bytes]);
        let bits: Vec<bool> =
            bytes.iter().flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1 == 1)).collect();
        let count = i64::try_from(bits.len()).unwrap();
        let from_front = |at: i64| if at < 0 { (at + count).max(0) } else { at };
        let (first, last) = (from_front(start), from_front(end).min(count - 1));
        let is_empty = first > last;
        let part: Vec<usize> = if is_empty { vec![] } else {
            (usize::try_from(first).unwrap()..=usize::try_from(last).unwrap()).collect()
        };
        let is_backward = start < 0 && end < 0 && start > end;
        let ones = part.iter().filter(|&&at| bits[at] && !is_backward).count();
        let line = format!("BITCOUNT a {start} {end} BIT");
        prop_assert_eq!(stage.run(&line), format!(":{ones}"));
        let place = part.iter().find(|&&at| bits[at] == is_set);
        let place = place.map_or("-1".to_owned(), ToString::to_string);
        let line = format!("BITPOS a {} {start} {end} BIT", u8::from(is_set));
        prop_assert_eq!(stage.run(&line), format!(":{place}"));
    }

    /// Any strings together, byte by byte.
    #[test]
    fn operations_are_byte_by_byte(
        strings in proptest::collection::vec(prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20),
            (any::<u8>(), 0..30_000_usize).prop_map(|(byte, bytes)| vec![byte; bytes]),
        ], 1..4),
        operation in 0..3_usize,
    ) {
        let mut stage = Stage::with_segments(64 << 10);
        let name = ["AND", "OR", "XOR"][operation];
        let mut line = format!("BITOP {name} to");
        for (number, string) in strings.iter().enumerate() {
            stage.run_words(&[b"SET", number.to_string().as_bytes(), string]);
            line += &format!(" {number}");
        }
        let bytes = strings.iter().map(Vec::len).max().unwrap();
        let byte = |string: &Vec<u8>, at: usize| string.get(at).copied().unwrap_or(0);
        let expected: Vec<u8> = (0..bytes).map(|at| {
            strings[1..].iter().fold(byte(&strings[0], at), |with, string| match operation {
                0 => with & byte(string, at),
                1 => with | byte(string, at),
                _ => with ^ byte(string, at),
            })
        }).collect();
        prop_assert_eq!(stage.run(&line), format!(":{bytes}"));
        let expected = if bytes == 0 { "$-1".to_owned() } else {
            format!("${}", expected.escape_ascii())
        };
        prop_assert_eq!(stage.run("GET to"), expected);
    }
}
