//! Owns the commands that read or change a part of a string.

use super::context::{Context, integer};
use super::error::CommandError;
use hyperion_model::EventClass;
use hyperion_model::number::parse_integer;
use hyperion_store::{Found, Key};

type Done = Result<(), CommandError>;

/// Zeros that fill a gap are written from here, so that a short gap needs no copy.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// A string up to this length is written anew when it changes; a longer one is changed where it lies.
pub(super) const WHOLE_BYTES_MAX: usize = 4096;

/// APPEND key value
pub(super) fn append(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let Some(found) = context.find_string(&key)? else {
        context.store.put(&key, &[arguments[2]], None)?;
        context.notify(EventClass::String, "append", arguments[1]);
        context.reply.integer(integer(arguments[2].len()));
        return Ok(());
    };
    let bytes = context.store.value(&found).len() + arguments[2].len();
    check_length(context, bytes)?;
    if !arguments[2].is_empty() {
        write_at(context, &key, &found, bytes - arguments[2].len(), arguments[2])?;
    }
    context.notify(EventClass::String, "append", arguments[1]);
    context.reply.integer(integer(bytes));
    Ok(())
}

/// Writes `value` into a string at `offset`, with zeros between its end and there. A long one is changed where it lies.
fn write_at(
    context: &mut Context<'_>,
    key: &Key<'_>,
    found: &Found,
    offset: usize,
    value: &[u8],
) -> Done {
    if let Some(result) = context.store.write_staged(key, found, offset, value) {
        return Ok(result?);
    }
    let before_bytes = context.store.value(found).len();
    let gap = offset.saturating_sub(before_bytes);
    let overwritten = before_bytes.saturating_sub(offset).min(value.len());
    let after_bytes = before_bytes.max(offset + value.len());
    let mut parts: Vec<&[u8]> = vec![&ZEROS; gap / ZEROS.len()];
    parts.extend([&ZEROS[..gap % ZEROS.len()], value]);
    if after_bytes > WHOLE_BYTES_MAX && overwritten <= context.store.batch_bytes_max() / 4 {
        context.check_room(key.bytes.len() + gap + value.len())?;
        return Ok(context.store.write_text(key, found, offset.min(before_bytes), &parts)?);
    }
    let expiry_ms = context.store.expiry_ms(found);
    context.check_room(key.bytes.len() + after_bytes)?;
    context.save(found);
    let kept = &context.scratch[..before_bytes.min(offset)];
    let tail = &context.scratch[before_bytes.min(offset + value.len())..];
    let whole: Vec<&[u8]> = std::iter::once(kept).chain(parts).chain([tail]).collect();
    Ok(context.store.put(key, &whole, expiry_ms)?)
}

/// SETRANGE key offset value
pub(super) fn setrange(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let offset = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    let offset = u64::try_from(offset).map_err(|_| CommandError::OffsetOutOfRange)?;
    let value = arguments[3];
    let found = context.find_string(&key)?;
    let before_bytes = found.as_ref().map_or(0, |found| context.store.value(found).len());
    if value.is_empty() {
        context.reply.integer(integer(before_bytes));
        return Ok(());
    }
    let offset = usize::try_from(offset).map_err(|_| CommandError::TooLong)?;
    let end = offset.checked_add(value.len()).ok_or(CommandError::TooLong)?;
    check_length(context, end)?;
    write_over(context, &key, found.as_ref(), offset, value)?;
    context.notify(EventClass::String, "setrange", arguments[1]);
    context.reply.integer(integer(before_bytes.max(end)));
    Ok(())
}

/// Writes `value` at `offset` of a string that may not be there, with zeros between its end and there.
pub(super) fn write_over(
    context: &mut Context<'_>,
    key: &Key<'_>,
    found: Option<&Found>,
    offset: usize,
    value: &[u8],
) -> Done {
    if let Some(found) = found {
        return write_at(context, key, found, offset, value);
    }
    if !context.store.is_offered(value) {
        context.check_room(key.bytes.len() + offset + value.len())?;
    }
    let mut whole: Vec<&[u8]> = vec![&ZEROS; offset / ZEROS.len()];
    whole.extend([&ZEROS[..offset % ZEROS.len()], value]);
    Ok(context.store.put(key, &whole, None)?)
}

/// GETRANGE key start end
pub(super) fn getrange(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let start = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    let end = parse_integer(arguments[3]).ok_or(CommandError::NotInteger)?;
    let Some(found) = context.find_string(&key)? else {
        context.reply.bulk(b"");
        return Ok(());
    };
    let (start, end) = clamp(start, end, context.store.value(&found).len());
    context.reply_range(&found, start, end);
    Ok(())
}

/// The bytes `start..end` that a range with an inclusive end, counted from the back when negative, means.
fn clamp(start: i64, end: i64, bytes: usize) -> (usize, usize) {
    let length = integer(bytes);
    if start < 0 && end < 0 && start > end {
        return (0, 0);
    }
    let from_front = |at: i64| if at < 0 { (length + at.max(-length)).max(0) } else { at };
    let (start, end) = (from_front(start), from_front(end).min(length - 1));
    if length == 0 || start > end {
        return (0, 0);
    }
    let within = "both lie between 0 and the length";
    (usize::try_from(start).expect(within), usize::try_from(end + 1).expect(within))
}

fn check_length(context: &Context<'_>, bytes: usize) -> Done {
    if bytes as u64 > context.value_bytes_max {
        return Err(CommandError::TooLong);
    }
    Ok(())
}
