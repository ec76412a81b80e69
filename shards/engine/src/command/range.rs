//! Owns the commands that read or change a part of a string.

use super::context::{Context, integer};
use super::error::CommandError;
use hyperion_model::number::parse_integer;
use hyperion_store::Value;

type Done = Result<(), CommandError>;

/// Zeros that fill a gap are written from here, so that a short gap needs no copy.
static ZEROS: [u8; 4096] = [0; 4096];

/// APPEND key value
pub(super) fn append(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let Some(found) = context.store.find(&key) else {
        context.store.put(&key, &[arguments[2]], None)?;
        context.reply.integer(integer(arguments[2].len()));
        return Ok(());
    };
    let bytes = context.store.value(&found).len() + arguments[2].len();
    check_length(context, bytes)?;
    if !arguments[2].is_empty() {
        let expiry_ms = context.store.expiry_ms(&found);
        context.check_room(key.bytes.len() + bytes)?;
        context.save(&found);
        context.store.put(&key, &[&context.scratch[..], arguments[2]], expiry_ms)?;
    }
    context.reply.integer(integer(bytes));
    Ok(())
}

/// SETRANGE key offset value
pub(super) fn setrange(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let offset = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    let offset = u64::try_from(offset).map_err(|_| CommandError::OffsetOutOfRange)?;
    let value = arguments[3];
    let found = context.store.find(&key);
    let (before_bytes, expiry_ms) = found.as_ref().map_or((0, None), |found| {
        (context.store.value(found).len(), context.store.expiry_ms(found))
    });
    if value.is_empty() {
        context.reply.integer(integer(before_bytes));
        return Ok(());
    }
    let offset = usize::try_from(offset).map_err(|_| CommandError::TooLong)?;
    let end = offset.checked_add(value.len()).ok_or(CommandError::TooLong)?;
    check_length(context, end)?;
    context.check_room(key.bytes.len() + before_bytes.max(end))?;
    context.scratch.clear();
    if let Some(found) = &found {
        context.save(found);
    }
    let kept = &context.scratch[..before_bytes.min(offset)];
    let gap = offset - kept.len();
    let tail = &context.scratch[before_bytes.min(end)..];
    if gap <= ZEROS.len() {
        context.store.put(&key, &[kept, &ZEROS[..gap], value, tail], expiry_ms)?;
    } else {
        // A gap means that the old value ends before it.
        context.scratch.resize(offset, 0);
        context.store.put(&key, &[&context.scratch[..], value], expiry_ms)?;
    }
    context.reply.integer(integer(before_bytes.max(end)));
    Ok(())
}

/// GETRANGE key start end
pub(super) fn getrange(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let start = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    let end = parse_integer(arguments[3]).ok_or(CommandError::NotInteger)?;
    let Some(found) = context.store.find(&key) else {
        context.reply.bulk(b"");
        return Ok(());
    };
    let value = context.store.value(&found);
    let (start, end) = clamp(start, end, value.len());
    match value {
        Value::Whole(bytes) => context.reply.bulk(&bytes[start..end]),
        Value::Pieces(_) => {
            context.scratch.clear();
            value.copy_range(start, end, context.scratch);
            context.reply.bulk(context.scratch);
        }
    }
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
