//! Owns ZSCORE, ZMSCORE and ZCARD.

use super::members::score;
use super::{MEMBERS, card, told, view};
use crate::command::ahead::{NAMES_AHEAD, prefetch_names};
use crate::command::context::Context;
use crate::command::error::CommandError;

type Done = Result<(), CommandError>;

/// ZSCORE key member
pub(in crate::command) fn zscore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    match view.and_then(|view| score(&view, arguments[2])) {
        Some(score) => reply.double(score),
        None => reply.null(),
    }
    Ok(())
}

/// `ZMSCORE key member [member ...]`
pub(in crate::command) fn zmscore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    reply.array(arguments.len() - 2);
    for members in arguments[2..].chunks(NAMES_AHEAD) {
        if let Some(view) = &view {
            prefetch_names(view, MEMBERS, members.iter().copied());
        }
        for member in members {
            match view.and_then(|view| score(&view, member)) {
                Some(score) => reply.double(score),
                None => reply.null(),
            }
        }
    }
    Ok(())
}

/// ZCARD key
pub(in crate::command) fn zcard(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let count = view(context.store, &key)?.map_or(0, |view| card(&view));
    context.reply.integer(told(count));
    Ok(())
}
