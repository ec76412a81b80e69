//! Owns ZSCORE, ZMSCORE and ZCARD.

use super::members::score;
use super::{card, told, view};
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
    for member in &arguments[2..] {
        match view.and_then(|view| score(&view, member)) {
            Some(score) => reply.double(score),
            None => reply.null(),
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
