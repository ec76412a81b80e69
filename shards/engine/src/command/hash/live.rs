//! Owns reading a hash some of whose fields may have expired: those are not there any more, whether or not they have been taken out.
//!
//! Reads change nothing: what has expired is taken out by the next command that changes the hash ([`super::change`]). Where partitions are
//! replicated a read on the leader takes it out first, as it deletes a key that has expired: by the next leader's clock it may not be time yet.

use super::change::Change;
use super::{EXPIRIES, FIELDS};
use crate::collection::{Cursor, Entry, View, meta_of};
use crate::command::chance::Chance;
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::fields;
use crate::command::types::HASH;
use crate::events::Events;
use hyperion_store::{Found, Key, Store, StoreError};

/// A hash as it is now.
#[derive(Clone, Copy)]
pub(super) struct Hash<'s> {
    view: View<'s>,
    now_ms: u64,
    /// Whether any field has expired.
    has_expired: bool,
}

impl<'s> Hash<'s> {
    /// The hash under a key, if there is one with fields.
    pub(super) fn open(
        store: &'s mut Store,
        events: &mut Events,
        key: &Key<'_>,
    ) -> Result<Option<Hash<'s>>, CommandError> {
        let Some(mut found) = store.find(key) else { return Ok(None) };
        if store.value_type(&found) != HASH {
            return Err(CommandError::WrongType);
        }
        if store.buries_expired(key) && field_expired(store, &found) {
            match bury_fields(store, events, key, found)? {
                Some(left) => found = left,
                None => return Ok(None),
            }
        }
        let (now_ms, passed_ms) = (store.now_ms(), store.passed_ms());
        let view = View::new(store, &found);
        if view.count(EXPIRIES) == 0 {
            return Ok(Some(Self { view, now_ms, has_expired: false }));
        }
        let has_expired = earliest(&view, view.meta()).is_some_and(|at_ms| at_ms <= passed_ms)
            && expired(view, now_ms).next().is_some();
        let hash = Self { view, now_ms, has_expired };
        Ok(Some(hash).filter(|hash| !has_expired || hash.all().next().is_some()))
    }

    pub(super) fn view(&self) -> &View<'s> {
        &self.view
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The entry of a field.
    pub(super) fn get(&self, field: &[u8]) -> Option<Entry<'s>> {
        let entry = self.view.entry(fields::find(&self.view, FIELDS, field)?)?;
        self.is_live(&entry.key).then_some(entry)
    }

    pub(super) fn has(&self, field: &[u8]) -> bool {
        match fields::find(&self.view, FIELDS, field) {
            Some(_) if !self.has_expired => true,
            found => {
                found.and_then(|at| self.view.entry(at)).is_some_and(|it| self.is_live(&it.key))
            }
        }
    }

    /// Whether the field of this entry has not expired.
    pub(super) fn is_live(&self, key: &[u8]) -> bool {
        !self.has_expired || expiry(&self.view, key).is_none_or(|at_ms| at_ms > self.now_ms)
    }

    /// When a field expires, Unix ms; `None` for one that does not, or is not there.
    pub(super) fn expiry(&self, field: &[u8]) -> Option<u64> {
        if self.view.count(EXPIRIES) == 0 {
            return None;
        }
        let mut key = Vec::new();
        fields::hashed(field, &mut key);
        expiry(&self.view, &key)
    }

    /// Number of fields. Time: one step a field that expires, where any has.
    pub(super) fn count(&self) -> u64 {
        let gone = if self.has_expired { expired(self.view, self.now_ms).count() } else { 0 };
        self.view.count(FIELDS) - gone as u64
    }

    /// All fields, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = (Cursor, Entry<'s>)> + use<'s> {
        // Both sections are in the order of the same keys.
        let gone = self.has_expired.then(|| expired(self.view, self.now_ms).peekable());
        let mut gone = gone;
        self.view.all(FIELDS).filter(move |(_, entry)| {
            gone.as_mut().is_none_or(|gone| gone.next_if(|gone| gone.key == entry.key).is_none())
        })
    }

    /// As [`fields::choose`].
    pub(super) fn choose(&self, count: i64, chance: &mut Chance) -> Vec<Cursor> {
        if !self.has_expired {
            return fields::choose(&self.view, FIELDS, count, chance);
        }
        let live: Vec<Cursor> = self.all().map(|(cursor, _)| cursor).collect();
        let (there, wanted) = (live.len() as u64, count.unsigned_abs());
        let at = |index: u64| live[usize::try_from(index).expect("it is below the count")];
        if count < 0 {
            return (0..wanted).map(|_| at(chance.below(there))).collect();
        }
        if wanted >= there {
            return live;
        }
        chance.distinct(wanted, there).into_iter().map(at).collect()
    }
}

/// A copy of the value of a hash's field; `None` where the key holds no hash, or the hash no such field.
pub(in crate::command) fn field_value(
    context: &mut Context<'_>,
    key: &Key<'_>,
    field: &[u8],
) -> Result<Option<Vec<u8>>, CommandError> {
    match Hash::open(context.store, context.events, key) {
        Ok(hash) => Ok(hash.and_then(|hash| hash.get(field)).map(|entry| entry.value.into_owned())),
        Err(CommandError::WrongType) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Not above the time at which the first field expires, Unix ms: what the hash's own bytes hold. `None`: none does.
pub(super) fn earliest(view: &View<'_>, meta: &[u8]) -> Option<u64> {
    (view.count(EXPIRIES) > 0).then(|| meta.try_into().map_or(0, u64::from_be_bytes))
}

/// The expiries that have passed.
pub(super) fn expired(view: View<'_>, now_ms: u64) -> impl Iterator<Item = Entry<'_>> {
    view.all(EXPIRIES).map(|(_, entry)| entry).filter(move |entry| time_of(&entry.value) <= now_ms)
}

/// When the field with this key of its entry expires.
pub(super) fn expiry(view: &View<'_>, key: &[u8]) -> Option<u64> {
    let entry = view.entry(view.seek(EXPIRIES, key).ok()?)?;
    Some(time_of(&entry.value))
}

pub(super) fn time_of(value: &[u8]) -> u64 {
    value.try_into().map_or(0, u64::from_be_bytes)
}

/// Whether fields of the value that was just found seem to have expired, as its own bytes tell.
pub(crate) fn field_expired(store: &Store, found: &Found) -> bool {
    store.value_type(found) == HASH
        && meta_of(store, found)
            .try_into()
            .is_ok_and(|at_ms| u64::from_be_bytes(at_ms) <= store.passed_ms())
}

/// Takes out what has expired of the hash that was just found, by the entry that is being built ([`Store::buries_expired`]). Gives what is left.
///
/// # Errors
/// When there is no room, and there will be.
#[cold]
pub(crate) fn bury_fields(
    store: &mut Store,
    events: &mut Events,
    key: &Key<'_>,
    found: Found,
) -> Result<Option<Found>, CommandError> {
    let before = store.may_use_reserve(true);
    let change = Change::of_found(store, (key, Some(found)));
    let changed = change.and_then(|change| change.commit(false));
    store.may_use_reserve(before);
    match changed {
        Ok(changed) => changed.note(events, key),
        // On a full disk reads go on: it is hidden alone.
        Err(CommandError::Store(StoreError::NoRoom { .. })) if store.is_full() => {}
        Err(error) => return Err(error),
    }
    Ok(store.peek(key))
}
