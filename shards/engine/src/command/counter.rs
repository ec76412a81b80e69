//! Owns the commands that count.

use super::context::Context;
use super::error::CommandError;
use super::float;
use hyperion_model::EventClass;
use hyperion_model::number::{parse_integer, print_integer};
use hyperion_store::{Found, Value};

type Done = Result<(), CommandError>;

/// INCR key
pub(super) fn incr(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    add(context, arguments, 1)
}

/// DECR key
pub(super) fn decr(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    add(context, arguments, -1)
}

/// INCRBY key amount
pub(super) fn incrby(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let amount = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    add(context, arguments, amount)
}

/// DECRBY key amount
pub(super) fn decrby(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let amount = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    add(context, arguments, amount.checked_neg().ok_or(CommandError::DecrementOverflow)?)
}

/// Adds to the number under a key; an absent key counts as 0. Nothing is allocated.
fn add(context: &mut Context<'_>, arguments: &[&[u8]], amount: i64) -> Done {
    let key = context.first_key(arguments)?;
    let found = context.find_string(&key)?;
    let (before, expiry_ms) = match &found {
        Some(found) => (
            number_text(context, found).and_then(parse_integer).ok_or(CommandError::NotInteger)?,
            context.store.expiry_ms(found),
        ),
        None => (0, None),
    };
    let sum = before.checked_add(amount).ok_or(CommandError::Overflow)?;
    let mut digits = [0; 20];
    context.store.put(&key, &[print_integer(sum, &mut digits)], expiry_ms)?;
    context.notify(EventClass::String, "incrby", arguments[1]);
    context.reply.integer(sum);
    Ok(())
}

/// The value of a key if it may be a number: those are short, and lie in one piece.
fn number_text<'c>(context: &'c Context<'_>, found: &Found) -> Option<&'c [u8]> {
    match context.store.value(found) {
        Value::Whole(text) => Some(text),
        Value::Pieces(_) => None,
    }
}

/// INCRBYFLOAT key amount
pub(super) fn incrbyfloat(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let found = context.find_string(&key)?;
    let (text, expiry_ms) = sum_text(context, found.as_ref(), arguments[2])?;
    context.store.put(&key, &[text.as_bytes()], expiry_ms)?;
    context.notify(EventClass::String, "incrbyfloat", arguments[1]);
    context.reply.bulk(text.as_bytes());
    Ok(())
}

fn sum_text(
    context: &Context<'_>,
    found: Option<&Found>,
    amount: &[u8],
) -> Result<(String, Option<u64>), CommandError> {
    let Some(found) = found else { return Ok((float::add(b"0", amount)?, None)) };
    let before = number_text(context, found).ok_or(CommandError::NotFloat)?;
    Ok((float::add(before, amount)?, context.store.expiry_ms(found)))
}
