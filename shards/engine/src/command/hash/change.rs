//! Owns changing a hash: fields, when they expire, and what is told of it.
//!
//! What has expired is taken out when a change begins, and takes effect with it.

use super::live::{earliest, expired, expiry, time_of};
use super::{EXPIRIES, FIELDS};
use crate::collection::{Edit, Layout, MergeChange};
use crate::command::ahead::{NAMES_AHEAD, prefetch_names};
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::fields;
use crate::command::fields_all::{is_for_all, put_all};
use crate::command::fields_many::{is_for_many, is_ready_for_many, keys_of, put_many, remove_keys};
use crate::command::types::HASH;
use crate::events::Events;
use hyperion_model::EventClass;
use hyperion_store::{Found, Key, Store};
use std::collections::BTreeMap;

/// A hash under change. Nothing of it is seen before [`Change::commit`]; dropped, it never was.
pub(super) struct Change<'s, 'k> {
    edit: Edit<'s, 'k>,
    /// Fields of it may expire.
    may_expire: bool,
    /// By the keys of fields: when they expire from now on, Unix ms, or that they do not. It is put in at the end, all at once.
    expiries: BTreeMap<Vec<u8>, Option<u64>>,
    has_expired: bool,
    /// Something was taken out, or it is known again which field expires first.
    is_purged: bool,
}

/// What a change has done beside what it was told: the events are told after it.
#[derive(Clone, Copy)]
#[must_use]
pub(super) struct Changed {
    has_expired: bool,
    is_gone: bool,
}

impl<'c, 'k> Change<'c, 'k> {
    /// Begins a change of the hash under a key, of one without fields if there is none.
    pub(super) fn open(
        context: &'c mut Context<'_>,
        key: &'k Key<'k>,
    ) -> Result<Self, CommandError> {
        let found = context.store.find(key);
        Self::open_found(context, (key, found))
    }

    /// As [`Change::open`], for a key that was just looked up.
    pub(super) fn open_found(
        context: &'c mut Context<'_>,
        (key, found): (&'k Key<'k>, Option<Found>),
    ) -> Result<Self, CommandError> {
        Self::of_found(context.store, (key, found))
    }

    /// As [`Change::open_found`].
    pub(super) fn of_found(
        store: &'c mut Store,
        (key, found): (&'k Key<'k>, Option<Found>),
    ) -> Result<Self, CommandError> {
        let edit = Edit::open_found(store, (key, found), HASH, &Layout::KEYED)?;
        let may_expire = edit.view().count(EXPIRIES) > 0;
        let expiries = BTreeMap::new();
        let mut change = Self { edit, may_expire, expiries, has_expired: false, is_purged: false };
        if may_expire {
            change.purge();
        }
        Ok(change)
    }

    /// Takes out what has expired.
    fn purge(&mut self) {
        let (view, now_ms) = (self.edit.view(), self.edit.passed_ms());
        if earliest(&view, self.edit.meta()).is_some_and(|at_ms| at_ms > now_ms) {
            return;
        }
        let gone: Vec<Vec<u8>> =
            expired(view, now_ms).map(|entry| entry.key.into_owned()).collect();
        self.has_expired = !gone.is_empty();
        self.is_purged = true;
        for section in [FIELDS, EXPIRIES] {
            remove_keys(&mut self.edit, section, &gone);
        }
        let left = self.edit.view().all(EXPIRIES).map(|(_, entry)| time_of(&entry.value)).min();
        self.set_earliest(left);
    }

    fn set_earliest(&mut self, at_ms: Option<u64>) {
        let meta = at_ms.map_or_else(Vec::new, |at_ms| at_ms.to_be_bytes().to_vec());
        if self.edit.meta() != meta {
            self.edit.set_meta(meta);
        }
    }

    /// The store's clock, Unix ms.
    pub(super) fn now_ms(&self) -> u64 {
        self.edit.now_ms()
    }

    pub(super) fn has(&self, field: &[u8]) -> bool {
        fields::find_in(&self.edit, FIELDS, field).is_some()
    }

    /// A copy of a field's value.
    pub(super) fn get(&self, field: &[u8]) -> Option<Vec<u8>> {
        let view = self.edit.view();
        view.entry(fields::find_in(&self.edit, FIELDS, field)?)
            .map(|entry| entry.value.into_owned())
    }

    /// Sets a field, which does not expire then. `true`: it is new.
    pub(super) fn put(&mut self, field: &[u8], value: &[u8]) -> bool {
        self.persist(field);
        self.put_kept(field, value)
    }

    /// As [`Change::put`] for each pair of field and value. Gives how many fields are new.
    pub(super) fn put_all(&mut self, pairs: &[[&[u8]; 2]]) -> usize {
        let bytes = pairs.iter().flatten().map(|word| word.len()).sum();
        if !self.may_expire && is_for_all(&self.edit, FIELDS, (pairs.len(), bytes)) {
            let entries: Vec<_> = pairs.iter().map(|[field, value]| (*field, *value)).collect();
            return put_all(&mut self.edit, FIELDS, &entries);
        }
        for [field, _] in pairs {
            self.persist(field);
        }
        self.put_all_kept(pairs)
    }

