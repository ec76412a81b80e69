//! Owns the commands that count in a field.

use super::change::Change;
use super::{EXPIRIES, FIELDS};
use crate::collection::View;
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::fields::{find, put_one};
use crate::command::float;
use crate::command::types::HASH;
use hyperion_model::EventClass;
use hyperion_model::number::{parse_integer, print_integer};
use hyperion_store::Key;

type Done = Result<(), CommandError>;

/// HINCRBY key field amount
pub(in crate::command) fn hincrby(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let amount = parse_integer(arguments[3]).ok_or(CommandError::NotInteger)?;
    let mut sum = 0;
    change_value(context, &key, (arguments[2], "hincrby"), |before| {
        let before = match before {
            Some(text) => parse_integer(text).ok_or(CommandError::HashNotInteger)?,
            None => 0,
        };
        sum = before.checked_add(amount).ok_or(CommandError::Overflow)?;
        let mut digits = [0; 20];
        Ok(print_integer(sum, &mut digits).to_vec())
    })?;
    context.reply.integer(sum);
    Ok(())
}

/// HINCRBYFLOAT key field amount
pub(in crate::command) fn hincrbyfloat(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    if float::parse(arguments[3]).ok_or(CommandError::NotFloat)? == float::Number::Infinite {
        return Err(CommandError::AmountNotFinite);
    }
    let sum = change_value(context, &key, (arguments[2], "hincrbyfloat"), |before| {
        let sum =
            float::add(before.unwrap_or(b"0"), arguments[3]).map_err(|error| match error {
                CommandError::NotFloat => CommandError::HashNotFloat,
                other => other,
            })?;
        Ok(sum.as_bytes().to_vec())
    })?;
    context.reply.bulk(&sum);
    Ok(())
}

/// Gives a field the value that `value_of` makes of the one it has; it expires when it did. Gives the new value.
fn change_value(
    context: &mut Context<'_>,
    key: &Key<'_>,
    (field, event): (&[u8], &'static str),
    value_of: impl FnOnce(Option<&[u8]>) -> Result<Vec<u8>, CommandError>,
) -> Result<Vec<u8>, CommandError> {
    let found = context.store.find(key);
    if let Some(found) = &found {
        if context.store.value_type(found) != HASH {
            return Err(CommandError::WrongType);
        }
        View::prepare(context.store, found);
    }
    let view = match &found {
        Some(found) => View::again(context.store, found),
        None => View::empty(),
    };
    // Of fields that expire there is more to know and to do.
    if view.count(EXPIRIES) == 0 {
        let entry = find(&view, FIELDS, field).and_then(|cursor| view.entry(cursor));
        let value = value_of(entry.as_ref().map(|entry| &entry.value[..]))?;
        let place = (key, found.as_ref());
        if put_one(context.store, place, (HASH, FIELDS), field, Some(&value))?.is_none() {
            let mut change = Change::open_found(context, (key, found))?;
            change.put_kept(field, &value);
            let _ = change.commit(true)?;
        }
        context.notify(EventClass::Hash, event, key.bytes);
        return Ok(value);
    }
    let mut change = Change::open_found(context, (key, found))?;
    let value = value_of(change.get(field).as_deref())?;
    change.put_kept(field, &value);
    let changed = change.commit(true)?;
    changed.tell(context, &[event], key.bytes);
    Ok(value)
}
