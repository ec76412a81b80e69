//! Owns the commands that read a list: LLEN, LINDEX, LRANGE.

use super::{Done, ELEMENTS, integer_of, place_of, range_of, reply_count, size, view};
use crate::command::context::Context;

/// LLEN key
pub(in crate::command) fn llen(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let count = view(context.store, &key)?.map_or(0, |view| view.count(ELEMENTS));
    reply_count(context, count);
    Ok(())
}

/// LINDEX key index
pub(in crate::command) fn lindex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let Some(view) = view(store, &key)? else {
        reply.null();
        return Ok(());
    };
    let place = place_of(integer_of(arguments[2])?, view.count(ELEMENTS));
    let cursor = place.and_then(|place| view.at(ELEMENTS, place));
    match cursor.and_then(|cursor| view.entry(cursor)) {
        Some(entry) => reply.bulk(&entry.value),
        None => reply.null(),
    }
    Ok(())
}

/// LRANGE key start stop
pub(in crate::command) fn lrange(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let (start, end) = (integer_of(arguments[2])?, integer_of(arguments[3])?);
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    let range = view.and_then(|view| {
        let (first, count) = range_of(start, end, view.count(ELEMENTS))?;
        Some((view, first, count))
    });
    let Some((view, first, count)) = range else {
        reply.array(0);
        return Ok(());
    };
    reply.array(size(count));
    for (_, entry) in view.iter(ELEMENTS, view.at(ELEMENTS, first)).take(size(count)) {
        reply.bulk(&entry.value);
    }
    Ok(())
}
