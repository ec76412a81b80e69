//! Every frame and every error of the command parser.

use super::{Outcome, Parser, ProtocolError, command, parse, parse_with};
use crate::Limits;

#[test]
fn frames() {
    let hundred = [b'v'; 100];
    let long = [b"*1\r\n$100\r\n".as_slice(), &hundred, b"\r\n"].concat();
    let thousand = [b'v'; 1000];
    let longer = [b"*1\r\n$1000\r\n".as_slice(), &thousand, b"\r\n"].concat();
    for (input, expected) in [
        (&b""[..], Outcome::Incomplete(1)),
        (b"*", Outcome::Incomplete(2)),
        (b"*2\r", Outcome::Incomplete(4)),
        (b"*2\r\n", Outcome::Incomplete(16)),
        (b"*2\r\n$", Outcome::Incomplete(16)),
        (b"*2\r\n$3\r\nGE", Outcome::Incomplete(19)),
        (b"*2\r\n$3\r\nGET", Outcome::Incomplete(19)),
        (b"*2\r\n$3\r\nGET\r", Outcome::Incomplete(19)),
        (b"*2\r\n$3\r\nGET\r\n$1\r\nk\r", Outcome::Incomplete(20)),
        (b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", command(&[b"GET", b"k"], 20)),
        (b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n", command(&[b"PING"], 14)),
        (b"*1\r\n$0\r\n\r\n", command(&[b""], 10)),
        (b"*1\r\n$2\r\n\r\n\r\n", command(&[b"\r\n"], 12)),
        (b"*10\r\n", Outcome::Incomplete(65)),
        (b"*0\r\n", Outcome::Nothing(4)),
        (b"*0\r\nrest", Outcome::Nothing(4)),
        (b"*-1\r\n", Outcome::Nothing(5)),
        (b"\r\n", Outcome::Nothing(2)),
        (b"\n", Outcome::Nothing(1)),
        (&long, command(&[&hundred], 112)),
        (&longer, command(&[&thousand], 1013)),
    ] {
        assert_eq!(parse(input), expected, "input {}", input.escape_ascii());
    }
}

#[test]
fn errors() {
    use ProtocolError as E;
    for (input, expected) in [
        (&b"*a\r\n"[..], E::InvalidMultibulkLength),
        (b"*\r\n", E::InvalidMultibulkLength),
        (b"*+1\r\n", E::InvalidMultibulkLength),
        (b"*01\r\n", E::InvalidMultibulkLength),
        (b"* 1\r\n", E::InvalidMultibulkLength),
        (b"*inf\r\n", E::InvalidMultibulkLength),
        (b"*+inf\r\n", E::InvalidMultibulkLength),
        (b"*1\rX", E::InvalidMultibulkLength),
        (b"*1048577\r\n", E::InvalidMultibulkLength),
        (b"*2147483648\r\n", E::InvalidMultibulkLength),
        (b"*3000000000\r\n", E::InvalidMultibulkLength),
        (b"*9223372036854775807\r\n", E::InvalidMultibulkLength),
        (b"*9223372036854775808\r\n", E::InvalidMultibulkLength),
        (b"*1\r\nfoo\r\n", E::ExpectedDollar { got: b'f' }),
        (b"*1\r\n\r\n", E::ExpectedDollar { got: b'\r' }),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", E::ExpectedDollar { got: b'f' }),
        (b"*1\r\n$\r\n", E::InvalidBulkLength),
        (b"*1\r\n$-1\r\n", E::InvalidBulkLength),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$-10\r\n", E::InvalidBulkLength),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000000\r\n", E::InvalidBulkLength),
        (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$blabla\r\n", E::InvalidBulkLength),
        (b"*1\r\n$+inf\r\n", E::InvalidBulkLength),
        (b"*1\r\n$00\r\n", E::InvalidBulkLength),
        (b"*1\r\n$03\r\nGET\r\n", E::InvalidBulkLength),
        (b"*1\r\n$536870913\r\n", E::InvalidBulkLength),
        (b"*1\r\n$2147483648\r\n", E::InvalidBulkLength),
        (b"*1\r\n$9223372036854775808\r\n", E::InvalidBulkLength),
        (b"*1\r\n$3\rXGET\r\n", E::InvalidBulkLength),
        (b"*1\r\n$3\r\nGETS\r\n", E::MissingLineEnd),
        (b"*1\r\n$3\r\nGET\rX", E::MissingLineEnd),
    ] {
        assert_eq!(parse(input), Outcome::Error(expected), "input {}", input.escape_ascii());
    }
}

#[test]
fn error_texts_are_what_clients_match_on() {
    use ProtocolError as E;
    for (error, expected) in [
        (E::InvalidMultibulkLength, "Protocol error: invalid multibulk length"),
        (E::InvalidBulkLength, "Protocol error: invalid bulk length"),
        (E::ExpectedDollar { got: b'x' }, "Protocol error: expected '$', got 'x'"),
        (E::ExpectedDollar { got: b' ' }, "Protocol error: expected '$', got ' '"),
        (E::ExpectedDollar { got: b'\'' }, "Protocol error: expected '$', got '''"),
        (E::ExpectedDollar { got: b'\n' }, "Protocol error: expected '$', got '\\n'"),
        (E::ExpectedDollar { got: 0xff }, "Protocol error: expected '$', got '\\xff'"),
        (E::TooBigInlineRequest, "Protocol error: too big inline request"),
        (E::TooBigMultibulkCount, "Protocol error: too big mbulk count string"),
        (E::TooBigBulkCount, "Protocol error: too big bulk count string"),
        (E::UnbalancedQuotes, "Protocol error: unbalanced quotes in request"),
        (E::UnauthenticatedMultibulkLength, "Protocol error: unauthenticated multibulk length"),
        (E::UnauthenticatedBulkLength, "Protocol error: unauthenticated bulk length"),
    ] {
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn limits_hold_at_their_edges() {
    let limits = Limits {
        bulk_bytes_max: 5,
        arguments_max: 3,
        inline_bytes_max: 8,
        command_bytes_max: 30,
        authenticated: true,
    };
    for (input, expected) in [
        (&b"*3\r\n"[..], Outcome::Incomplete(22)),
        (b"*4\r\n", Outcome::Error(ProtocolError::InvalidMultibulkLength)),
        (b"*12\r\n", Outcome::Error(ProtocolError::InvalidMultibulkLength)),
        (b"*1\r\n$5\r\n", Outcome::Incomplete(15)),
        (b"*1\r\n$6\r\n", Outcome::Error(ProtocolError::InvalidBulkLength)),
        (
            b"*3\r\n$5\r\naaaaa\r\n$5\r\naaaaa\r\n$5\r\n",
            Outcome::Error(ProtocolError::TooBigRequest),
        ),
        (b"*11111111", Outcome::Incomplete(10)),
        (b"*111111111", Outcome::Error(ProtocolError::TooBigMultibulkCount)),
        (b"*111111111\r\n", Outcome::Error(ProtocolError::TooBigMultibulkCount)),
        (b"*1\r\n$11111111", Outcome::Incomplete(14)),
        (b"*1\r\n$111111111", Outcome::Error(ProtocolError::TooBigBulkCount)),
        (b"aaaaaaaa\r", Outcome::Incomplete(10)),
        (b"aaaaaaaa\r\n", command(&[b"aaaaaaaa"], 10)),
        (b"aaaaaaaa\n", command(&[b"aaaaaaaa"], 9)),
        (b"aaaaaaaaa\n", Outcome::Error(ProtocolError::TooBigInlineRequest)),
        (b"aaaaaaaaaa", Outcome::Error(ProtocolError::TooBigInlineRequest)),
    ] {
        let outcome = parse_with(&mut Parser::new(), input, &limits);
        assert_eq!(outcome, expected, "input {}", input.escape_ascii());
    }
}

#[test]
fn a_client_that_has_not_authenticated_is_held_short() {
    for (input, expected) in [
        (&b"*11\r\n"[..], ProtocolError::UnauthenticatedMultibulkLength),
        (b"*1048577\r\n", ProtocolError::InvalidMultibulkLength),
        (b"*1\r\n$16385\r\n", ProtocolError::UnauthenticatedBulkLength),
        (b"*1\r\n$536870913\r\n", ProtocolError::InvalidBulkLength),
    ] {
        let outcome = parse_with(&mut Parser::new(), input, &Limits::UNAUTHENTICATED);
        assert_eq!(outcome, Outcome::Error(expected), "input {}", input.escape_ascii());
    }
    for input in [&b"*10\r\n"[..], b"*1\r\n$16384\r\n"] {
        let outcome = parse_with(&mut Parser::new(), input, &Limits::UNAUTHENTICATED);
        assert!(matches!(outcome, Outcome::Incomplete(_)), "input {}", input.escape_ascii());
    }
}

#[test]
fn lines_without_an_end_are_refused_at_the_limit() {
    for (start, expected) in [
        (&b"\x00"[..], ProtocolError::TooBigInlineRequest),
        (b"*\x00", ProtocolError::TooBigMultibulkCount),
        (b"$\x00", ProtocolError::TooBigInlineRequest),
        (b"*1\r\n$\x00", ProtocolError::TooBigBulkCount),
    ] {
        let mut parser = Parser::new();
        let mut input = start.to_vec();
        let error = loop {
            match parse_with(&mut parser, &input, &Limits::DEFAULT) {
                Outcome::Incomplete(_) => input.extend_from_slice(b"payload"),
                outcome => break outcome,
            }
            assert!(input.len() < 128 * 1024, "start {}", start.escape_ascii());
        };
        assert_eq!(error, Outcome::Error(expected), "start {}", start.escape_ascii());
        assert!(parser.is_idle());
    }
}

#[test]
fn an_idle_parser_is_small_and_owns_nothing() {
    assert!(size_of::<Parser>() <= 64, "{} bytes", size_of::<Parser>());
    let input = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    let mut parser = Parser::new();
    for length in 0..input.len() {
        parse_with(&mut parser, &input[..length], &Limits::DEFAULT);
    }
    assert!(!parser.is_idle());
    assert_eq!(parse_with(&mut parser, input, &Limits::DEFAULT), command(&[b"GET", b"k"], 20));
    assert!(parser.is_idle());
    assert_eq!(parser.held_bytes(), 0);
}

/// 200,000 arguments in pieces of 7 bytes would be 20 billion spans if every piece were parsed
/// from the start, and the test would not end; so for a line byte by byte searched anew.
#[test]
fn pieces_cost_what_the_whole_costs() {
    let mut input = b"*200000\r\n".to_vec();
    for _ in 0..200_000 {
        input.extend_from_slice(b"$1\r\nk\r\n");
    }
    let mut parser = Parser::new();
    let mut calls = 0_usize;
    for length in (1..input.len()).step_by(7) {
        let outcome = parse_with(&mut parser, &input[..length], &Limits::DEFAULT);
        assert!(matches!(outcome, Outcome::Incomplete(_)), "at {length}: {outcome:?}");
        calls += 1;
    }
    let Outcome::Command(arguments, consumed) = parse_with(&mut parser, &input, &Limits::DEFAULT)
    else {
        panic!("the whole command is there");
    };
    assert_eq!((arguments.len(), consumed), (200_000, input.len()));
    assert!(calls > 190_000);

    let line = [b'x'; 60 * 1024];
    for length in 1..line.len() {
        let outcome = parse_with(&mut parser, &line[..length], &Limits::DEFAULT);
        assert_eq!(outcome, Outcome::Incomplete(length + 1));
    }
}
