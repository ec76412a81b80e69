//! Owns the commands that change a hash.

use super::{FIELDS, edit, find};
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::fields;

type Done = Result<(), CommandError>;

/// `HSET key field value [field value ...]`, and HMSET, which answers OK.
pub(in crate::command) fn hset(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let is_hmset = arguments[0].len() == 5;
    if arguments.len() % 2 == 1 {
        return Err(CommandError::WrongArity(if is_hmset { "hmset" } else { "hset" }));
    }
    let key = context.first_key(arguments)?;
    let mut edit = edit(context, &key)?;
    let mut added = 0;
    for [field, value] in arguments[2..].as_chunks::<2>().0 {
        added += i64::from(fields::put(&mut edit, FIELDS, field, value));
    }
    edit.commit()?;
    if is_hmset {
        context.reply.simple("OK");
    } else {
        context.reply.integer(added);
    }
    Ok(())
}

/// HSETNX key field value
pub(in crate::command) fn hsetnx(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut edit = edit(context, &key)?;
    let is_absent = find(&edit.view(), arguments[2]).is_none();
    if is_absent {
        fields::put(&mut edit, FIELDS, arguments[2], arguments[3]);
        edit.commit()?;
    }
    context.reply.integer(i64::from(is_absent));
    Ok(())
}

/// HDEL key field [field ...]
pub(in crate::command) fn hdel(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut edit = edit(context, &key)?;
    let mut removed = 0;
    for field in &arguments[2..] {
        let found = find(&edit.view(), field);
        if let Some(cursor) = found {
            edit.remove(FIELDS, cursor);
            removed += 1;
        }
    }
    if removed > 0 {
        edit.commit()?;
    }
    context.reply.integer(removed);
    Ok(())
}
