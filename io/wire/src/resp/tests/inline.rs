//! Inline commands and their quotes.

use super::{Outcome, ProtocolError, command, parse};

#[test]
fn lines() {
    for (input, expected) in [
        (&b"PING\r\n"[..], command(&[b"PING"], 6)),
        (b"PING\nPING\n", command(&[b"PING"], 5)),
        (b"  get \t k  \r\n", command(&[b"get", b"k"], 13)),
        (b"set k a\x0bb\n", command(&[b"set", b"k", b"a", b"b"], 10)),
        (b"a\x00b\n", command(&[b"a\x00b"], 4)),
        (b"$3\n", command(&[b"$3"], 3)),
        (b"\x80\xff\n", command(&[b"\x80\xff"], 3)),
        (b"   \r\n", Outcome::Nothing(5)),
        (b"PING", Outcome::Incomplete(5)),
        (b"PING\r", Outcome::Incomplete(6)),
        (b"PING\rPONG\n", command(&[b"PING", b"PONG"], 10)),
        (b"set k \"a b\"\n", command(&[b"set", b"k", b"a b"], 12)),
        (b"set k 'a b'\n", command(&[b"set", b"k", b"a b"], 12)),
        (b"\"\"\n", command(&[b""], 3)),
        (b"'' x\n", command(&[b"", b"x"], 5)),
        (b"ab\"c d\"\n", command(&[b"abc d"], 8)),
        (b"\"\\n\\r\\t\\b\\a\\\\\\\"\\q\"\n", command(&[b"\n\r\t\x08\x07\\\"q"], 19)),
        (b"\"\\x00\\xfF\\x4\\xzz\"\n", command(&[b"\x00\xffx4xzz"], 18)),
        (b"'a\\'b\\n'\n", command(&[b"a'b\\n"], 9)),
        (b"\"it's\"\n", command(&[b"it's"], 7)),
    ] {
        assert_eq!(parse(input), expected, "input {}", input.escape_ascii());
    }
}

#[test]
fn unbalanced_quotes() {
    for input in [
        &b"\"\n"[..],
        b"'\n",
        b"set \"\"\"test-key\"\"\" test-value\r\n",
        b"set k \"abc\n",
        b"set k 'abc\n",
        b"\"a\"b\n",
        b"'a'b\n",
        b"\"a\\\"\n",
        b"'a\\'\n",
        b"'a''b'\n",
    ] {
        let expected = Outcome::Error(ProtocolError::UnbalancedQuotes);
        assert_eq!(parse(input), expected, "input {}", input.escape_ascii());
    }
}
