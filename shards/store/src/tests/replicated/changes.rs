//! Tests of the bytes of changes: what is written is read, and nothing else is.

use super::fixture::payload;
use crate::{Attributes, Change, ChangeKind, decode_changes};
use hyperion_model::DatabaseId;
use proptest::prelude::*;

const ATTRIBUTES: Attributes = Attributes { flags: 7, cas: 1 << 40 };

fn change(kind: ChangeKind, key: &'static [u8], value: &'static [u8]) -> Change<'static> {
    Change { kind, database: DatabaseId(3), key, value, expiry_ms: None, attributes: None }
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
