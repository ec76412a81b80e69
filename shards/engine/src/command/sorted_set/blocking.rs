//! Owns the commands that wait for a sorted set: BZPOPMIN, BZPOPMAX, BZMPOP.

use super::pop::{MultiplePop, Which, pop_first};
use crate::command::block::{Nothing, Wait, timeout_ms};
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::types::SORTED_SET;

type Done = Result<(), CommandError>;

/// `BZPOPMIN key [key ...] timeout`
pub(in crate::command) fn bzpopmin(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    pop_or_wait(context, arguments, Which::Least)
}

/// `BZPOPMAX key [key ...] timeout`
pub(in crate::command) fn bzpopmax(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    pop_or_wait(context, arguments, Which::Greatest)
}

fn pop_or_wait(context: &mut Context<'_>, arguments: &[&[u8]], which: Which) -> Done {
    let (timeout, keys) = arguments[1..].split_last().expect("the arity was checked");
    let timeout_ms = timeout_ms(timeout)?;
    if pop_first(context, keys, which)? {
        return Ok(());
    }
    context.block(wait(timeout_ms))
}

/// `BZMPOP timeout count key [key ...] MIN | MAX [COUNT count]`
pub(in crate::command) fn bzmpop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    // As in Redis the time is looked at last.
    let asked = MultiplePop::parse(&arguments[2..])?;
    let timeout_ms = timeout_ms(arguments[1])?;
    if asked.run(context)? {
        return Ok(());
    }
    context.block(wait(timeout_ms))
}

fn wait(timeout_ms: u64) -> Wait {
    Wait { value_type: SORTED_SET, timeout_ms, nothing: Nothing::Array, minds_loss: false }
}
