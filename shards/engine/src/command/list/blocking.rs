//! Owns the commands that wait for a list: BLPOP, BRPOP, BLMPOP, BLMOVE, BRPOPLPUSH.

use super::ends::Taken;
use super::moving::{Pops, try_move};
use super::{Done, end_of, find, tell_popped};
use crate::collection::End;
use crate::command::block::{Nothing, Wait, timeout_ms};
use crate::command::context::Context;
use crate::command::types::LIST;

/// `BLPOP key [key ...] timeout`
pub(in crate::command) fn blpop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    pop_or_wait(context, arguments, End::Front)
}

/// `BRPOP key [key ...] timeout`
pub(in crate::command) fn brpop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    pop_or_wait(context, arguments, End::Back)
}

fn pop_or_wait(context: &mut Context<'_>, arguments: &[&[u8]], end: End) -> Done {
    let (timeout, keys) = arguments[1..].split_last().expect("the arity was checked");
    let timeout_ms = timeout_ms(timeout)?;
    for bytes in keys {
        if context.passes_over(bytes) {
            continue;
        }
        let key = context.key(bytes)?;
        let Some(found) = find(context.store, &key)? else { continue };
        let Context { store, reply, scratch, .. } = context;
        let mut taken = Taken::new(scratch);
        let is_gone = taken.take(store, (&key, &found), end, 1)?;
        reply.array(2);
        reply.bulk(bytes);
        taken.each(|element| reply.bulk(element));
        tell_popped(context, end, bytes, is_gone);
        return Ok(());
    }
    context.block(wait(timeout_ms, Nothing::Array))
}

/// `BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count]`
pub(in crate::command) fn blmpop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    // As in Redis the time is looked at last.
    let pops = Pops::parse(&arguments[2..])?;
    let timeout_ms = timeout_ms(arguments[1])?;
    if pops.run(context)? {
        return Ok(());
    }
    context.block(wait(timeout_ms, Nothing::Array))
}

/// BLMOVE source target LEFT|RIGHT LEFT|RIGHT timeout
pub(in crate::command) fn blmove(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let ends = (end_of(arguments[3])?, end_of(arguments[4])?);
    move_or_wait(context, arguments, ends, arguments[5])
}

/// BRPOPLPUSH source target timeout
pub(in crate::command) fn brpoplpush(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    move_or_wait(context, arguments, (End::Back, End::Front), arguments[3])
}

fn move_or_wait(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    ends: (End, End),
    timeout: &[u8],
) -> Done {
    let timeout_ms = timeout_ms(timeout)?;
    if try_move(context, arguments, ends)? {
        return Ok(());
    }
    context.block(wait(timeout_ms, Nothing::Value))
}

fn wait(timeout_ms: u64, nothing: Nothing) -> Wait {
    Wait { value_type: LIST, timeout_ms, nothing, minds_loss: false }
}
