//! Owns putting many names into a hash or a set at once: what is there is written anew with them, where a place for each would cost more.

use super::fields::hashed;
use crate::collection::{Edit, Section};
use std::cmp::Ordering;

/// Names from which on it is done.
const NAMES_MIN: usize = 64;
/// It is done where there are so many times as many names already, at most.
const TIMES_MAX: u64 = 8;

/// Whether [`put_all`] is for so many names with so many bytes, those of their values too: they are many beside what is there, and do not
/// stay packed.
pub(super) fn is_for_all(
    edit: &Edit<'_, '_>,
    section: Section,
    (names, bytes): (usize, usize),
) -> bool {
    let there = edit.view().count(section);
    names >= NAMES_MIN
        && there <= names as u64 * TIMES_MAX
        && (!edit.is_packed() || edit.outgrows(section, bytes))
}

/// Puts names with their values into a collection that has no other section; of a name that is there twice the last value. Gives how many
/// are new. The collection is an object from then on.
pub(super) fn put_all(
    edit: &mut Edit<'_, '_>,
    section: Section,
    entries: &[(&[u8], &[u8])],
) -> usize {
    let key_of = |name: &[u8]| {
        let mut key = Vec::new();
        hashed(name, &mut key);
        key
    };
    let was_packed = edit.is_packed();
    let mut there = edit.unpack(section);
    if was_packed {
        there.iter_mut().for_each(|(name, _)| *name = key_of(name));
        there.sort_unstable();
    }
    let mut put: Vec<(Vec<u8>, &[u8])> =
        entries.iter().map(|(name, value)| (key_of(name), *value)).collect();
    // Stable: of those that are alike the last one comes last.
    put.sort_by(|left, right| left.0.cmp(&right.0));
    let count = there.len();
    let merged = merge(&there, &put);
    let added = merged.len() - count;
    edit.insert_all(section, None, merged.into_iter());
    added
}

/// Both in one order; where a key is in both, or several times in `put`, it is there once, with the last value.
fn merge<'a>(
    there: &'a [(Vec<u8>, Vec<u8>)],
    put: &'a [(Vec<u8>, &'a [u8])],
) -> Vec<(&'a [u8], &'a [u8])> {
    let mut merged: Vec<(&[u8], &[u8])> = Vec::with_capacity(there.len() + put.len());
    let (mut there, mut put) = (there.iter().peekable(), put.iter().peekable());
    loop {
        let order = match (there.peek(), put.peek()) {
            (None, None) => return merged,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        if order == Ordering::Less {
            merged.extend(there.next().map(|(key, value)| (&key[..], &value[..])));
            continue;
        }
        if order == Ordering::Equal {
            there.next();
        }
        let (key, first) = put.next().expect("it was looked at");
        let mut last = first;
        while let Some((_, later)) = put.next_if(|(next, _)| next == key) {
            last = later;
        }
        merged.push((key, last));
    }
}
