//! Owns the commands that change a hash.

use super::FIELDS;
use super::change::Change;
use crate::command::context::{Context, integer};
use crate::command::error::CommandError;
use crate::command::fields::put_one;
use crate::command::fields_each::put_each;
use crate::command::types::HASH;
use hyperion_model::EventClass;
use hyperion_store::{Found, Key};

type Done = Result<(), CommandError>;

/// `HSET key field value [field value ...]`, and HMSET, which answers OK.
pub(in crate::command) fn hset(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let is_hmset = arguments[0].len() == 5;
    if arguments.len() % 2 == 1 {
        return Err(CommandError::WrongArity(if is_hmset { "hmset" } else { "hset" }));
    }
    let key = context.first_key(arguments)?;
    let added;
    let found = context.store.find(&key);
    let is_put = match arguments {
        [_, _, field, value] => {
            let place = (&key, found.as_ref());
            put_one(context.store, place, (HASH, FIELDS), field, Some(value))?.map(usize::from)
        }
        _ => {
            let (pairs, _) = arguments[2..].as_chunks::<2>();
            let place = (&key, found.as_ref());
            put_each(context.store, place, (HASH, FIELDS), pairs, entry_of)?
        }
    };
    if let Some(put) = is_put {
        added = put;
        context.notify(EventClass::Hash, "hset", arguments[1]);
    } else {
        added = put_all(context, (&key, found), arguments)?;
    }
    if is_hmset {
        context.reply.simple("OK");
    } else {
        context.reply.integer(integer(added));
    }
    Ok(())
}

fn entry_of<'n>([field, value]: &'n [&'n [u8]; 2]) -> (&'n [u8], Option<&'n [u8]>) {
    (field, Some(value))
}

fn put_all(
    context: &mut Context<'_>,
    (key, found): (&Key<'_>, Option<Found>),
    arguments: &[&[u8]],
) -> Result<usize, CommandError> {
    let mut change = Change::open_found(context, (key, found))?;
    let added = change.put_all(arguments[2..].as_chunks::<2>().0);
    let changed = change.commit(true)?;
    changed.tell(context, &["hset"], arguments[1]);
    Ok(added)
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
    let removed = change.remove_all(&arguments[2..]);
    let events: &[&str] = if removed > 0 { &["hdel"] } else { &[] };
    let changed = change.commit(removed > 0)?;
    changed.tell(context, events, arguments[1]);
    context.reply.integer(integer(removed));
    Ok(())
}
