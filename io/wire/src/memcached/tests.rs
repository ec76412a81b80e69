//! Requests as they are read, in one piece and in many.

use super::{Encoder, Parsed, decode_key, parse};
use crate::Span;
use proptest::prelude::*;

/// The words of a request, and its value, as text.
fn read(input: &[u8], parsed: Parsed, words: &[Span]) -> String {
    match parsed {
        Parsed::Request { value, .. } => {
            let mut text: Vec<String> =
                words.iter().map(|word| word.of(input).escape_ascii().to_string()).collect();
            text.extend(value.map(|value| format!("={}", value.of(input).escape_ascii())));
            text.join(" ")
        }
        Parsed::Bad { answer, .. } | Parsed::Broken { answer } => answer.to_owned(),
        Parsed::Incomplete { .. } => "...".to_owned(),
    }
}

#[test]
fn requests_are_read() {
    for (input, expected, consumed) in [
        (&b"get a  b\r\n"[..], "get a b", 10),
        (b"get a\nget b\n", "get a", 6),
        (b"set a 1 0 3\r\na\r\n\r\nget", "set a 1 0 3 =a\\r\\n", 18),
        (b"set a 1 -1 0 noreply\r\n\r\n", "set a 1 -1 0 noreply =", 24),
        (b"cas a 1 0 1 77\r\nx\r\n", "cas a 1 0 1 77 =x", 19),
        (b"ms a 2 T0 F1\r\nhi\r\n", "ms a 2 T0 F1 =hi", 18),
        (b"mn\r\n", "mn", 4),
        (b"\r\n", "ERROR", 2),
        (b"set a 1 0\r\n", "ERROR", 11),
        (b"ms a\r\n", "CLIENT_ERROR bad command line format", 6),
        (b"set a x 0 1\r\nx\r\n", "CLIENT_ERROR bad command line format", 13),
        (b"set a 1 x 1\r\nx\r\n", "CLIENT_ERROR bad command line format", 13),
        (b"set a 1 0 -1\r\n", "CLIENT_ERROR bad command line format", 14),
        (b"cas a 1 0 1 x\r\nx\r\n", "CLIENT_ERROR bad command line format", 15),
        (b"ms a x\r\n", "CLIENT_ERROR bad command line format", 8),
        (b"set a 1 0 1\r\nxyz\r\n", "CLIENT_ERROR bad data chunk", 16),
        (b"set a 1 0 101\r\n", "SERVER_ERROR object too large for cache", 118),
    ] {
        let mut words = Vec::new();
        let parsed = parse(input, 100, &mut words);
        assert_eq!(read(input, parsed, &words), expected, "{}", input.escape_ascii());
        let taken = match parsed {
            Parsed::Request { consumed, .. } | Parsed::Bad { consumed, .. } => consumed,
            Parsed::Incomplete { .. } | Parsed::Broken { .. } => 0,
        };
        assert_eq!(taken, consumed, "{}", input.escape_ascii());
    }
}

#[test]
fn what_is_long_is_bounded() {
    let mut words = Vec::new();
    let line = vec![b'x'; 256 * 1024 + 2];
    assert_eq!(
        parse(&line, 100, &mut words),
        Parsed::Broken { answer: "CLIENT_ERROR line too long" }
    );
    assert_eq!(
        parse(&line[2..], 100, &mut words),
        Parsed::Incomplete { bytes_min: 256 * 1024 + 1 }
    );
    let line = [b"set ", &[b'k'; 251][..], b" 0 0 1\r\n"].concat();
    let answer = "CLIENT_ERROR bad command line format";
    let expected = Parsed::Bad { consumed: line.len() + 3, answer, is_silent: false };
    assert_eq!(parse(&line, 100, &mut words), expected);
}

#[test]
fn keys_in_base64_are_read() {
    for (text, expected) in [
        (&b"Zm9v"[..], Some(&b"foo"[..])),
        (b"Zm8=", Some(b"fo")),
        (b"Zg==", Some(b"f")),
        (b"AP/+", Some(b"\x00\xff\xfe")),
        (b"Zg=", None),
        (b"Zh==", None),
        (b"Z===", None),
        (b"Zm 9", None),
        (b"", None),
    ] {
        assert_eq!(decode_key(text).as_deref(), expected, "{}", text.escape_ascii());
    }
}

#[test]
fn errors_are_one_line() {
    let mut out = Vec::new();
    let mut encoder = Encoder { out: &mut out };
    encoder.line(b"STORED");
    encoder.error("ERR what\r\never");
    encoder.error("OOM command not allowed when used memory > 'maxmemory'.");
    encoder.error("MOVED 1 127.0.0.1:1");
    let text = "STORED\r\nSERVER_ERROR what  ever\r\nSERVER_ERROR out of memory storing object\r\n\
                SERVER_ERROR MOVED 1 127.0.0.1:1\r\n";
    assert_eq!(out.escape_ascii().to_string(), text.as_bytes().escape_ascii().to_string());
}

proptest! {
    /// Any bytes are answered, within bounds, and no prefix of a request is taken for another.
    #[test]
    fn any_bytes_are_answered(
        input in proptest::collection::vec(prop_oneof![
            Just(b"set k 1 2 3\r\nabc\r\n".to_vec()),
            Just(b"ms k 1 q\r\nx\r\n".to_vec()),
            Just(b"get a b\r\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..12),
        ], 0..5).prop_map(|parts| parts.concat()),
    ) {
        let mut words = Vec::new();
        let parsed = parse(&input, 100, &mut words);
        let whole = read(&input, parsed, &words);
        match parsed {
            Parsed::Request { consumed, .. } => {
                prop_assert!(consumed <= input.len() && !words.is_empty());
                for end in 0..consumed {
                    let part = parse(&input[..end], 100, &mut words);
                    let waits = matches!(part, Parsed::Incomplete { bytes_min } if bytes_min > end);
                    prop_assert!(waits, "{} of {}", end, whole);
                }
            }
            Parsed::Incomplete { bytes_min } => prop_assert!(bytes_min > input.len()),
            Parsed::Bad { consumed, .. } => prop_assert!(consumed > 0),
            Parsed::Broken { .. } => {}
        }
    }
}
