//! Tests of the bounded reading of a request: tables of raw bytes, torn at every byte.

use crate::http::answer::refusal;
use crate::http::front::{Progress, RequestReader};
use crate::http::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX};
use crate::http::request::{Request, decode_authorization};

fn request(method: &str, target: &str, authorization: Option<&str>, body: &str) -> Request {
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        authorization: authorization.map(|value| value.as_bytes().to_vec()),
        body: body.as_bytes().to_vec(),
        peer: String::new(),
    }
}

/// Feeds pieces until one of them ends it; what asks for a `100 Continue` is read on.
fn feed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Progress {
    let mut reader = RequestReader::default();
    for piece in pieces {
        match reader.feed(piece) {
            Progress::More | Progress::Continue => {}
            end => return end,
        }
    }
    Progress::More
}

#[test]
fn whole_requests_are_read_torn_at_every_byte() {
    for (raw, expected) in [
        ("GET /health HTTP/1.1\r\nHost: x\r\n\r\n", request("GET", "/health", None, "")),
        ("GET / HTTP/1.0\r\n\r\n", request("GET", "/", None, "")),
        ("POST /snapshot HTTP/1.1\r\n\r\nrest", request("POST", "/snapshot", None, "")),
        ("GET /config?next=1 HTTP/1.1\r\n\r\nrest", request("GET", "/config?next=1", None, "")),
        (
            "POST /config HTTP/1.1\r\ncontent-length: 5\r\nAUTHORIZATION:  Bearer p w \r\n\r\nhello",
            request("POST", "/config", Some("Bearer p w"), "hello"),
        ),
        (
            "POST /config HTTP/1.1\r\nContent-Length:0\r\nExpect: 100-Continue\r\n\r\n",
            request("POST", "/config", None, ""),
        ),
        (
            "POST /config HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello world",
            request("POST", "/config", None, "hello"),
        ),
        (
            "GET / HTTP/1.1\r\nAuthorization: Bearer \u{e9}\r\n\r\n",
            request("GET", "/", Some("Bearer \u{e9}"), ""),
        ),
    ] {
        let bytes = raw.as_bytes();
        assert_eq!(feed([bytes]), Progress::Complete(expected.clone()), "{raw:?}");
        assert_eq!(feed(bytes.chunks(1)), Progress::Complete(expected.clone()), "{raw:?}");
        for cut in 0..=bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let progress = feed([first, second]);
            assert_eq!(progress, Progress::Complete(expected.clone()), "{raw:?} cut at {cut}");
        }
    }
}

