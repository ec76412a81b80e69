//! Owns putting some names into a large hash or set one after the other: what a command does whose names lie far apart.
//!
//! Each is a change of its own. It is done where the batch that is open has room for all, so that all of them come about, and together.

use super::ahead::foresee;
use super::error::CommandError;
use super::fields::{ShortKey, add, put, put_large, put_several};
use crate::collection::{Edit, Layout, Section, View};
use hyperion_store::{Found, Key, Store, ValueType};

/// Names of a command, at most; those of more are worked together.
const NAMES_MAX: usize = 128;
/// The same where the collection is packed: each goes through all of it.
const PACKED_NAMES_MAX: usize = 16;
/// Bytes of the records of one change beside those of what is written, at most.
const CHANGE_BYTES: usize = 512;

/// Bytes that changes of so many entries write, at most: each may cut the chunk that it is in, which has grown by the others by then. `around`:
/// bytes of the chunks, each counted for every change.
pub(super) fn written_bytes(changes: usize, entry_bytes: usize, around: usize) -> usize {
    2 * (around + changes * entry_bytes) + changes * CHANGE_BYTES
}

/// Whether commands with so many names may do one after the other.
pub(super) fn is_for_each(names: usize) -> bool {
    (2..=NAMES_MAX).contains(&names)
}

/// Sets the values of names of a collection that was just looked up, or, where `of` gives none, puts them in without one if they are not
/// there. Gives how many are new; `None`: nothing was done, it is for an edit.
pub(super) fn put_each<'n, E>(
    store: &mut Store,
    (key, found): (&Key<'_>, Option<&Found>),
    (value_type, section): (ValueType, Section),
    entries: &'n [E],
    of: impl Fn(&'n E) -> (&'n [u8], Option<&'n [u8]>) + Copy,
) -> Result<Option<usize>, CommandError> {
    if entries.len() <= PACKED_NAMES_MAX && found.is_none_or(|found| !store.is_in_chunks(found)) {
        return Ok(put_several(store, (key, found), (value_type, section), entries, of)?);
    }
    let Some(found) = found.filter(|found| {
        is_for_each(entries.len())
            && store.is_in_chunks(found)
            && store.value_type(found) == value_type
            && store.is_changed_in_steps(found)
    }) else {
        return Ok(None);
    };
    View::prepare(store, found);
    let view = View::again(store, found);
    // What else it holds may tell of the names too.
    let is_alone = view.entries_all() == view.count(section);
    let key_of = |at: usize| ShortKey::hashed(of(&entries[at]).0);
    let around = is_alone.then(|| foresee(&view, section, entries.len(), key_of)).flatten();
    let entry_bytes = entries.iter().map(&of);
    let entry_bytes = entry_bytes.map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len));
    let bytes = around.map(|around| written_bytes(entries.len(), entry_bytes.sum(), around));
    let Some(bytes) = bytes.filter(|bytes| store.fits_batch(*bytes)) else { return Ok(None) };
    let (mut found, mut added, begun) = (*found, 0, store.log_mark());
    for (name, value) in entries.iter().map(of) {
        if let Some(is_new) = put_large(store, (key, &found), section, name, value)? {
            if !is_new && value.is_some() {
                store.set_again(&found);
            }
            added += usize::from(is_new);
            continue;
        }
        let opened = (key, Some(found));
        let mut edit = Edit::open_found(store, opened, value_type, &Layout::KEYED)?;
        added += usize::from(match value {
            Some(value) => put(&mut edit, section, name, value),
            None => add(&mut edit, section, name),
        });
        edit.commit()?;
        found = store.peek(key).expect("it has what was put into it");
    }
    debug_assert!(store.is_one_batch(begun, bytes), "more than one batch, or {bytes} bytes");
    Ok(Some(added))
}