    /// As [`Change::put_kept`] for each pair of field and value. Gives how many fields are new.
    pub(super) fn put_all_kept(&mut self, pairs: &[[&[u8]; 2]]) -> usize {
        let bytes = pairs.iter().flatten().map(|word| word.len()).sum();
        if is_ready_for_many(&mut self.edit, FIELDS, (pairs.len(), bytes)) {
            return put_many(&mut self.edit, FIELDS, pairs);
        }
        let mut added = 0;
        for pairs in pairs.chunks(NAMES_AHEAD) {
            prefetch_names(&self.edit.view(), FIELDS, pairs.iter().map(|[field, _]| *field));
            added += pairs.iter().filter(|[field, value]| self.put_kept(field, value)).count();
        }
        added
    }

    /// As [`Change::put`]; a field that is there expires when it did.
    pub(super) fn put_kept(&mut self, field: &[u8], value: &[u8]) -> bool {
        fields::put(&mut self.edit, FIELDS, field, value)
    }

    /// Takes a field out. `true`: it was there.
    pub(super) fn remove(&mut self, field: &[u8]) -> bool {
        let Some(cursor) = fields::find_in(&self.edit, FIELDS, field) else { return false };
        self.edit.remove(FIELDS, cursor);
        self.persist(field);
        true
    }

    /// Takes fields out. Gives how many were there.
    pub(super) fn remove_all(&mut self, names: &[&[u8]]) -> usize {
        if !is_for_many(&self.edit, FIELDS, names.len()) {
            let mut removed = 0;
            for names in names.chunks(NAMES_AHEAD) {
                prefetch_names(&self.edit.view(), FIELDS, names.iter().copied());
                removed += names.iter().filter(|field| self.remove(field)).count();
            }
            return removed;
        }
        for field in names {
            self.persist(field);
        }
        remove_keys(&mut self.edit, FIELDS, &keys_of(names))
    }

    /// When a field expires, Unix ms.
    pub(super) fn expiry(&self, field: &[u8]) -> Option<u64> {
        if !self.may_expire {
            return None;
        }
        let mut key = Vec::new();
        fields::hashed(field, &mut key);
        self.expiry_by(&key)
    }

    fn expiry_by(&self, key: &[u8]) -> Option<u64> {
        self.expiries.get(key).copied().unwrap_or_else(|| expiry(&self.edit.view(), key))
    }

    /// Sets when a field that is there expires. The hash is an object from then on.
    pub(super) fn set_expiry(&mut self, field: &[u8], at_ms: u64) {
        self.may_expire = true;
        if self.edit.is_packed() {
            fields::unpack(&mut self.edit, FIELDS);
        }
        let mut key = Vec::new();
        fields::hashed(field, &mut key);
        self.expiries.insert(key, Some(at_ms));
    }

    /// A field does not expire any more. `true`: it did.
    pub(super) fn persist(&mut self, field: &[u8]) -> bool {
        if !self.may_expire {
            return false;
        }
        let mut key = Vec::new();
        fields::hashed(field, &mut key);
        let does = self.expiry_by(&key).is_some();
        if does {
            self.expiries.insert(key, None);
        }
        does
    }

    /// Puts in when fields expire, and the first of these times.
    fn put_expiries(&mut self) {
        let expiries = std::mem::take(&mut self.expiries);
        if expiries.is_empty() {
            return;
        }
        let first_ms = earliest(&self.edit.view(), self.edit.meta());
        let values: Vec<_> = expiries.values().map(|it| it.map(u64::to_be_bytes)).collect();
        let changes: Vec<MergeChange<'_>> = expiries
            .keys()
            .zip(&values)
            .map(|(key, value)| (&key[..], value.as_ref().map(|it| &it[..])))
            .collect();
        self.edit.merge(EXPIRIES, &changes);
        let put_ms = expiries.values().flatten().min().copied();
        let is_any = self.edit.view().count(EXPIRIES) > 0;
        self.set_earliest(first_ms.into_iter().chain(put_ms).min().filter(|_| is_any));
    }

    /// Lets all of it take effect, if there is anything: `is_changed` tells whether the command has changed something. A hash without
    /// fields goes with its key.
    pub(super) fn commit(mut self, is_changed: bool) -> Result<Changed, CommandError> {
        self.put_expiries();
        let Self { edit, has_expired, is_purged, .. } = self;
        if !is_changed && !is_purged {
            return Ok(Changed { has_expired, is_gone: false });
        }
        let is_gone = edit.view().count(FIELDS) == 0;
        edit.commit()?;
        Ok(Changed { has_expired, is_gone })
    }
}

impl Changed {
    /// Tells what has expired, where nothing else was done.
    pub(super) fn note(self, events: &mut Events, key: &Key<'_>) {
        if self.has_expired {
            events.note(EventClass::Hash, "hexpired", key.database, key.bytes);
        }
        if self.is_gone {
            events.note(EventClass::Generic, "del", key.database, key.bytes);
        }
    }

    /// Tells what has expired, then what the command did, then of the key if it went.
    pub(super) fn tell(self, context: &mut Context<'_>, events: &[&'static str], key: &[u8]) {
        if self.has_expired {
            context.notify(EventClass::Hash, "hexpired", key);
        }
        events.iter().for_each(|event| context.notify(EventClass::Hash, event, key));
        if self.is_gone {
            context.notify(EventClass::Generic, "del", key);
        }
    }
}
