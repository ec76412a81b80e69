//! Owns changes of many names of a hash or a set that is an object: they are sorted once, and each chunk is gone through once.

use super::fields::{hashed, unpack};
use crate::collection::{Edit, MergeChange, Section};

/// Names from which on it is done.
const NAMES_MIN: usize = 64;

/// Whether changes of so many names are for this file: some chunks have several of them.
pub(super) fn is_for_many(edit: &Edit<'_, '_>, section: Section, names: usize) -> bool {
    names >= NAMES_MIN && !edit.is_packed() && edit.view().chunks_of(section) <= names
}

/// As [`is_for_many`], of names to put in with so many bytes, those of their values too: what they would not fit is an object then.
pub(super) fn is_ready_for_many(
    edit: &mut Edit<'_, '_>,
    section: Section,
    (names, bytes): (usize, usize),
) -> bool {
    if names >= NAMES_MIN && edit.outgrows(section, bytes) {
        unpack(edit, section);
    }
    is_for_many(edit, section, names)
}

/// Keys of names, in order, each once.
pub(super) fn keys_of(names: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = names
        .iter()
        .map(|name| {
            let mut key = Vec::new();
            hashed(name, &mut key);
            key
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Takes entries out by their keys, which are in order, each once. Gives how many were there.
pub(super) fn remove_keys(edit: &mut Edit<'_, '_>, section: Section, keys: &[Vec<u8>]) -> usize {
    let changes: Vec<MergeChange<'_>> = keys.iter().map(|key| (&key[..], None)).collect();
    edit.merge(section, &changes)
}

/// Sets the values of names; of a name that is there twice the last one. Gives how many are new.
pub(super) fn put_many(edit: &mut Edit<'_, '_>, section: Section, entries: &[[&[u8]; 2]]) -> usize {
    let mut keyed: Vec<(Vec<u8>, &[u8])> = entries
        .iter()
        .map(|[name, value]| {
            let mut key = Vec::new();
            hashed(name, &mut key);
            (key, *value)
        })
        .collect();
    // Stable: of those that are alike the last one comes last.
    keyed.sort_by(|left, right| left.0.cmp(&right.0));
    let mut changes: Vec<MergeChange<'_>> = Vec::with_capacity(keyed.len());
    for (key, value) in &keyed {
        match changes.last_mut() {
            Some(last) if last.0 == &key[..] => last.1 = Some(value),
            _ => changes.push((key, Some(value))),
        }
    }
    changes.len() - edit.merge(section, &changes)
}
