//! Tables of forms that Redis writes or wrote, byte by byte.

use super::input::Input;
use super::listpack::{self, Listpack};
use super::read::read;
use super::value::Value;
use super::write::push_length;
use super::{intset, ziplist, zipmap};
use crate::command::hash::FieldValue;
use crate::command::sorted_set::Scored;
use std::borrow::Cow;

const UNPACKED_MAX: usize = 1 << 20;

fn words(text: &str) -> Vec<Vec<u8>> {
    text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn hash(text: &str) -> Value<'static> {
    let pairs = words(text);
    Value::Hash(pairs.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
}

fn sorted_set(members: &[(&str, f64)]) -> Value<'static> {
    let scored = |&(member, score): &(&str, f64)| Scored { score, member: member.into() };
    Value::SortedSet(members.iter().map(scored).collect())
}

/// Name, value and expiry of each field, 0 for none.
fn expiring(fields: &[(&str, &str, u64)]) -> Value<'static> {
    let field = |&(name, value, at_ms): &(&str, &str, u64)| FieldValue {
        name: name.into(),
        value: value.into(),
        expiry_ms: Some(at_ms).filter(|at_ms| *at_ms > 0),
    };
    Value::ExpiringHash(fields.iter().map(field).collect())
}

fn string(text: &'static [u8]) -> Value<'static> {
    Value::String(Cow::Borrowed(text))
}

/// Two entries, `a` and 1; two elements of the same.
const ZIPLIST: &[u8] = b"\x10\0\0\0\x0d\0\0\0\x02\0\x00\x01a\x03\xf2\xff";
const LISTPACK: &[u8] = b"\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff";
/// A field, its value and its expiry.
const EXPIRING_LISTPACK: &[u8] = b"\x0e\0\0\0\x03\0\x81a\x02\x01\x01\x05\x01\xff";

#[test]
fn every_form_is_read() {
    let with = |form: u8, head: &[u8], body: &[u8]| [&[form], head, body].concat();
    let ziplist = |form| with(form, b"\x10", ZIPLIST);
    let listpack = |form| with(form, b"\x0c", LISTPACK);
    for (bytes, expected) in [
        (b"\0\x01a".to_vec(), string(b"a")),
        (b"\0\x40\x01a".to_vec(), string(b"a")),
        (b"\0\x80\0\0\0\x01a".to_vec(), string(b"a")),
        (b"\0\x81\0\0\0\0\0\0\0\x01a".to_vec(), string(b"a")),
        (b"\0\0".to_vec(), string(b"")),
        (b"\0\xc0\xff".to_vec(), string(b"-1")),
        (b"\0\xc1\x00\x80".to_vec(), string(b"-32768")),
        (b"\0\xc2\x00\x00\x00\x80".to_vec(), string(b"-2147483648")),
        (b"\0\xc3\x05\x0d\x00a\xe0\x03\x00".to_vec(), string(b"aaaaaaaaaaaaa")),
        (b"\x01\x02\x01a\x01b".to_vec(), Value::List(words("a b"))),
        (b"\x02\x02\x01a\xc0\x05".to_vec(), Value::Set(words("a 5"))),
        (b"\x03\x03\x01a\x031.5\x01b\xfe\x01c\xff".to_vec(), {
            sorted_set(&[("a", 1.5), ("b", f64::INFINITY), ("c", f64::NEG_INFINITY)])
        }),
        (b"\x04\x01\x01a\x01b".to_vec(), hash("a b")),
        (b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x3f".to_vec(), sorted_set(&[("a", 1.5)])),
        (b"\x09\x09\x01\x01a\x02\x01bc-\xff".to_vec(), hash("a bc")),
        (ziplist(10), Value::List(words("a 1"))),
        (b"\x0b\x0c\x02\0\0\0\x02\0\0\0\xff\xff\x07\0".to_vec(), Value::Set(words("-1 7"))),
        (ziplist(12), sorted_set(&[("a", 1.0)])),
        (ziplist(13), hash("a 1")),
        (with(14, b"\x02\x10", &[ZIPLIST, b"\x10", ZIPLIST].concat()), {
            Value::List(words("a 1 a 1"))
        }),
        (listpack(16), hash("a 1")),
        (listpack(17), sorted_set(&[("a", 1.0)])),
        (with(18, b"\x02\x01\x01x\x02\x0c", LISTPACK), Value::List(words("x a 1"))),
        (listpack(20), Value::Set(words("a 1"))),
        (b"\x16\x02\x05\x01a\x01b\0\x01c\x01d".to_vec(), expiring(&[("a", "b", 5), ("c", "d", 0)])),
        (with(23, b"\x0e", EXPIRING_LISTPACK), expiring(&[("a", "1", 5)])),
        (b"\x18\x05\x01\0\0\0\0\0\0\x03\x01\x01a\x01b\x03\x01c\x01d\0\x01e\x01f".to_vec(), {
            expiring(&[("a", "b", 261), ("c", "d", 263), ("e", "f", 0)])
        }),
        (with(25, b"\x05\0\0\0\0\0\0\0\x0e", EXPIRING_LISTPACK), expiring(&[("a", "1", 5)])),
    ] {
        assert_eq!(read(&bytes, UNPACKED_MAX), Ok(expected), "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_cannot_be_is_refused() {
    for bytes in [
        &b""[..],
        b"\0",
        b"\0\x02a",
        b"\0\x01ab",
        b"\0\x82a",
        b"\0\xc4a",
        b"\0\x81\xff\xff\xff\xff\xff\xff\xff\xffa",
        // Unpacks to more than is allowed.
        b"\0\xc3\x05\x80\x7f\xff\xff\xff\x00a\xe0\x03\x00",
        b"\x01\0",
        b"\x01\x80\xff\xff\xff\xff\x01a",
        b"\x04\x01\x01a",
        b"\x03\x01\x01a\xfd",
        b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f",
        b"\x06\x01a",
        b"\x12\x01\x03\x01a",
        // The time is later than one may be; the sum of two passes 64 bits.
        b"\x16\x01\x81\0\xff\xff\xff\xff\xff\xff\xff\x01a\x01b",
        b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05\x01a\x01b",
        // No time behind the last value.
        b"\x17\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff",
        b"\xff",
    ] {
        assert!(read(bytes, UNPACKED_MAX).is_err(), "{}", bytes.escape_ascii());
    }
}

#[test]
fn numbers_of_small_forms_are_text() {
    for (entry, expected) in [
        (&b"\xc0\x00\x80"[..], "-32768"),
        (b"\xd0\xff\xff\xff\x7f", "2147483647"),
        (b"\xe0\0\0\0\0\0\0\0\x80", "-9223372036854775808"),
        (b"\xf0\xff\xff\xff", "-1"),
        (b"\xfe\x80", "-128"),
        (b"\xf1", "0"),
        (b"\xfd", "12"),
        (b"\x40\x02ab", "ab"),
        (b"\x80\0\0\0\x02ab", "ab"),
    ] {
        let mut list = vec![0; 10];
        list.push(0);
        list.extend_from_slice(entry);
        list.push(0xff);
        let bytes = u32::try_from(list.len()).unwrap();
        list[..4].copy_from_slice(&bytes.to_le_bytes());
        list[8] = 1;
        assert_eq!(ziplist::entries(&list), Ok(words(expected)), "{}", entry.escape_ascii());
    }
    for (element, expected) in [
        (&b"\x7f\x01"[..], "127"),
        (b"\xdf\xff\x02", "-1"),
        (b"\xcf\xff\x02", "4095"),
        (b"\xd0\x00\x02", "-4096"),
        (b"\xf1\x00\x80\x03", "-32768"),
        (b"\xf2\xff\xff\xff\x04", "-1"),
        (b"\xf3\xff\xff\xff\x7f\x05", "2147483647"),
        (b"\xf4\0\0\0\0\0\0\0\x80\x09", "-9223372036854775808"),
        (b"\xe0\x02ab\x04", "ab"),
        (b"\xf0\x02\0\0\0ab\x07", "ab"),
    ] {
        let mut pack = vec![0; 6];
        pack.extend_from_slice(element);
        pack.push(0xff);
        let bytes = u32::try_from(pack.len()).unwrap();
        pack[..4].copy_from_slice(&bytes.to_le_bytes());
        pack[4] = 1;
        assert_eq!(listpack::elements(&pack), Ok(words(expected)), "{}", element.escape_ascii());
    }
}

#[test]
fn a_listpack_is_read_as_it_was_written() {
    let mut pack = Listpack::new();
    let mut expected = Vec::new();
    for number in [0, 1, 127, 128, -1, i64::MIN, i64::MAX] {
        pack.push_number(number);
        expected.push(number.to_string().into_bytes());
    }
    for bytes in [0, 1, 63, 64, 125, 126, 127, 128, 4095, 4096, 16_377, 16_378, 16_379, 300_000] {
        let string = vec![b'x'; bytes];
        pack.push_string(&string);
        expected.push(string);
    }
    assert_eq!(listpack::elements(&pack.finish()), Ok(expected));
}

#[test]
fn small_forms_are_checked() {
    assert_eq!(zipmap::fields(b"\x01\x01a\x02\x01bc-\xff"), {
        Ok(vec![(b"a".to_vec(), b"bc".to_vec())])
    });
    assert!(zipmap::fields(b"\x02\x01a\x02\x01bc-\xff").is_err());
    assert!(zipmap::fields(b"\x01\x01a\x02\x01bc-").is_err());
    assert!(zipmap::fields(b"\x01\x01a\xff").is_err());
    assert!(intset::members(b"\x03\0\0\0\x01\0\0\0\x01\0\0").is_err());
    assert!(intset::members(b"\x02\0\0\0\xff\xff\xff\xff\x01\0").is_err());
    assert!(intset::members(b"\x02\0\0").is_err());
    for cut in 0..ZIPLIST.len() {
        assert!(ziplist::entries(&ZIPLIST[..cut]).is_err(), "{cut}");
    }
    for cut in 0..LISTPACK.len() {
        assert!(listpack::elements(&LISTPACK[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn lengths_are_read_as_they_were_written() {
    for length in [0, 63, 64, 16_383, 16_384, u64::from(u32::MAX), 1 << 32, u64::MAX] {
        let mut bytes = Vec::new();
        push_length(&mut bytes, length);
        assert_eq!(Input::new(&bytes, 0).number(), Ok(length), "{bytes:?}");
    }
}
