//! Owns changes of some members of a large set one after the other: each is a change of its own. It is done where the batch that is open has room
//! for all, so that all of them come about, and together.

use super::members::Writer;
use super::score::{SCORE_BYTES, score_of_value, word};
use super::{MEMBERS, RANKS};
use crate::collection::few::{Few, Of};
use crate::collection::{Edit, Layout, View};
use crate::command::ahead::foresee;
use crate::command::error::CommandError;
use crate::command::fields::ShortKey;
use crate::command::fields_each::{is_for_each, written_bytes};
use crate::command::types::SORTED_SET;
use hyperion_store::{Found, Key, Store, StoreError};

/// Bytes of a chunk of several entries, at most, and of its record's head.
const CHUNK_BYTES_MAX: usize = (4 << 10) + 512;

/// Whether the scores of some members of a set that was just looked up may be changed by [`super::members::update_large`] one after the other: there is
/// room for all of them in one batch. Gives the bytes that they write at most.
pub(super) fn may_update_each(
    store: &mut Store,
    found: &Found,
    scored: &[(f64, &[u8])],
) -> Option<usize> {
    let is_large = is_for_each(scored.len())
        && store.is_in_chunks(found)
        && store.value_type(found) == SORTED_SET
        && store.is_changed_in_steps(found);
    if !is_large {
        return None;
    }
    View::prepare(store, found);
    written_by(&View::again(store, found), scored).filter(|bytes| store.fits_batch(*bytes))
}

/// Bytes that updates of members one after the other write, at most; `None`: they are not to be made so.
fn written_by(view: &View<'_>, scored: &[(f64, &[u8])]) -> Option<usize> {
    let count = scored.len();
    let rank_of = |score, member| ShortKey::of(word(score), member);
    let mut around = foresee(view, MEMBERS, count, |at| ShortKey::hashed(scored[at].1))?;
    around += foresee(view, RANKS, count, |at| rank_of(scored[at].0, scored[at].1))?;
    for (_, member) in scored {
        let place = view.seek(MEMBERS, ShortKey::hashed(member).get()).ok();
        if let Some(entry) = place.and_then(|cursor| view.entry(cursor)) {
            let before = rank_of(score_of_value(&entry.value), member);
            around += view.bytes_around(RANKS, before.get())?;
        }
    }
    // A member's entry, its rank's, and that of the rank it had.
    let entries: usize = scored.iter().map(|(_, member)| member.len() + 4 * SCORE_BYTES).sum();
    // The rank that it had may have been alone in its chunk.
    Some(written_bytes(3 * count, entries, around) + count * CHUNK_BYTES_MAX)
}

