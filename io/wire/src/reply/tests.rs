//! Every reply type and error; what the encoder writes comes back, however it is cut.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Decoder, Reply, ReplyError};
use crate::{Encoder, Protocol};

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

#[test]
fn replies() {
    for (input, expected) in [
        ("+OK\r\n", Reply::Simple(b"OK".to_vec())),
        ("+\r\n", Reply::Simple(vec![])),
        ("-ERR no\r\n", Reply::Error(b"ERR no".to_vec())),
        ("!6\r\nERR no\r\n", Reply::Error(b"ERR no".to_vec())),
        (":-42\r\n", Reply::Integer(-42)),
        ("$3\r\nabc\r\n", bulk("abc")),
        ("$0\r\n\r\n", bulk("")),
        ("$-1\r\n", Reply::Null),
        ("*-1\r\n", Reply::Null),
        ("_\r\n", Reply::Null),
        ("*0\r\n", Reply::Array(vec![])),
        ("*2\r\n:1\r\n*1\r\n$1\r\na\r\n", {
            Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![bulk("a")])])
        }),
        ("*2\r\n*0\r\n:1\r\n", Reply::Array(vec![Reply::Array(vec![]), Reply::Integer(1)])),
        ("%1\r\n+k\r\n:1\r\n", {
            Reply::Map(vec![(Reply::Simple(b"k".to_vec()), Reply::Integer(1))])
        }),
        ("~1\r\n:1\r\n", Reply::Set(vec![Reply::Integer(1)])),
        (">1\r\n:1\r\n", Reply::Push(vec![Reply::Integer(1)])),
        (",1.5\r\n", Reply::Double(1.5)),
        (",-inf\r\n", Reply::Double(f64::NEG_INFINITY)),
        (",1e+17\r\n", Reply::Double(1e17)),
        ("#t\r\n", Reply::Boolean(true)),
        ("#f\r\n", Reply::Boolean(false)),
        ("=7\r\ntxt:a b\r\n", Reply::Verbatim { format: *b"txt", text: b"a b".to_vec() }),
        ("(-12345678901234567890\r\n", Reply::BigNumber(b"-12345678901234567890".to_vec())),
        (
            "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n*1\r\n:3\r\n",
            Reply::Attributed {
                attributes: vec![
                    (Reply::Simple(b"a".to_vec()), Reply::Integer(1)),
                    (Reply::Simple(b"b".to_vec()), Reply::Integer(2)),
                ],
                reply: Box::new(Reply::Array(vec![Reply::Integer(3)])),
            },
        ),
    ] {
        let input = input.as_bytes();
        let expected = Ok(Some((input.len(), expected)));
        let followed = [input, b"+next\r\n"].concat();
        assert_eq!(Decoder::new().decode(&followed), expected, "input {}", input.escape_ascii());
        let mut decoder = Decoder::new();
        for length in 0..input.len() {
            let decoded = decoder.decode(&input[..length]);
            assert_eq!(decoded, Ok(None), "{length} bytes of {}", input.escape_ascii());
        }
        assert_eq!(decoder.decode(input), expected, "input {}", input.escape_ascii());
        assert_eq!(decoder.decode(b":7\r\n"), Ok(Some((4, Reply::Integer(7)))));
    }
}

#[test]
fn errors() {
    let malformed = |offset| ReplyError::Malformed { offset };
    for (input, expected) in [
        ("x", ReplyError::UnknownType { got: b'x', offset: 0 }),
        ("*1\r\nx", ReplyError::UnknownType { got: b'x', offset: 4 }),
        (":x\r\n", malformed(0)),
        (":\r\n", malformed(0)),
        ("+a\rb", malformed(0)),
        ("$?\r\n", malformed(0)),
        ("$-2\r\n", malformed(0)),
        ("%-1\r\n", malformed(0)),
        ("!-1\r\n", malformed(0)),
        ("$1\r\nab\r\n", malformed(5)),
        ("*1\r\n#x\r\n", malformed(4)),
        (",abc\r\n", malformed(0)),
        ("(12x\r\n", malformed(0)),
        ("=2\r\nab\r\n", malformed(0)),
        ("$536870913\r\n", ReplyError::TooBig { what: "bytes in one string", limit: 536_870_912 }),
        ("*16777217\r\n", ReplyError::TooBig { what: "elements", limit: 16_777_216 }),
        ("%9223372036854775807\r\n", ReplyError::TooBig { what: "elements", limit: 16_777_216 }),
    ] {
        assert_eq!(Decoder::new().decode(input.as_bytes()), Err(expected), "input {input:?}");
    }
}