#[test]
fn bad_requests_are_refused_torn_or_not() {
    let long_header = format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX));
    let long_line = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(HEAD_BYTES_MAX));
    let long_body = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", BODY_BYTES_MAX + 1);
    for (raw, status) in [
        ("GET / HTTP/1.1\r\nOrigin: http://evil.example\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nORIGIN: null\r\n\r\n", 403),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (&long_body, 413),
        ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nExpect: wonders\r\n\r\n", 417),
        ("PRI * HTTP/2.0\r\n\r\n", 505),
        ("GET / HTTP/3\r\n\r\n", 505),
        ("*1\r\n$4\r\nPING\r\n", 400),
        ("PING\r\n", 400),
        ("get / HTTP/1.1\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\n\r\n", 400),
        ("GET http://x/ HTTP/1.1\r\n\r\n", 400),
        ("GET * HTTP/1.1\r\n\r\n", 400),
        ("GET /\u{e9} HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: x\n\n", 400),
        ("GET / HTTP/1.1\r\nA: b\n\r\n", 400),
        ("GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nA\0: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
        ("\r\n\r\n", 400),
        ("\u{16}\u{3}\u{1}", 400),
        (&long_header, 431),
        (&long_line, 431),
    ] {
        for pieces in [vec![raw.as_bytes()], raw.as_bytes().chunks(1).collect()] {
            match feed(pieces) {
                Progress::Refuse(at, sentence) => {
                    assert_eq!(at, status, "{raw:.80?}: {sentence}");
                    assert!(!sentence.contains('\n') && sentence.contains("; "), "{sentence}");
                }
                other => panic!("{raw:.80?}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_body_may_come_with_the_longest_head_and_not_more_is_kept() {
    let head = "POST / HTTP/1.1\r\nContent-Length: 1048576\r\nX: ";
    let padding = "x".repeat(HEAD_BYTES_MAX - head.len() - 4);
    let raw = format!("{head}{padding}\r\n\r\n{}", "b".repeat(BODY_BYTES_MAX + 10));
    for size in [raw.len(), 16 << 10, 4093] {
        match feed(raw.as_bytes().chunks(size)) {
            Progress::Complete(request) => assert_eq!(request.body.len(), BODY_BYTES_MAX, "{size}"),
            other => panic!("{size}: {other:?}"),
        }
    }
    let mut reader = RequestReader::default();
    assert_eq!(reader.feed(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"), Progress::More);
    assert!(reader.in_body());
    assert!(matches!(reader.feed(b"b"), Progress::Complete(_)));
    assert!(!reader.in_body());
    assert_eq!(reader.feed(b"GET / HTTP/1.1\r\n\r\n"), Progress::More, "one request a connection");
}

#[test]
fn a_client_that_waits_is_told_to_go_on_once() {
    let mut reader = RequestReader::default();
    let head = b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(reader.feed(head), Progress::Continue);
    assert_eq!(reader.feed(b"a"), Progress::More);
    assert!(matches!(reader.feed(b"b"), Progress::Complete(_)));
}

#[test]
fn a_refusal_is_json_and_closes() {
    let bytes = refusal(413, "the body is too long; send less");
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    assert!(text.contains("\r\nConnection: close\r\n"), "{text}");
    let body = text.split_once("\r\n\r\n").expect("a body").1;
    let json: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(json["errors"][0]["problem"], "the body is too long");
    assert_eq!(json["errors"][0]["hint"], "send less");
}

#[test]
fn authorization_survives_the_hop() {
    let request = request("GET", "/", Some("Bearer \u{e9}\u{1f600}"), "");
    let text = String::from_utf8(request.to_bytes()).expect("ASCII");
    let (_, rest) = text.split_once("Authorization-Hex: ").expect("the header");
    let hex = rest.split_once("\r\n").expect("a line").0;
    assert_eq!(decode_authorization(hex), request.authorization);
    for text in ["0", "0g", "é"] {
        assert_eq!(decode_authorization(text), None, "{text}");
    }
}

/// A small generator, so that a failing case can be run again by its number.
fn draw(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn any_bytes_in_any_pieces_end_the_same() {
    const WORDS: [&[u8]; 12] = [
        b"\r\n",
        b"\r\n\r\n",
        b"\n",
        b"\r",
        b":",
        b" ",
        b"GET / HTTP/1.1\r\n",
        b"Content-Length: 3\r\n",
        b"Expect: 100-continue\r\n",
        b"Host: x\r\n",
        b"abc",
        b"\xff\0",
    ];
    for case in 1..=20_000_u64 {
        let mut state = case.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut raw = Vec::new();
        if draw(&mut state).is_multiple_of(2) {
            raw.extend_from_slice(b"GET / HTTP/1.1\r\n");
        }
        for _ in 0..draw(&mut state) % 8 {
            let word = usize::try_from(draw(&mut state) % 12).expect("below 12");
            raw.extend_from_slice(WORDS[word]);
        }
        let size = usize::try_from(draw(&mut state) % 20 + 1).expect("below 21");
        let whole = feed([raw.as_slice()]);
        let torn = feed(raw.chunks(size));
        // What is refused first may depend on how much is seen at once; that it is refused does
        // not.
        let both_refuse = matches!((&whole, &torn), (Progress::Refuse(..), Progress::Refuse(..)));
        assert!(
            both_refuse || whole == torn,
            "case {case}: {whole:?} {torn:?} {}",
            raw.escape_ascii()
        );
    }
}
