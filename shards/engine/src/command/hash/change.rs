//! Owns changing a hash: fields, when they expire, and what is told of it.
//!
//! What has expired is taken out when a change begins, and takes effect with it.

use super::live::{earliest, expired, expiry, time_of};
use super::{EXPIRIES, FIELDS};
use crate::collection::{Edit, Layout};
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::fields;
use crate::command::fields_all::{is_for_all, put_all};
use crate::command::types::HASH;
use hyperion_model::EventClass;
use hyperion_store::{Found, Key};

/// A hash under change. Nothing of it is seen before [`Change::commit`]; dropped, it never was.
pub(super) struct Change<'s, 'k> {
    edit: Edit<'s, 'k>,
    /// Fields of it may expire; to count them is a step for each chunk that has changed.
    may_expire: bool,
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
        let edit = Edit::open_found(context.store, (key, found), HASH, &Layout::KEYED)?;
        let may_expire = edit.view().count(EXPIRIES) > 0;
        let mut change = Self { edit, may_expire, has_expired: false, is_purged: false };
        if may_expire {
            change.purge();
        }
        Ok(change)
    }

    /// Takes out what has expired.
    fn purge(&mut self) {
        let (view, now_ms) = (self.edit.view(), self.edit.now_ms());
        if earliest(&view, self.edit.meta()).is_some_and(|at_ms| at_ms > now_ms) {
            return;
        }
        let gone: Vec<Vec<u8>> =
            expired(view, now_ms).map(|entry| entry.key.into_owned()).collect();
        self.has_expired = !gone.is_empty();
        self.is_purged = true;
        for key in &gone {
            for section in [FIELDS, EXPIRIES] {
                if let Ok(cursor) = self.edit.view().seek(section, key) {
                    self.edit.remove(section, cursor);
                }
            }
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
        if self.may_expire || !is_for_all(&self.edit, FIELDS, (pairs.len(), bytes)) {
            return pairs.iter().filter(|[field, value]| self.put(field, value)).count();
        }
        let entries: Vec<_> = pairs.iter().map(|[field, value]| (*field, *value)).collect();
        put_all(&mut self.edit, FIELDS, &entries)
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

    /// When a field expires, Unix ms.
    pub(super) fn expiry(&self, field: &[u8]) -> Option<u64> {
        if !self.may_expire {
            return None;
        }
        let view = self.edit.view();
        let mut key = Vec::new();
        fields::hashed(field, &mut key);
        expiry(&view, &key)
    }

    /// Sets when a field that is there expires. The hash is an object from then on.
    pub(super) fn set_expiry(&mut self, field: &[u8], at_ms: u64) {
        self.may_expire = true;
        if self.edit.is_packed() {
            fields::unpack(&mut self.edit, FIELDS);
        }
        let mut key = Vec::new();
        fields::hashed(field, &mut key);
        let first = earliest(&self.edit.view(), self.edit.meta());
        let value = at_ms.to_be_bytes();
        match self.edit.view().seek(EXPIRIES, &key) {
            Ok(cursor) => self.edit.replace(EXPIRIES, cursor, &value),
            Err(at) => drop(self.edit.insert(EXPIRIES, at, &key, &value)),
        }
        self.set_earliest(Some(first.map_or(at_ms, |first| first.min(at_ms))));
    }

    /// A field does not expire any more. `true`: it did.
    pub(super) fn persist(&mut self, field: &[u8]) -> bool {
        if !self.may_expire {
            return false;
        }
        let view = self.edit.view();
        let mut key = Vec::new();
        fields::hashed(field, &mut key);
        let Ok(cursor) = view.seek(EXPIRIES, &key) else { return false };
        self.edit.remove(EXPIRIES, cursor);
        if self.edit.view().count(EXPIRIES) == 0 {
            self.set_earliest(None);
        }
        true
    }

    /// Lets all of it take effect, if there is anything: `is_changed` tells whether the command has changed something. A hash without
    /// fields goes with its key.
    pub(super) fn commit(self, is_changed: bool) -> Result<Changed, CommandError> {
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
