//! Sketches that count: tables, bytes as Redis writes them, and strings that only look like sketches.

use super::limits::Sample;
use super::stage::{Stage, play};
use proptest::prelude::*;

const HEAD: &str = "HYLL\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00";

pub(super) const SAMPLES: &[Sample] = &[
    ("pfadd", "DEL key; PFADD key a", "PFADD key b"),
    ("pfcount", "DEL key; PFADD key a", "PFCOUNT key"),
    ("pfdebug", "DEL key; PFADD key a", "PFDEBUG TODENSE key"),
    ("pfmerge", "DEL key; PFADD key a", "PFMERGE new key"),
    ("pfselftest", "", "PFSELFTEST"),
];

#[test]
fn counting() {
    play(&[
        ("PFADD a", ":1"),
        ("PFADD a", ":0"),
        ("GET a", &format!("${HEAD}\\x80\\x7f\\xff")),
        ("PFCOUNT a", ":0"),
        ("GET a", &format!("${HEAD}\\x00\\x7f\\xff")),
        ("PFADD a a b c d e f g", ":1"),
        ("PFADD a a b c", ":0"),
        ("PFCOUNT a", ":7"),
        ("PFDEBUG ENCODING a", "+sparse"),
        ("PFADD b e f g h i", ":1"),
        ("PFCOUNT a b none", ":9"),
        ("PFCOUNT none", ":0"),
        ("PFMERGE to a b none", "+OK"),
        ("PFCOUNT to", ":9"),
        ("EXPIRE to 100", ":1"),
        ("PFDEBUG TODENSE to", ":1"),
        ("PFDEBUG TODENSE to", ":0"),
        ("PFDEBUG ENCODING to", "+dense"),
        ("STRLEN to", ":12304"),
        ("PFCOUNT to", ":9"),
        ("PFADD to x y z", ":1"),
        ("PFADD to x y z", ":0"),
        ("PFCOUNT to", ":12"),
        ("TTL to", ":100"),
        ("PFDEBUG DECODE to", "-ERR HLL encoding is not sparse"),
        ("PFMERGE a to", "+OK"),
        ("PFDEBUG ENCODING a", "+dense"),
        ("PFDEBUG FOO a", "-ERR Unknown PFDEBUG subcommand 'FOO'"),
        ("PFDEBUG GETREG a b", "-ERR wrong number of arguments for 'pfdebug' command"),
        ("PFDEBUG GETREG none", "-ERR The specified key does not exist"),
        ("PFSELFTEST", "+OK"),
        ("SET s foo", "+OK"),
        ("PFADD s 1", "-WRONGTYPE Key is not a valid HyperLogLog string value."),
        ("PFCOUNT s", "-WRONGTYPE Key is not a valid HyperLogLog string value."),
        ("PFMERGE new s a", "-WRONGTYPE Key is not a valid HyperLogLog string value."),
        ("EXISTS new", ":0"),
    ]);
}

/// The runs and counts that redis-server 7.0 gives for the same elements.
#[test]
fn runs_are_as_redis_writes_them() {
    play(&[
        ("PFADD a a", ":1"),
        ("PFDEBUG DECODE a", "$Z:12711 v:2,1 Z:3672"),
        ("PFADD b foo bar zap", ":1"),
        ("PFDEBUG DECODE b", "$Z:7348 v:5,1 Z:520 v:2,1 Z:2137 v:1,1 Z:6376"),
    ]);
}

#[test]
fn what_is_broken_is_said_so() {
    let broken = "-INVALIDOBJ Corrupted HLL object detected";
    let mut stage = Stage::new();
    for bytes in ["\\x80\\x7f", "\\x80\\x00", "\\x80\\x7f\\xff\\x00", "\\x80\\x7f\\xff\\x80"] {
        stage.run(&format!("SET a {HEAD}{bytes}"));
        assert_eq!(stage.run("PFCOUNT a"), broken, "{bytes}");
        assert_eq!(stage.run("PFCOUNT a b"), broken, "{bytes}");
        assert_eq!(stage.run("PFMERGE b a"), broken, "{bytes}");
        assert_eq!(stage.run("PFDEBUG TODENSE a"), broken, "{bytes}");
        assert_eq!(stage.run("EXISTS b"), ":0");
    }
}

/// Registers that are raised one by one, from the first element to the dense form, count as those of a sketch that is dense all along.
#[test]
fn both_forms_count_the_same() {
    let mut stage = Stage::new();
    stage.run("PFADD dense");
    stage.run("PFDEBUG TODENSE dense");
    let mut was_dense = false;
    for number in 0..4_000 {
        let [left, right] =
            ["grows", "dense"].map(|key| stage.run(&format!("PFADD {key} element:{number}")));
        assert_eq!(left, right, "element {number}");
        if number % 97 == 0 {
            let [left, right] = ["grows", "dense"].map(|key| stage.run(&format!("PFCOUNT {key}")));
            assert_eq!(left, right, "after element {number}");
        }
        let is_dense = stage.run("PFDEBUG ENCODING grows") == "+dense";
        assert!(is_dense || !was_dense, "it is sparse again after element {number}");
        was_dense = is_dense;
    }
    assert!(was_dense);
    let [left, right] = ["grows", "dense"].map(|key| stage.run(&format!("PFDEBUG GETREG {key}")));
    assert_eq!(left, right);
}

proptest! {
    /// Whatever lies under the key is answered, and what is refused is left as it was.
    #[test]
    fn any_bytes_are_answered(
        form in 0..3_u8,
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..40),
            Just(vec![0x7f, 0xff]),
            proptest::collection::vec(any::<u8>(), 12_296),
            // Runs of about as many registers as there are.
            proptest::collection::vec(prop_oneof![Just(0x3f_u8), 0x80..=0xff_u8], 200..300),
        ],
        elements in proptest::collection::vec("[a-z]{1,3}", 0..6),
    ) {
        let mut stage = Stage::new();
        let mut value = b"HYLL\x00\x00\x00\x00".to_vec();
        value[4] = form;
        value.extend(&body);
        let refusals = [
            "-INVALIDOBJ Corrupted HLL object detected",
            "-WRONGTYPE Key is not a valid HyperLogLog string value.",
            "-ERR HLL encoding is not sparse",
        ];
        let add = format!("PFADD a {}", elements.join(" "));
        let lines = [
            "PFCOUNT a", "PFCOUNT a b", &add, "PFMERGE b a", "PFMERGE a b", "PFDEBUG DECODE a",
            "PFDEBUG ENCODING a", "PFDEBUG GETREG a", "PFDEBUG TODENSE a",
        ];
        for line in lines {
            stage.run_words(&[b"SET", b"a", &value]);
            let reply = stage.run(line);
            if reply.starts_with('-') {
                prop_assert!(refusals.contains(&reply.as_str()), "{}", reply);
                prop_assert_eq!(stage.run("GET a"), format!("${}", value.escape_ascii()));
            }
        }
    }
}