#[test]
fn depth_and_lines_are_bounded() {
    let deep = "*1\r\n".repeat(32) + ":1\r\n";
    assert!(matches!(Decoder::new().decode(deep.as_bytes()), Ok(Some(_))));
    let deeper = "*1\r\n".repeat(33) + ":1\r\n";
    let expected = ReplyError::TooBig { what: "levels", limit: 32 };
    assert_eq!(Decoder::new().decode(deeper.as_bytes()), Err(expected));
    let line = "+".to_owned() + &"x".repeat(65_537);
    let expected = ReplyError::TooBig { what: "bytes in one line", limit: 65_536 };
    assert_eq!(Decoder::new().decode(line.as_bytes()), Err(expected));
}

/// Each attribute read as one value within the next would overflow the stack of the reader.
#[test]
fn attributes_in_a_row_do_not_nest() {
    let input = "|0\r\n".repeat(1_000_000) + ":1\r\n";
    let decoded = Decoder::new().decode(input.as_bytes());
    let reply = Reply::Attributed { attributes: vec![], reply: Box::new(Reply::Integer(1)) };
    assert_eq!(decoded, Ok(Some((input.len(), reply))));
}

fn encode(encoder: &mut Encoder<'_>, reply: &Reply) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("made from a string");
    match reply {
        Reply::Simple(bytes) => encoder.simple(&text(bytes)),
        Reply::Error(bytes) => encoder.error(&text(bytes)),
        Reply::Integer(value) => encoder.integer(*value),
        Reply::Bulk(bytes) => encoder.bulk(bytes),
        Reply::Null => encoder.null(),
        Reply::Double(value) => encoder.double(*value),
        Reply::Boolean(value) => encoder.boolean(*value),
        Reply::Verbatim { format, text: bytes } => encoder.verbatim(&text(format), bytes),
        Reply::BigNumber(digits) => encoder.big_number(&text(digits)),
        Reply::Array(values) => {
            encoder.array(values.len());
            values.iter().for_each(|value| encode(encoder, value));
        }
        Reply::Set(values) => {
            encoder.set(values.len());
            values.iter().for_each(|value| encode(encoder, value));
        }
        Reply::Push(values) => {
            encoder.push(values.len());
            values.iter().for_each(|value| encode(encoder, value));
        }
        Reply::Map(pairs) => {
            encoder.map(pairs.len());
            for (key, value) in pairs {
                encode(encoder, key);
                encode(encoder, value);
            }
        }
        Reply::Attributed { .. } => unreachable!("the server writes no attributes"),
    }
}

fn reply() -> impl Strategy<Value = Reply> {
    let leaf = prop_oneof![
        "[a-zA-Z ]{0,12}".prop_map(|text| Reply::Simple(text.into_bytes())),
        "[A-Z]{1,9} [a-z ]{0,12}".prop_map(|text| Reply::Error(text.into_bytes())),
        any::<i64>().prop_map(Reply::Integer),
        vec(any::<u8>(), 0..200).prop_map(Reply::Bulk),
        Just(Reply::Null),
        any::<f64>().prop_map(Reply::Double),
        any::<bool>().prop_map(Reply::Boolean),
        vec(any::<u8>(), 0..20).prop_map(|text| Reply::Verbatim { format: *b"txt", text }),
        "-?[1-9][0-9]{0,30}".prop_map(|text| Reply::BigNumber(text.into_bytes())),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Reply::Array),
            vec(inner.clone(), 0..6).prop_map(Reply::Set),
            vec(inner.clone(), 0..6).prop_map(Reply::Push),
            vec((inner.clone(), inner), 0..4).prop_map(Reply::Map),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        replies in vec(reply(), 1..5),
        seeds in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let mut stream = Vec::new();
        for reply in &replies {
            encode(&mut Encoder::new(&mut stream, Protocol::Resp3), reply);
        }
        let mut cuts: Vec<usize> = seeds.iter().map(|seed| seed.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(stream.len());
        let mut decoder = Decoder::new();
        let (mut start, mut read) = (0, Vec::new());
        for end in cuts {
            while let Some((length, reply)) = decoder.decode(&stream[start..end]).unwrap() {
                read.push(reply);
                start += length;
            }
        }
        prop_assert_eq!(start, stream.len());
        prop_assert_eq!(read, replies);
    }

    #[test]
    fn random_bytes_do_no_harm(
        stream in vec(prop_oneof![
            "[-+:$*%~>|,#_(=!][0-9]{0,3}\r\n".prop_map(String::into_bytes),
            vec(any::<u8>(), 0..6),
        ], 0..40).prop_map(|pieces| pieces.concat()),
    ) {
        let mut decoder = Decoder::new();
        let mut start = 0;
        while let Ok(Some((length, _))) = decoder.decode(&stream[start..]) {
            prop_assert!(length > 0);
            start += length;
        }
    }
}
