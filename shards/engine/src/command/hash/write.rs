//! Owns the commands that change a hash.

use super::change::Change;
use crate::command::context::{Context, integer};
use crate::command::error::CommandError;

type Done = Result<(), CommandError>;

/// `HSET key field value [field value ...]`, and HMSET, which answers OK.
pub(in crate::command) fn hset(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let is_hmset = arguments[0].len() == 5;
    if arguments.len() % 2 == 1 {
        return Err(CommandError::WrongArity(if is_hmset { "hmset" } else { "hset" }));
    }
    let key = context.first_key(arguments)?;
    let mut change = Change::open(context, &key)?;
    let added = change.put_all(arguments[2..].as_chunks::<2>().0);
    let changed = change.commit(true)?;
    changed.tell(context, &["hset"], arguments[1]);
    if is_hmset {
        context.reply.simple("OK");
    } else {
        context.reply.integer(integer(added));
    }
    Ok(())
}

/// HSETNX key field value
pub(in crate::command) fn hsetnx(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut change = Change::open(context, &key)?;
    let is_absent = !change.has(arguments[2]);
    if is_absent {
        change.put(arguments[2], arguments[3]);
    }
    let events: &[&str] = if is_absent { &["hset"] } else { &[] };
    let changed = change.commit(is_absent)?;
    changed.tell(context, events, arguments[1]);
    context.reply.integer(i64::from(is_absent));
    Ok(())
}

/// `HDEL key field [field ...]`
pub(in crate::command) fn hdel(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut change = Change::open(context, &key)?;
    let removed = arguments[2..].iter().filter(|field| change.remove(field)).count();
    let events: &[&str] = if removed > 0 { &["hdel"] } else { &[] };
    let changed = change.commit(removed > 0)?;
    changed.tell(context, events, arguments[1]);
    context.reply.integer(integer(removed));
    Ok(())
}
