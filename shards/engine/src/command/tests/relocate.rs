//! Tests of MOVE and of what a key takes.

use super::stage::{Stage, play};

#[test]
fn a_key_moves_with_its_value_and_time_to_live() {
    play(&[
        ("SET a 1", "+OK"),
        ("EXPIREAT a 99999999999", ":1"),
        ("MOVE a 1", ":1"),
        ("EXISTS a", ":0"),
        ("select 1", "+OK"),
        ("GET a", "$1"),
        ("EXPIRETIME a", ":99999999999"),
        ("MOVE a 0", ":1"),
        ("select 0", "+OK"),
        ("GET a", "$1"),
        ("COPY a a DB 2", ":1"),
        ("MOVE a 2", ":0"),
        ("GET a", "$1"),
        ("MOVE none 2", ":0"),
        ("SADD s x y", ":2"),
        ("MOVE s 3", ":1"),
        ("select 3", "+OK"),
        ("SCARD s", ":2"),
        ("select 0", "+OK"),
        ("MOVE a 0", "-ERR source and destination objects are the same"),
        ("MOVE a 99", "-ERR DB index is out of range"),
        ("MOVE a -1", "-ERR DB index is out of range"),
        ("MOVE a x", "-ERR value is not an integer or out of range"),
    ]);
}

#[test]
fn what_a_key_takes_grows_with_its_value() {
    let mut stage = Stage::new();
    stage.run("SET short 1");
    stage.run(&format!("SET long {}", "x".repeat(5_000)));
    let bytes = |stage: &mut Stage, key: &str| -> u64 {
        stage.run(&format!("MEMORY USAGE {key}"))[1..].parse().expect("a number")
    };
    let (short, long) = (bytes(&mut stage, "short"), bytes(&mut stage, "long"));
    assert!((16..128).contains(&short), "{short}");
    assert!((5_000..5_200).contains(&long), "{long}");
    play(&[
        ("MEMORY USAGE none", "$-1"),
        ("SET a 1", "+OK"),
        ("MEMORY USAGE a SAMPLES -1", "-ERR syntax error"),
        ("MEMORY USAGE a SAMPLES x", "-ERR value is not an integer or out of range"),
        ("MEMORY USAGE a FOO 1", "-ERR syntax error"),
        ("MEMORY USAGE a FOO", "-ERR syntax error"),
        ("MEMORY USAGE", "-ERR wrong number of arguments for 'memory|usage' command"),
    ]);
}
