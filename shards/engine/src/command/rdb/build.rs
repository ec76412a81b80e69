//! Owns putting a value that was read into the store.

use super::restore::BAD_FORMAT;
use super::value::Value;
use crate::collection::{Edit, End, Layout, Section};
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::sorted_set::Scored;
use crate::command::types::{HASH, LIST, SET};
use crate::command::{fields, hash, list, set, sorted_set, stream};
use hyperion_store::{Key, ValueType};

type Done = Result<(), CommandError>;

/// Sets a key to a value, whatever it holds.
pub(super) fn put(
    context: &mut Context<'_>,
    key: &Key<'_>,
    value: Value<'_>,
    expiry_ms: Option<u64>,
) -> Done {
    match value {
        Value::String(bytes) => {
            if bytes.len() as u64 > context.value_bytes_max {
                return Err(BAD_FORMAT);
            }
            context.check_room(key.bytes.len() + bytes.len())?;
            Ok(context.store.put(key, &[&bytes], expiry_ms)?)
        }
        Value::List(elements) => {
            let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
            let mut edit = Edit::replacing(context.store, key, LIST, &Layout::LISTED);
            edit.set_expiry(expiry_ms);
            edit.extend(list::ELEMENTS, End::Back, &elements);
            Ok(edit.commit()?)
        }
        Value::Set(members) => {
            let members: Vec<_> = members.iter().map(|member| (&member[..], &[][..])).collect();
            named(context, key, (SET, set::MEMBERS), &members, expiry_ms)
        }
        Value::Hash(pairs) => {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (&name[..], &value[..])).collect();
            named(context, key, (HASH, hash::FIELDS), &pairs, expiry_ms)
        }
        Value::ExpiringHash(fields) => {
            if hash::put_expiring(context.store, key, &fields, expiry_ms)? {
                Ok(())
            } else {
                Err(BAD_FORMAT)
            }
        }
        Value::SortedSet(members) => {
            if !are_distinct(&members) {
                return Err(BAD_FORMAT);
            }
            sorted_set::put_expiring(context.store, key, members, expiry_ms)?;
            Ok(())
        }
        Value::Stream(value) => stream::put_whole(context.store, key, &value, expiry_ms),
    }
}

fn named(
    context: &mut Context<'_>,
    key: &Key<'_>,
    (value_type, section): (ValueType, Section),
    entries: &[(&[u8], &[u8])],
    expiry_ms: Option<u64>,
) -> Done {
    let mut edit = Edit::replacing(context.store, key, value_type, &Layout::KEYED);
    edit.set_expiry(expiry_ms);
    if !fields::build(&mut edit, section, entries) {
        return Err(BAD_FORMAT);
    }
    Ok(edit.commit()?)
}

fn are_distinct(members: &[Scored]) -> bool {
    let mut names: Vec<&[u8]> = members.iter().map(|scored| &scored.member[..]).collect();
    names.sort_unstable();
    names.windows(2).all(|pair| pair[0] != pair[1])
}
