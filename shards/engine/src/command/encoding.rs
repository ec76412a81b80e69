//! Owns what OBJECT ENCODING answers: the form in which Redis would keep the value, by the sizes at which it changes it.

use super::fields::name_of;
use super::hash::EXPIRIES;
use super::types::{HASH, LIST, SET, SORTED_SET, STREAM};
use crate::collection::{Section, View};
use hyperion_cluster::config::Thresholds;
use hyperion_model::number::parse_integer;
use hyperion_store::{Found, Store, Value};

/// Longest string that Redis keeps in one piece with its head.
const EMBEDDED_BYTES_MAX: usize = 44;
/// Longest integer as text.
const INTEGER_BYTES_MAX: usize = 20;
/// Where members of sorted sets lie in the order of their scores, behind eight bytes of it.
const RANKS: Section = 1;
const SCORE_BYTES: usize = 8;

/// The encoding that Redis would give the value.
pub(super) fn encoding_of(
    store: &mut Store,
    found: &Found,
    thresholds: &Thresholds,
) -> &'static [u8] {
    let value_type = store.value_type(found);
    match value_type {
        HASH | SET | SORTED_SET => {
            let view = View::new(store, found);
            match value_type {
                HASH => {
                    let Thresholds { hash_listpack_entries, hash_listpack_value, .. } = *thresholds;
                    let most = (hash_listpack_entries, hash_listpack_value);
                    match short(&view, 0, most, b"hashtable") {
                        b"listpack" if view.count(EXPIRIES) > 0 => b"listpackex",
                        encoding => encoding,
                    }
                }
                SET => set(&view, thresholds),
                _ => {
                    let Thresholds { zset_listpack_entries, zset_listpack_value, .. } = *thresholds;
                    short(&view, RANKS, (zset_listpack_entries, zset_listpack_value), b"skiplist")
                }
            }
        }
        // As Redis 7.0 names all of them; 7.2 has a short form, and no other reply tells it.
        LIST => b"quicklist",
        STREAM => b"stream",
        _ => match store.value(found) {
            Value::Whole(text)
                if text.len() <= INTEGER_BYTES_MAX && parse_integer(text).is_some() =>
            {
                b"int"
            }
            Value::Whole(text) if text.len() <= EMBEDDED_BYTES_MAX => b"embstr",
            _ => b"raw",
        },
    }
}

/// A listpack while it has few short entries, else `long`.
fn short(
    view: &View<'_>,
    section: Section,
    (entries, bytes): (u64, u64),
    long: &'static [u8],
) -> &'static [u8] {
    let name_bytes = |key: &[u8]| match section {
        RANKS => key.len() - SCORE_BYTES,
        _ => name_of(view, key).len(),
    };
    let is_short = view.count(section) <= entries
        && view.all(section).all(|(_, entry)| {
            name_bytes(&entry.key) as u64 <= bytes && entry.value.len() as u64 <= bytes
        });
    if is_short { b"listpack" } else { long }
}

fn set(view: &View<'_>, thresholds: &Thresholds) -> &'static [u8] {
    let Thresholds { set_intset_entries, set_listpack_entries, set_listpack_value, .. } =
        *thresholds;
    let is_integer = |key: &[u8]| parse_integer(name_of(view, key)).is_some();
    if view.count(0) <= set_intset_entries && view.all(0).all(|(_, entry)| is_integer(&entry.key)) {
        return b"intset";
    }
    short(view, 0, (set_listpack_entries, set_listpack_value), b"hashtable")
}
