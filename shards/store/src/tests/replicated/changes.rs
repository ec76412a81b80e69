//! Tests of the bytes of changes: what is written is read, and nothing else is.

use super::fixture::payload;
use crate::object::{Amendment, encode_amendment};
use crate::{Attributes, Change, ChangeKind, Edit, Insert, ValueType, decode_changes};
use hyperion_model::DatabaseId;
use proptest::prelude::*;

const ATTRIBUTES: Attributes = Attributes { flags: 7, cas: 1 << 40 };

/// Of a value of type 4 in 3 chunks: a splice of the third, which goes in the place of two bytes; the second goes; one comes behind the first.
const AMENDMENT: &[u8] = &[
    4, 3, 0, 0, 0, //
    0, 2, 0, 0, 0, 8, 0, 0, 0, 5, 0, 2, 0, 2, 0, b'a', b'b', //
    1, 1, 0, 0, 0, //
    2, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, b'n', b'e', b'w',
];

fn change(kind: ChangeKind, key: &'static [u8], value: &'static [u8]) -> Change<'static> {
    Change { kind, database: DatabaseId(3), key, value, expiry_ms: None, attributes: None }
}

#[test]
fn an_amendment_has_these_bytes() {
    let edits =
        [Edit::Splice { chunk: 2, at: 5, removed: 2, inserted: b"ab" }, Edit::Remove { chunk: 1 }];
    let new = [vec![&b"n"[..], b"ew"]];
    let bytes = encode_amendment(ValueType(4), 3, &edits, &[Insert { after: 0, chunks: &new }]);
    assert_eq!(bytes, AMENDMENT);
    let read = Amendment::read(AMENDMENT).expect("it is one");
    assert_eq!((read.value_type, read.chunks, &read.edits[..]), (ValueType(4), 3, &edits[..]));
    assert_eq!(read.inserts()[0].after, 0);
    assert_eq!(read.inserts()[0].chunks.concat().concat(), b"new");
}

#[test]
fn changes_are_read_as_they_were_written() {
    let changes = [
        change(ChangeKind::Put, b"key", b"value"),
        Change { expiry_ms: Some(u64::MAX), ..change(ChangeKind::Put, b"", b"") },
        Change { attributes: Some(ATTRIBUTES), ..change(ChangeKind::Put, b"k", b"v") },
        Change {
            expiry_ms: Some(7),
            attributes: Some(ATTRIBUTES),
            ..change(ChangeKind::Put, b"k", b"v")
        },
        change(ChangeKind::Packed, b"packed", &[4, 1]),
        change(ChangeKind::Object, b"object", &[4, 1, 0, 0, 0, 9, 0, 0, 0, 0]),
        change(ChangeKind::Amend, b"amended", AMENDMENT),
        change(ChangeKind::Delete, b"gone", b""),
        change(ChangeKind::Flush, b"", b""),
        change(ChangeKind::FlushAll, b"", b""),
    ];
    let bytes = payload(&changes);
    assert_eq!(decode_changes(&bytes).as_deref(), Ok(&changes[..]));
    // Cut anywhere, it is a prefix of the changes or none.
    for end in 0..bytes.len() {
        if let Ok(read) = decode_changes(&bytes[..end]) {
            assert_eq!(payload(&read), &bytes[..end], "cut at {end}");
        }
    }
    for (wrong, what) in [
        (change(ChangeKind::Packed, b"packed", b""), "no type"),
        (change(ChangeKind::Object, b"object", &[4]), "no chunk"),
        (change(ChangeKind::Object, b"object", &[4, 2, 0, 0, 0, 9]), "a short chunk"),
        (change(ChangeKind::Amend, b"amended", &AMENDMENT[..5]), "no step"),
        (change(ChangeKind::Amend, b"amended", &AMENDMENT[..20]), "a short step"),
        (change(ChangeKind::Amend, b"amended", &[4, 3, 0, 0, 0, 1, 0, 0, 0, 0]), "the first goes"),
        (change(ChangeKind::Amend, b"amended", &[4, 3, 0, 0, 0, 1, 3, 0, 0, 0]), "no chunk"),
        (change(ChangeKind::Delete, b"gone", b"value"), "a value"),
        (change(ChangeKind::Flush, b"key", b""), "a key"),
        (Change { database: DatabaseId(17), ..change(ChangeKind::Put, b"", b"") }, "a database"),
    ] {
        assert!(decode_changes(&payload(&[wrong])).is_err(), "{what}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_changes_or_an_error(bytes in prop::collection::vec(0..9_u8, 0..80)) {
        if let Ok(changes) = decode_changes(&bytes) {
            prop_assert_eq!(payload(&changes), bytes);
        }
    }
}
