//! Owns finding members and changing their scores, packed or not.

use super::build::{build, is_many, is_worth};
use super::score::{
    SCORE_BYTES, Scored, member_of, rank_key, rank_value, score_of, score_of_entry, score_of_value,
    value, word,
};
use super::{MEMBERS, RANKS};
use crate::collection::few::{Few, Of};
use crate::collection::packed::Packed;
use crate::collection::{Cursor, Edit, Layout, View};
use crate::command::ahead::{NAMES_AHEAD, prefetch_names, prefetch_words};
use crate::command::error::CommandError;
use crate::command::fields::{ShortKey, hashed};
use crate::command::fields_many::remove_keys;
use crate::command::types::SORTED_SET;
use hyperion_store::{Found, Key, Store, StoreError};
use std::collections::BTreeMap;

/// Where a member is, or belongs.
struct Located {
    score: Option<f64>,
    /// Among the ranks of a packed set, among the members of an object.
    place: Result<Cursor, Option<Cursor>>,
}

/// Finds a member. `key` takes its key among the members of an object.
fn locate(view: &View<'_>, member: &[u8], key: &mut Vec<u8>) -> Located {
    if view.is_packed() {
        let mut all = view.all(RANKS);
        return match all.find(|(_, entry)| member_of(&entry.key) == member) {
            Some((cursor, entry)) => Located { score: Some(score_of(&entry)), place: Ok(cursor) },
            None => Located { score: None, place: Err(None) },
        };
    }
    hashed(member, key);
    let place = view.seek(MEMBERS, key);
    let entry = place.ok().and_then(|cursor| view.entry(cursor));
    Located { score: entry.map(|entry| score_of_value(&entry.value)), place }
}

/// The score of a member.
pub(in crate::command) fn score(view: &View<'_>, member: &[u8]) -> Option<f64> {
    locate(view, member, &mut Vec::new()).score
}

