//! Every reply shape in both versions of the protocol.

use crate::{Encoder, Protocol};

type Write = fn(&mut Encoder<'_>);

#[test]
fn shapes() {
    let table: [(Write, &str, &str); 36] = [
        (|e| e.simple("OK"), "+OK\r\n", "+OK\r\n"),
        (|e| e.error("ERR two\r\nlines"), "-ERR two  lines\r\n", "-ERR two  lines\r\n"),
        (|e| e.integer(0), ":0\r\n", ":0\r\n"),
        (|e| e.integer(42), ":42\r\n", ":42\r\n"),
        (|e| e.integer(100), ":100\r\n", ":100\r\n"),
        (|e| e.integer(-1), ":-1\r\n", ":-1\r\n"),
        (|e| e.integer(i64::MAX), ":9223372036854775807\r\n", ":9223372036854775807\r\n"),
        (|e| e.integer(i64::MIN), ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"),
        (|e| e.bulk(b""), "$0\r\n\r\n", "$0\r\n\r\n"),
        (|e| e.bulk(b"a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"),
        (|e| e.bulk(&[b'x'; 12]), "$12\r\nxxxxxxxxxxxx\r\n", "$12\r\nxxxxxxxxxxxx\r\n"),
        (pieces, "$4\r\nabcd\r\n", "$4\r\nabcd\r\n"),
        (|e| e.bulk_header(u64::MAX), "$18446744073709551615\r\n", "$18446744073709551615\r\n"),
        (|e| e.null(), "$-1\r\n", "_\r\n"),
        (|e| e.null_array(), "*-1\r\n", "_\r\n"),
        (|e| e.array(0), "*0\r\n", "*0\r\n"),
        (|e| e.array(100), "*100\r\n", "*100\r\n"),
        (|e| e.map(3), "*6\r\n", "%3\r\n"),
        (|e| e.map(50), "*100\r\n", "%50\r\n"),
        (|e| e.set(3), "*3\r\n", "~3\r\n"),
        (|e| e.push(3), "*3\r\n", ">3\r\n"),
        (|e| e.double(0.1), "$3\r\n0.1\r\n", ",0.1\r\n"),
        (|e| e.double(3.0), "$1\r\n3\r\n", ",3\r\n"),
        (|e| e.double(-2.5e-10), "$8\r\n-2.5e-10\r\n", ",-2.5e-10\r\n"),
        (|e| e.double(1e17), "$5\r\n1e+17\r\n", ",1e+17\r\n"),
        (|e| e.double(f64::INFINITY), "$3\r\ninf\r\n", ",inf\r\n"),
        (|e| e.double(f64::NEG_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"),
        (|e| e.double(f64::NAN), "$3\r\nnan\r\n", ",nan\r\n"),
        (|e| e.boolean(true), ":1\r\n", "#t\r\n"),
        (|e| e.boolean(false), ":0\r\n", "#f\r\n"),
        (|e| e.verbatim("txt", b"a b"), "$3\r\na b\r\n", "=7\r\ntxt:a b\r\n"),
        (|e| e.verbatim("mkd", b""), "$0\r\n\r\n", "=4\r\nmkd:\r\n"),
        (|e| e.big_number("-123"), "$4\r\n-123\r\n", "(-123\r\n"),
        (|e| assert_eq!(e.attributes(2), e.protocol == Protocol::Resp3), "", "|2\r\n"),
        (|e| e.raw(b":1\r\n"), ":1\r\n", ":1\r\n"),
        (|e| e.crlf(), "\r\n", "\r\n"),
    ];
    for (row, (write, resp2, resp3)) in table.into_iter().enumerate() {
        for (protocol, expected) in [(Protocol::Resp2, resp2), (Protocol::Resp3, resp3)] {
            let mut out = b"before".to_vec();
            write(&mut Encoder::new(&mut out, protocol));
            let written = String::from_utf8_lossy(&out);
            assert_eq!(written, format!("before{expected}"), "row {row} in {protocol:?}");
        }
    }
}

fn pieces(encoder: &mut Encoder<'_>) {
    encoder.bulk_header(4);
    encoder.raw(b"ab");
    encoder.raw(b"cd");
    encoder.crlf();
}

#[test]
#[should_panic(expected = "is not three letters")]
fn a_verbatim_format_has_three_letters() {
    Encoder::new(&mut Vec::new(), Protocol::Resp3).verbatim("text", b"");
}
