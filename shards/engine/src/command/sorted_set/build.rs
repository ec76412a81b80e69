//! Owns sorted sets that are written as a whole.

use super::score::{Scored, rank_key, rank_value, score_of, value};
use super::{MEMBERS, RANKS, card};
use crate::collection::{Edit, Entry, Layout, View};
use crate::command::error::CommandError;
use crate::command::fields::hashed;
use crate::command::types::SORTED_SET;
use hyperion_store::{Key, Store};

/// Fewer changes are made one by one, however small the set is.
const CHANGES_MIN: u64 = 64;
/// So is one change for more than so many members.
const MEMBERS_A_CHANGE: u64 = 8;

/// Whether changes are so many that they are not made one by one.
pub(super) fn is_many(changes: u64) -> bool {
    changes >= CHANGES_MIN
}

/// Whether a set of many changes is better written anew.
pub(super) fn is_worth(view: &View<'_>, changes: u64) -> bool {
    is_many(changes) && changes.saturating_mul(MEMBERS_A_CHANGE) >= card(view)
}

/// Puts ranks, in their order, and their members into a collection that has none and is no packed one.
pub(super) fn build(edit: &mut Edit<'_, '_>, ranks: Vec<(&[u8], &[u8])>) {
    let mut members = Vec::with_capacity(ranks.len());
    for (key, rank) in ranks {
        let entry = Entry { key: key.into(), value: rank.into() };
        let score = value(score_of(&entry));
        edit.push_back(RANKS, key, rank);
        let mut member = Vec::new();
        hashed(super::score::member_of(key), &mut member);
        members.push((member, score));
    }
    members.sort_unstable();
    for (member, score) in &members {
        edit.push_back(MEMBERS, member, score);
    }
}

/// As [`build`], of members in any order.
pub(super) fn build_scored(edit: &mut Edit<'_, '_>, all: Vec<Scored>) {
    let ranks = ranks(all);
    build(edit, ranks.iter().map(|(key, value)| (&key[..], *value)).collect());
}

fn ranks(all: Vec<Scored>) -> Vec<(Vec<u8>, &'static [u8])> {
    let mut ranks: Vec<(Vec<u8>, &'static [u8])> = all
        .into_iter()
        .map(|Scored { score, member }| {
            let mut key = Vec::with_capacity(member.len() + 8);
            rank_key(score, &member, &mut key);
            (key, rank_value(score))
        })
        .collect();
    ranks.sort_unstable();
    ranks
}

/// Sets a key to a sorted set of these members, whatever it holds; without members the key goes. Gives their number.
///
/// # Errors
/// When there is no room; then nothing has changed.
pub(in crate::command) fn put_new(
    store: &mut Store,
    key: &Key<'_>,
    all: Vec<Scored>,
) -> Result<u64, CommandError> {
    put_expiring(store, key, all, None)
}

/// As [`put_new`], of a key that expires.
///
/// # Errors
/// As [`put_new`].
pub(in crate::command) fn put_expiring(
    store: &mut Store,
    key: &Key<'_>,
    all: Vec<Scored>,
    expiry_ms: Option<u64>,
) -> Result<u64, CommandError> {
    let count = all.len() as u64;
    let ranks = ranks(all);
    let mut edit = Edit::replacing(store, key, SORTED_SET, &Layout::KEYED);
    edit.set_expiry(expiry_ms);
    for (rank, value) in &ranks {
        if edit.outgrows(RANKS, rank.len() + value.len()) {
            edit.unpack(RANKS);
            build(&mut edit, ranks.iter().map(|(key, value)| (&key[..], *value)).collect());
            break;
        }
        edit.push_back(RANKS, rank, value);
    }
    edit.commit()?;
    Ok(count)
}