/// Gives one member of a set that was just looked up the score that `decide` makes of the one it has, most likely `score`; `None` leaves it as
/// it is. `false`: nothing was done, it is for a [`Writer`].
///
/// # Errors
/// Those of `decide`, and when there is no room; then nothing has changed.
pub(in crate::command) fn update_one(
    store: &mut Store,
    (key, found): (&Key<'_>, Option<&Found>),
    (score, member): (f64, &[u8]),
    decide: impl FnOnce(Option<f64>) -> Result<Option<f64>, CommandError>,
) -> Result<bool, CommandError> {
    let Some(large) = found.filter(|found| store.is_in_chunks(found)) else {
        let is_done = store.rewrite_packed(key, found, SORTED_SET, |bytes, out| {
            let packed = Packed::read(bytes, RANKS)?;
            update_packed(packed, member, decide, out).transpose()
        })?;
        return is_done.transpose().map(|done| done.is_some());
    };
    if store.value_type(large) != SORTED_SET {
        return Ok(false);
    }
    update_large(store, (key, large), (score, member), decide)
}

/// As [`update_one`], in a packed set, which is written to `out`. `None`: nothing was done.
fn update_packed(
    packed: Packed<'_>,
    member: &[u8],
    decide: impl FnOnce(Option<f64>) -> Result<Option<f64>, CommandError>,
    out: &mut Vec<u8>,
) -> Result<Option<()>, CommandError> {
    let is_it = |key: &[u8]| member_of(key) == member;
    let found = packed.iter().find(|(_, key, _)| is_it(key));
    let before = found.as_ref().map(|(_, key, value)| score_of_entry(key, value));
    let Some(after) = decide(before)? else { return Ok(Some(())) };
    if before.is_none() && packed.outgrows(SCORE_BYTES + member.len() + 1, &Layout::KEYED) {
        return Ok(None);
    }
    let rank = ShortKey::of(word(after), member);
    let behind = packed.iter().find(|(_, key, _)| *key >= rank.get());
    let at = behind.map_or(packed.bytes(), |(place, _, _)| place.start);
    packed.write(out, found.map(|(place, _, _)| place), (at, rank.get(), rank_value(after)));
    Ok(Some(()))
}

/// As [`update_one`], in a large set that was just looked up. The three look-ups go side by side, as each waits for the memory several times.
pub(in crate::command) fn update_large(
    store: &mut Store,
    (key, found): (&Key<'_>, &Found),
    (score, member): (f64, &[u8]),
    decide: impl FnOnce(Option<f64>) -> Result<Option<f64>, CommandError>,
) -> Result<bool, CommandError> {
    let mut few = Few::new(store.take_spare_splices());
    let opened = Of::open(store, (key, found), &Layout::KEYED);
    let Some(of) = &opened else {
        few.give_back(store);
        return Ok(false);
    };
    let view = of.view();
    let (key, after_rank) = (&mut ShortKey::none(), &mut ShortKey::none());
    key.set_hashed(member);
    let near = view.near(MEMBERS, key.get());
    after_rank.set(word(score), member);
    let mut after_near = view.near(RANKS, after_rank.get());
    let asked = near.as_ref().map(|near| view.ask(near, key.get()));
    let mut after_asked = after_near.as_ref().map(|near| view.ask(near, after_rank.get()));
    let place = asked.as_ref().map_or(Err(None), |asked| asked.seek(key.get()).map_err(Some));
    let before = place.ok().and_then(|cursor| view.entry(cursor));
    let before = before.map(|entry| score_of_value(&entry.value));
    let after = match decide(before) {
        Ok(Some(after)) => after,
        decided => {
            few.give_back(store);
            return decided.map(|_| true);
        }
    };
    let before_rank = &mut ShortKey::none();
    let before_near = before.and_then(|before| {
        before_rank.set(word(before), member);
        view.near(RANKS, before_rank.get())
    });
    if word(after) != word(score) {
        after_rank.set(word(after), member);
        after_near = view.near(RANKS, after_rank.get());
        after_asked = after_near.as_ref().map(|near| view.ask(near, after_rank.get()));
    }
    let after_at = after_asked.as_ref();
    let after_at = after_at.map(|asked| asked.seek(after_rank.get()).unwrap_or_else(|at| at));
    let before_asked = before_near.as_ref().map(|near| view.ask(near, before_rank.get()));
    let is_done = match place {
        Ok(cursor) => few.replace(of, cursor, &value(after)).and_then(|()| {
            let asked = before_asked.as_ref().expect("each member has a rank");
            let at = asked.seek(before_rank.get());
            few.remove(of, at.expect("each member has a rank"))
        }),
        Err(at) => at.and_then(|at| few.insert(of, (MEMBERS, at), key.get(), &value(after))),
    };
    let is_done = is_done
        .and_then(|()| few.insert(of, (RANKS, after_at?), after_rank.get(), rank_value(after)));
    if is_done.is_none() {
        few.give_back(store);
        return Ok(false);
    }
    Ok(few.commit(store, found)?)
}

/// Changes of a sorted set: one after the other, or, where they are many beside what is there, of all of it at once.
pub(in crate::command) struct Writer<'s, 'k> {
    edit: Edit<'s, 'k>,
    /// All members, where the set is written anew.
    all: Option<BTreeMap<Vec<u8>, f64>>,
    is_changed: bool,
    key: Vec<u8>,
}

impl<'s, 'k> Writer<'s, 'k> {
    /// Begins so many changes.
    pub(in crate::command) fn new(edit: Edit<'s, 'k>, changes: usize) -> Self {
        let view = edit.view();
        let all = is_worth(&view, changes as u64).then(|| {
            let member = |key: &[u8]| member_of(key).to_vec();
            let all = view.all(RANKS);
            all.map(|(_, entry)| (member(&entry.key), score_of(&entry))).collect()
        });
        Self { edit, all, is_changed: false, key: Vec::new() }
    }

    /// Asks the memory for what updates of members look at that most likely get these scores, of some at once.
    pub(in crate::command) fn look_ahead(&self, scored: &[(f64, &[u8])]) {
        if self.all.is_none() {
            let view = self.edit.view();
            prefetch_names(&view, MEMBERS, scored.iter().map(|(_, member)| *member));
            prefetch_words(&view, RANKS, scored.iter().map(|(score, _)| word(*score)));
        }
    }

    /// Gives a member the score that `decide` makes of the one it has; `None` leaves it as it is.
    ///
    /// # Errors
    /// Those of `decide`.
    pub(in crate::command) fn update(
        &mut self,
        member: &[u8],
        decide: impl FnOnce(Option<f64>) -> Result<Option<f64>, CommandError>,
    ) -> Result<(), CommandError> {
        if let Some(all) = &mut self.all {
            if let Some(score) = decide(all.get(member).copied())? {
                all.insert(member.to_vec(), score);
                self.is_changed = true;
            }
            return Ok(());
        }
        let located = locate(&self.edit.view(), member, &mut self.key);
        if let Some(score) = decide(located.score)? {
            self.put(member, located, score);
            self.is_changed = true;
        }
        Ok(())
    }

    fn put(&mut self, member: &[u8], mut located: Located, score: f64) {
        let Self { edit, key, .. } = self;
        if edit.is_packed() {
            match located.place {
                Ok(cursor) => edit.remove(RANKS, cursor),
                Err(_) if edit.outgrows(RANKS, SCORE_BYTES + member.len() + 1) => {
                    let all = edit.unpack(RANKS);
                    let all = all.iter().map(|(key, value)| (&key[..], &value[..]));
                    build(edit, all.collect());
                    located = locate(&edit.view(), member, key);
                }
                Err(_) => {}
            }
        }
        if !edit.is_packed() {
            match located.place {
                Ok(cursor) => {
                    edit.replace(MEMBERS, cursor, &value(score));
                    let before = located.score.expect("it is there");
                    rank_key(before, member, key);
                    let rank = edit.view().seek(RANKS, key).expect("each member has a rank");
                    edit.remove(RANKS, rank);
                }
                Err(at) => drop(edit.insert(MEMBERS, at, key, &value(score))),
            }
        }
        rank_key(score, member, key);
        let at = edit.view().seek(RANKS, key).map_or_else(|at| at, Some);
        edit.insert(RANKS, at, key, rank_value(score));
    }

    /// Takes a member out. `true`: it was there.
    pub(in crate::command) fn remove(&mut self, member: &[u8]) -> bool {
        let is_there = if let Some(all) = &mut self.all {
            all.remove(member).is_some()
        } else {
            self.take(member)
        };
        self.is_changed |= is_there;
        is_there
    }

    fn take(&mut self, member: &[u8]) -> bool {
        let Self { edit, key, .. } = self;
        let located = locate(&edit.view(), member, key);
        let (Ok(cursor), Some(score)) = (located.place, located.score) else { return false };
        if edit.is_packed() {
            edit.remove(RANKS, cursor);
            return true;
        }
        edit.remove(MEMBERS, cursor);
        rank_key(score, member, key);
        let rank = edit.view().seek(RANKS, key).expect("each member has a rank");
        edit.remove(RANKS, rank);
        true
    }

    /// Takes members out. Gives how many were there.
    pub(in crate::command) fn remove_all(&mut self, members: &[&[u8]]) -> usize {
        if self.all.is_some() || self.edit.is_packed() || !is_many(members.len() as u64) {
            let mut removed = 0;
            for members in members.chunks(NAMES_AHEAD) {
                if self.all.is_none() {
                    prefetch_names(&self.edit.view(), MEMBERS, members.iter().copied());
                }
                removed += members.iter().filter(|member| self.remove(member)).count();
            }
            return removed;
        }
        let (view, mut keys, mut ranks) = (self.edit.view(), Vec::new(), Vec::new());
        for member in members {
            let mut key = Vec::new();
            let Some(score) = locate(&view, member, &mut key).score else { continue };
            keys.push(key);
            let mut rank = Vec::new();
            rank_key(score, member, &mut rank);
            ranks.push(rank);
        }
        let mut removed = 0;
        for (section, mut keys) in [(MEMBERS, keys), (RANKS, ranks)] {
            keys.sort_unstable();
            keys.dedup();
            removed = remove_keys(&mut self.edit, section, &keys);
        }
        self.is_changed |= removed > 0;
        removed
    }

    /// Lets all changes take effect.
    ///
    /// # Errors
    /// When there is no room; then nothing has changed.
    pub(in crate::command) fn commit(self) -> Result<(), StoreError> {
        if !self.is_changed {
            return Ok(());
        }
        let Self { mut edit, all, .. } = self;
        if let Some(all) = all {
            edit.unpack(RANKS);
            let all = all.into_iter().map(|(member, score)| Scored { score, member });
            super::build::build_scored(&mut edit, all.collect());
        }
        edit.commit()
    }
}
