//! The bytes of requests, in both protocols.

use super::flags;
use crate::arguments::Dialect;
use crate::keys::Keys;
use crate::random::Random;
use crate::request::{Fill, Mix, Source};

fn fills(dialect: Dialect) -> String {
    let mut fill = Source::Fill(Fill::new(41, dialect, b"abc"));
    let mut out = Vec::new();
    for _ in 0..2 {
        fill.append(&mut out);
    }
    String::from_utf8(out).unwrap()
}

fn reads(line: &str) -> String {
    let arguments = flags(&format!("{line} --keys 1 --read-ratio 1"));
    let keys = Keys::new(&arguments);
    let mix = arguments.mix().unwrap();
    let mut mix = Source::Mix(Mix::new(&mix, arguments.protocol, b"", keys, Random::new(1, 0)));
    let mut out = Vec::new();
    mix.append(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn each_protocol_has_its_own_words() {
    assert_eq!(
        fills(Dialect::Resp),
        "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000000041\r\n$3\r\nabc\r\n\
         *3\r\n$3\r\nSET\r\n$16\r\nkey:000000000042\r\n$3\r\nabc\r\n"
    );
    assert_eq!(
        fills(Dialect::Memcached),
        "ms key:000000000041 3\r\nabc\r\nms key:000000000042 3\r\nabc\r\n"
    );
    assert_eq!(reads(""), "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000000\r\n");
    assert_eq!(reads("--protocol memcached"), "mg key:000000000000 v\r\n");
}
