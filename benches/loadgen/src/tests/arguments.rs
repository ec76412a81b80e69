//! Flags that are taken and flags that are refused.

use clap::Parser as _;

use super::flags;
use crate::arguments::Arguments;
use crate::request::Command;

#[test]
fn defaults_are_half_reads() {
    let arguments = flags("");
    arguments.check().unwrap();
    assert_eq!(arguments.mix().unwrap(), [(Command::Get, 0.5), (Command::Set, 0.5)]);
}

#[test]
fn mixes() {
    for (line, expected) in [
        ("--read-ratio 1", vec![(Command::Get, 1.0)]),
        ("--read-ratio 0", vec![(Command::Set, 1.0)]),
        ("--commands get:0.9,SET:0.1,incr:0.0", vec![(Command::Get, 0.9), (Command::Set, 0.1)]),
        ("--commands ping", vec![(Command::Ping, 1.0)]),
    ] {
        assert_eq!(flags(line).mix().unwrap(), expected, "{line}");
    }
}

#[test]
fn refused() {
    for (line, expected) in [
        ("--read-ratio 1.5", "--read-ratio 1.5 is not between 0 and 1"),
        ("--theta 0", "--theta 0 is not above 0 and at most 10"),
        ("--theta NaN", "--theta NaN is not above 0 and at most 10"),
        ("--seconds 0", "--seconds 0 is not above 0 and at most 1e6"),
        ("--rate 0", "--rate 0 is not above 0 and at most 1e9"),
        ("--threads 4 --connections 2", "--threads 4 have only --connections 2; give each thread"),
        ("--pipeline 1000 --value-bytes 100000", "lower --connections, --pipeline or --value-byte"),
        ("--commands fly:1", "there is no command \"fly\" here"),
        ("--commands get:x", "\"x\" is not a share of 0 or more"),
        ("--commands get:-1", "\"-1\" is not a share of 0 or more"),
        ("--commands get:0", "no command has a share above 0"),
        ("--protocol memcached --commands get,incr", "--protocol memcached has no Incr here"),
        ("--protocol memcached --password a", "--password is for --protocol resp"),
    ] {
        let error = flags(line).check().unwrap_err().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
    for line in ["--connections 0", "--pipeline 0", "--keys 0", "--requests 1 --seconds 1"] {
        let words = ["loadgen"].into_iter().chain(line.split_whitespace());
        assert!(Arguments::try_parse_from(words).is_err(), "{line}");
    }
}
