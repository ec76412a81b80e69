//! Owns the commands that read a hash.

use super::{FIELDS, find, view};
use crate::command::context::{Context, integer};
use crate::command::error::CommandError;
use crate::command::fields::name_of;

type Done = Result<(), CommandError>;

/// HGET key field
pub(in crate::command) fn hget(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let Some(view) = view(store, &key)? else {
        reply.null();
        return Ok(());
    };
    match find(&view, arguments[2]).and_then(|cursor| view.entry(cursor)) {
        Some(entry) => reply.bulk(&entry.value),
        None => reply.null(),
    }
    Ok(())
}

/// HMGET key field [field ...]
pub(in crate::command) fn hmget(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    reply.array(arguments.len() - 2);
    for field in &arguments[2..] {
        let entry = view.and_then(|view| view.entry(find(&view, field)?));
        match entry {
            Some(entry) => reply.bulk(&entry.value),
            None => reply.null(),
        }
    }
    Ok(())
}

/// HSTRLEN key field
pub(in crate::command) fn hstrlen(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    let entry = view.and_then(|view| view.entry(find(&view, arguments[2])?));
    reply.integer(entry.map_or(0, |entry| integer(entry.value.len())));
    Ok(())
}

/// HEXISTS key field
pub(in crate::command) fn hexists(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    reply.integer(i64::from(view.is_some_and(|view| find(&view, arguments[2]).is_some())));
    Ok(())
}

/// HLEN key
pub(in crate::command) fn hlen(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let count = view(store, &key)?.map_or(0, |view| view.count(FIELDS));
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

/// HGETALL key
pub(in crate::command) fn hgetall(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, arguments, (true, true))
}

/// HKEYS key
pub(in crate::command) fn hkeys(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, arguments, (true, false))
}

/// HVALS key
pub(in crate::command) fn hvals(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, arguments, (false, true))
}

fn tell(context: &mut Context<'_>, arguments: &[&[u8]], (fields, values): (bool, bool)) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    let count = view.map_or(0, |view| view.count(FIELDS));
    let count = usize::try_from(count).expect("what is in memory is counted in a word");
    if fields && values {
        reply.map(count);
    } else {
        reply.array(count);
    }
    for (_, entry) in view.iter().flat_map(|view| view.all(FIELDS)) {
        if fields {
            reply.bulk(name_of(&view.expect("it has entries"), &entry.key));
        }
        if values {
            reply.bulk(&entry.value);
        }
    }
    Ok(())
}