/// Takes members out of a set that was just looked up, one after the other, where it is large: so many that [`is_for_each`] says so, or one. Gives how
/// many were there; `None`: nothing was done, it is for a [`Writer`].
pub(super) fn remove_each<M: AsRef<[u8]>>(
    store: &mut Store,
    (key, found): (&Key<'_>, Option<&Found>),
    members: &[M],
) -> Result<Option<usize>, CommandError> {
    let Some(&found) = found.filter(|found| {
        (members.len() == 1 || is_for_each(members.len()))
            && store.is_in_chunks(found)
            && store.value_type(found) == SORTED_SET
            && store.is_changed_in_steps(found)
    }) else {
        return Ok(None);
    };
    View::prepare(store, &found);
    let mut most = usize::MAX;
    if members.len() > 1 {
        let bytes = removed_by(&View::again(store, &found), members);
        let Some(bytes) = bytes.filter(|bytes| store.fits_batch(*bytes)) else {
            return Ok(None);
        };
        most = bytes;
    }
    let begun = store.log_mark();
    let (mut found, mut removed) = (Some(found), 0);
    for member in members {
        // It may have gone with its last member.
        let Some(there) = found else { break };
        let done = remove_large(store, (key, &there), member.as_ref())?;
        if done.is_none() {
            let edit = Edit::open_found(store, (key, found), SORTED_SET, &Layout::KEYED)?;
            let mut writer = Writer::new(edit, 1);
            removed += usize::from(writer.remove(member.as_ref()));
            writer.commit()?;
            found = store.peek(key);
        }
        removed += usize::from(done.unwrap_or(false));
    }
    debug_assert!(members.len() == 1 || store.is_one_batch(begun, most), "over {most} bytes");
    Ok(Some(removed))
}

/// Takes the members of some ranks out of a set that was just looked up, where it is large: their names one after the other, their ranks at once.
/// `false`: nothing was done, it is for an edit.
pub(super) fn remove_run(
    store: &mut Store,
    (key, found): (&Key<'_>, Option<&Found>),
    members: &[Vec<u8>],
    first: u64,
) -> Result<bool, CommandError> {
    let Some(&found) = found.filter(|found| {
        is_for_each(members.len()) && store.is_in_chunks(found) && store.is_changed_in_steps(found)
    }) else {
        return Ok(false);
    };
    let view = View::again(store, &found);
    // Where most chunks go, the rest is written anew as a whole.
    let are_few = 3 * members.len() <= view.chunks_of(MEMBERS) + view.chunks_of(RANKS);
    let bytes = are_few.then(|| removed_by(&view, members)).flatten();
    let Some(bytes) = bytes.filter(|bytes| store.fits_batch(*bytes)) else {
        return Ok(false);
    };
    let begun = store.log_mark();
    for member in members {
        let name = ShortKey::hashed(member);
        if !remove_entry(store, (key, &found), name.get())? {
            let mut edit = Edit::open_found(store, (key, Some(found)), SORTED_SET, &Layout::KEYED)?;
            if let Ok(at) = edit.view().seek(MEMBERS, name.get()) {
                edit.remove(MEMBERS, at);
            }
            edit.commit()?;
        }
    }
    let mut edit = Edit::open_found(store, (key, Some(found)), SORTED_SET, &Layout::KEYED)?;
    edit.remove_from(RANKS, first, members.len() as u64);
    edit.commit()?;
    debug_assert!(store.is_one_batch(begun, bytes), "more than one batch, or {bytes} bytes");
    Ok(true)
}

/// Takes the entry of a member that is there out of the names alone. `false`: nothing was done.
fn remove_entry(
    store: &mut Store,
    (key, found): (&Key<'_>, &Found),
    name: &[u8],
) -> Result<bool, StoreError> {
    let mut few = Few::new(store.take_spare_splices());
    let is_done = Of::open(store, (key, found), &Layout::KEYED).and_then(|of| {
        let cursor = of.view().seek(MEMBERS, name).ok()?;
        few.remove(&of, cursor)
    });
    if is_done.is_none() {
        few.give_back(store);
        return Ok(false);
    }
    few.commit(store, found)
}

/// Takes a member out of a large set. Gives whether it was there; `None`: nothing was done.
fn remove_large(
    store: &mut Store,
    (key, found): (&Key<'_>, &Found),
    member: &[u8],
) -> Result<Option<bool>, StoreError> {
    let mut few = Few::new(store.take_spare_splices());
    let Some(of) = Of::open(store, (key, found), &Layout::KEYED) else {
        few.give_back(store);
        return Ok(None);
    };
    let view = *of.view();
    let Ok(cursor) = view.seek(MEMBERS, ShortKey::hashed(member).get()) else {
        few.give_back(store);
        return Ok(Some(false));
    };
    let entry = view.entry(cursor).expect("it was found");
    let rank = ShortKey::of(word(score_of_value(&entry.value)), member);
    let rank = view.seek(RANKS, rank.get()).expect("each member has a rank");
    let is_done = few.remove(&of, cursor).and_then(|()| few.remove(&of, rank));
    if is_done.is_none() {
        few.give_back(store);
        return Ok(None);
    }
    Ok(few.commit(store, found)?.then_some(true))
}

/// Bytes that removals of members one after the other write, at most; `None`: they are not to be made so.
fn removed_by<M: AsRef<[u8]>>(view: &View<'_>, members: &[M]) -> Option<usize> {
    let key_of = |at: usize| ShortKey::hashed(members[at].as_ref());
    let mut around = foresee(view, MEMBERS, members.len(), key_of)?;
    for (at, member) in members.iter().enumerate() {
        let place = view.seek(MEMBERS, key_of(at).get()).ok();
        if let Some(entry) = place.and_then(|cursor| view.entry(cursor)) {
            let rank = ShortKey::of(word(score_of_value(&entry.value)), member.as_ref());
            around += view.bytes_around(RANKS, rank.get())?;
        }
    }
    // Where a chunk goes, the one before it changes too, and may be written whole.
    let changes = 2 * members.len();
    Some(written_bytes(changes, 0, around) + changes * CHUNK_BYTES_MAX)
}
