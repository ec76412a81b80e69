//! Owns the commands that count in a field.

use super::change::Change;
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::float;
use hyperion_model::number::{parse_integer, print_integer};

type Done = Result<(), CommandError>;

/// HINCRBY key field amount
pub(in crate::command) fn hincrby(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let amount = parse_integer(arguments[3]).ok_or(CommandError::NotInteger)?;
    let mut change = Change::open(context, &key)?;
    let before = match change.get(arguments[2]) {
        Some(text) => parse_integer(&text).ok_or(CommandError::HashNotInteger)?,
        None => 0,
    };
    let sum = before.checked_add(amount).ok_or(CommandError::Overflow)?;
    let mut digits = [0; 20];
    change.put_kept(arguments[2], print_integer(sum, &mut digits));
    let changed = change.commit(true)?;
    changed.tell(context, &["hincrby"], arguments[1]);
    context.reply.integer(sum);
    Ok(())
}

/// HINCRBYFLOAT key field amount
pub(in crate::command) fn hincrbyfloat(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    if float::parse(arguments[3]).ok_or(CommandError::NotFloat)? == float::Number::Infinite {
        return Err(CommandError::AmountNotFinite);
    }
    let mut change = Change::open(context, &key)?;
    let before = change.get(arguments[2]).unwrap_or_else(|| b"0".to_vec());
    let sum = float::add(&before, arguments[3]).map_err(|error| match error {
        CommandError::NotFloat => CommandError::HashNotFloat,
        other => other,
    })?;
    change.put_kept(arguments[2], sum.as_bytes());
    let changed = change.commit(true)?;
    changed.tell(context, &["hincrbyfloat"], arguments[1]);
    context.reply.bulk(sum.as_bytes());
    Ok(())
}
