//! Owns the commands that read a hash.

use super::FIELDS;
use super::live::Hash;
use crate::command::ahead::{NAMES_AHEAD, prefetch_names};
use crate::command::context::{Context, integer};
use crate::command::error::CommandError;
use crate::command::fields::name_of;

type Done = Result<(), CommandError>;

/// HGET key field
pub(in crate::command) fn hget(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, events, .. } = context;
    match Hash::open(store, events, &key)?.and_then(|hash| hash.get(arguments[2])) {
        Some(entry) => reply.bulk(&entry.value),
        None => reply.null(),
    }
    Ok(())
}

/// `HMGET key field [field ...]`
pub(in crate::command) fn hmget(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, events, .. } = context;
    let hash = Hash::open(store, events, &key)?;
    reply.array(arguments.len() - 2);
    for fields in arguments[2..].chunks(NAMES_AHEAD) {
        if let Some(hash) = &hash {
            prefetch_names(hash.view(), FIELDS, fields.iter().copied());
        }
        for field in fields {
            match hash.and_then(|hash| hash.get(field)) {
                Some(entry) => reply.bulk(&entry.value),
                None => reply.null(),
            }
        }
    }
    Ok(())
}

/// HSTRLEN key field
pub(in crate::command) fn hstrlen(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, events, .. } = context;
    let entry = Hash::open(store, events, &key)?.and_then(|hash| hash.get(arguments[2]));
    reply.integer(entry.map_or(0, |entry| integer(entry.value.len())));
    Ok(())
}

/// HEXISTS key field
pub(in crate::command) fn hexists(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, events, .. } = context;
    let has = Hash::open(store, events, &key)?.is_some_and(|hash| hash.has(arguments[2]));
    reply.integer(i64::from(has));
    Ok(())
}

/// HLEN key
pub(in crate::command) fn hlen(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, events, .. } = context;
    let count = Hash::open(store, events, &key)?.map_or(0, |hash| hash.count());
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
    let Context { store, reply, events, .. } = context;
    let hash = Hash::open(store, events, &key)?;
    let count = hash.map_or(0, |hash| hash.count());
    let count = usize::try_from(count).expect("what is in memory is counted in a word");
    if fields && values {
        reply.map(count);
    } else {
        reply.array(count);
    }
    let Some(hash) = hash else { return Ok(()) };
    for (_, entry) in hash.all() {
        if fields {
            reply.bulk(name_of(hash.view(), &entry.key));
        }
        if values {
            reply.bulk(&entry.value);
        }
    }
    Ok(())
}
