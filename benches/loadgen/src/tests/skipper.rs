//! The skipper finds the same replies as the decoder, however they are cut.

use hyperion_wire::reply::{Decoder, Reply};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::skipper::{Counted, NotResp, Skipper};

#[test]
fn counts() {
    let counted = |replies, errors, nulls| Counted { replies, errors, nulls };
    for (input, expected) in [
        ("+OK\r\n:1\r\n$3\r\na\r\n\r\n", counted(3, 0, 0)),
        ("$-1\r\n_\r\n*-1\r\n", counted(3, 0, 3)),
        ("-ERR a\r\n-ERR b\r\n!3\r\nERR\r\n", counted(3, 3, 0)),
        ("*3\r\n$-1\r\n+a\r\n*0\r\n+OK\r\n", counted(2, 0, 1)),
        ("|1\r\n+a\r\n:1\r\n%1\r\n+k\r\n~1\r\n:1\r\n", counted(1, 0, 0)),
        ("*2\r\n:1\r\n", counted(0, 0, 0)),
        ("$5\r\nab", counted(0, 0, 0)),
        ("HD\r\nVA 3\r\na\r\n\r\nEN\r\n", counted(3, 0, 1)),
        ("VA 0\r\n\r\nNS\r\nSERVER_ERROR out of memory\r\nERROR\r\n", counted(4, 3, 0)),
        ("VA 5\r\nab", counted(0, 0, 0)),
    ] {
        let mut skipper = Skipper::default();
        assert_eq!(skipper.feed(input.as_bytes()), Ok(expected), "{input:?}");
        let mut skipper = Skipper::default();
        let mut sum = Counted::default();
        for byte in input.as_bytes() {
            let counted = skipper.feed(&[*byte]).unwrap();
            sum.replies += counted.replies;
            sum.errors += counted.errors;
            sum.nulls += counted.nulls;
        }
        assert_eq!(sum, expected, "{input:?} by bytes");
    }
}

#[test]
fn the_first_error_is_kept() {
    let mut skipper = Skipper::default();
    skipper.feed(b"-NOAUTH Authentication required.\r\n-ERR other\r\n").unwrap();
    assert_eq!(skipper.first_error.as_deref(), Some("NOAUTH Authentication required."));
}

#[test]
fn what_is_not_resp_is_shown() {
    for (input, shown) in [
        (&b"HTTP/1.1 400 Bad Request\r\n"[..], "HTTP/1.1 400 Bad Request"),
        (b"$x\r\n", "$x"),
        (b"+OK\n", "+OK"),
        (b"VA x\r\n", "VA x"),
        (b"VALUE key:1 0 3\r\n", "VALUE key:1 0 3"),
    ] {
        let found = Skipper::default().feed(input);
        assert_eq!(found, Err(NotResp(shown.to_owned())), "{}", input.escape_ascii());
    }
}

fn reply() -> impl Strategy<Value = Vec<u8>> {
    let bulk = vec(any::<u8>(), 0..150)
        .prop_map(|bytes| [format!("${}\r\n", bytes.len()).as_bytes(), &bytes, b"\r\n"].concat());
    let leaf = prop_oneof![
        bulk,
        "[+-][A-Z ]{0,9}\r\n".prop_map(String::into_bytes),
        any::<i64>().prop_map(|value| format!(":{value}\r\n").into_bytes()),
        Just(b"$-1\r\n".to_vec()),
        Just(b"_\r\n".to_vec()),
        Just(b"#t\r\n".to_vec()),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let aggregate = |marker: char, each: usize| {
            move |parts: Vec<Vec<u8>>| {
                let count = parts.len() / each;
                let parts = parts[..count * each].concat();
                [format!("{marker}{count}\r\n").as_bytes(), &parts].concat()
            }
        };
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(aggregate('*', 1)),
            vec(inner.clone(), 0..4).prop_map(aggregate('>', 1)),
            vec(inner, 0..5).prop_map(aggregate('%', 2)),
        ]
    })
}

fn errors_and_nulls(reply: &Reply) -> (u64, u64) {
    let sum = |replies: Vec<&Reply>| {
        replies.into_iter().map(errors_and_nulls).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    };
    match reply {
        Reply::Error(_) => (1, 0),
        Reply::Null => (0, 1),
        Reply::Array(values) | Reply::Push(values) => sum(values.iter().collect()),
        Reply::Map(pairs) => sum(pairs.iter().flat_map(|(key, value)| [key, value]).collect()),
        _ => (0, 0),
    }
}

proptest! {
    #[test]
    fn it_agrees_with_the_decoder(
        replies in vec(reply(), 1..8),
        seeds in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let stream = replies.concat();
        let mut expected = Counted::default();
        let mut rest = stream.as_slice();
        let mut decoder = Decoder::new();
        while let Some((length, reply)) = decoder.decode(rest).unwrap() {
            let (errors, nulls) = errors_and_nulls(&reply);
            expected.replies += 1;
            expected.errors += errors;
            expected.nulls += nulls;
            rest = &rest[length..];
        }
        prop_assert!(rest.is_empty());
        let mut cuts: Vec<usize> = seeds.iter().map(|seed| seed.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(stream.len());
        let (mut skipper, mut counted, mut start) = (Skipper::default(), Counted::default(), 0);
        for end in cuts {
            let one = skipper.feed(&stream[start..end]).unwrap();
            counted.replies += one.replies;
            counted.errors += one.errors;
            counted.nulls += one.nulls;
            start = end;
        }
        prop_assert_eq!(counted, expected);
    }
}
