//! Owns the commands that read a set.

use super::{MEMBERS, find, view};
use crate::command::ahead::{NAMES_AHEAD, prefetch_names};
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::fields::name_of;

type Done = Result<(), CommandError>;

/// SISMEMBER key member
pub(in crate::command) fn sismember(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    reply.integer(i64::from(view.is_some_and(|view| find(&view, arguments[2]).is_some())));
    Ok(())
}

/// `SMISMEMBER key member [member ...]`
pub(in crate::command) fn smismember(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    reply.array(arguments.len() - 2);
    for members in arguments[2..].chunks(NAMES_AHEAD) {
        if let Some(view) = &view {
            prefetch_names(view, MEMBERS, members.iter().copied());
        }
        for member in members {
            reply.integer(i64::from(view.is_some_and(|view| find(&view, member).is_some())));
        }
    }
    Ok(())
}

/// SCARD key
pub(in crate::command) fn scard(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let count = view(store, &key)?.map_or(0, |view| view.count(MEMBERS));
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

/// SMEMBERS key
pub(in crate::command) fn smembers(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    let count = view.map_or(0, |view| view.count(MEMBERS));
    reply.set(usize::try_from(count).expect("what is in memory is counted in a word"));
    if let Some(view) = &view {
        view.all(MEMBERS).for_each(|(_, entry)| reply.bulk(name_of(view, &entry.key)));
    }
    Ok(())
}
