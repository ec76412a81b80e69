//! Owns hashes with expiring fields as wholes: how DUMP tells of them, how RESTORE makes them.

use super::live::time_of;
use super::{EXPIRIES, FIELDS};
use crate::collection::{Edit, Layout, View};
use crate::command::fields::{hashed, name_of};
use crate::command::types::HASH;
use hyperion_store::{Key, Store, StoreError};

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::command) struct FieldValue {
    pub(in crate::command) name: Vec<u8>,
    pub(in crate::command) value: Vec<u8>,
    /// Unix ms; `None` for one that stays.
    pub(in crate::command) expiry_ms: Option<u64>,
}

/// The fields that have not expired, in order.
pub(in crate::command) fn live_fields(view: View<'_>, passed_ms: u64) -> Vec<FieldValue> {
    // Both sections are in the order of the same keys.
    let mut expiries = view.all(EXPIRIES).map(|(_, entry)| entry).peekable();
    let fields = view.all(FIELDS).map(|(_, entry)| {
        let expiry = expiries.next_if(|expiry| expiry.key == entry.key);
        FieldValue {
            name: name_of(&view, &entry.key).to_vec(),
            value: entry.value.into_owned(),
            expiry_ms: expiry.map(|expiry| time_of(&expiry.value)),
        }
    });
    fields.filter(|field| field.expiry_ms.is_none_or(|at_ms| at_ms > passed_ms)).collect()
}

/// Sets a key to a hash, whatever it holds. `false`: a field is there twice, and nothing was changed.
pub(in crate::command) fn put_expiring(
    store: &mut Store,
    key: &Key<'_>,
    fields: &[FieldValue],
    expiry_ms: Option<u64>,
) -> Result<bool, StoreError> {
    let hash_key = |field: &FieldValue| {
        let mut key = Vec::new();
        hashed(&field.name, &mut key);
        key
    };
    let mut fields: Vec<(Vec<u8>, &FieldValue)> =
        fields.iter().map(|field| (hash_key(field), field)).collect();
    fields.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    if fields.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Ok(false);
    }
    let mut edit = Edit::replacing(store, key, HASH, &Layout::KEYED);
    edit.set_expiry(expiry_ms);
    edit.unpack(FIELDS);
    edit.insert_all(FIELDS, None, fields.iter().map(|(key, field)| (key, &field.value)));
    let expiring = || fields.iter().filter_map(|(key, field)| Some((key, field.expiry_ms?)));
    if let Some(first_ms) = expiring().map(|(_, at_ms)| at_ms).min() {
        let expiries = expiring().map(|(key, at_ms)| (key, at_ms.to_be_bytes()));
        edit.insert_all(EXPIRIES, None, expiries);
        edit.set_meta(first_ms.to_be_bytes().to_vec());
    }
    edit.commit()?;
    Ok(true)
}
