//! Owns the commands that read and write a whole string.

use super::context::{Context, Kept, integer};
use super::error::CommandError;
use super::set_options::{Condition, Expiry, Options, Purpose, Unit, deadline_ms};
use hyperion_model::EventClass;
use hyperion_store::Key;

type Done = Result<(), CommandError>;

/// GET key
pub(super) fn get(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    match context.find_string(&key)? {
        Some(found) => context.reply_whole(&found),
        None => context.reply.null(),
    }
    Ok(())
}

/// STRLEN key
pub(super) fn strlen(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let bytes = context.find_string(&key)?.map_or(0, |found| context.store.value(&found).len());
    context.reply.integer(integer(bytes));
    Ok(())
}

/// `SET key value [NX | XX] [GET] [EX seconds | PX ms | EXAT second | PXAT ms | KEEPTTL]`
pub(super) fn set(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    if arguments.len() > 3 {
        return set_with_options(context, arguments);
    }
    let key = context.first_key(arguments)?;
    context.store.put(&key, &[arguments[2]], None)?;
    context.notify(EventClass::String, "set", arguments[1]);
    context.reply.simple("OK");
    Ok(())
}

fn set_with_options(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let options = Options::parse(&arguments[3..], Purpose::Set)?;
    let now_ms = context.store.now_ms();
    let mut expiry_ms = match options.expiry {
        Expiry::At { unit, text } => Some(deadline_ms(unit, text, now_ms, "set")?),
        Expiry::Clear | Expiry::Keep | Expiry::Persist => None,
    };
    let looks = options.gives_old
        || options.condition != Condition::Always
        || matches!(options.expiry, Expiry::Keep);
    let found = match (looks, options.gives_old) {
        (_, true) => context.find_string(&key)?,
        (true, false) => context.store.find(&key),
        (false, false) => None,
    };
    if let (Expiry::Keep, Some(found)) = (&options.expiry, &found) {
        expiry_ms = context.store.expiry_ms(found);
    }
    let is_refused = match options.condition {
        Condition::Always => false,
        Condition::IfAbsent => found.is_some(),
        Condition::IfPresent => found.is_none(),
    };
    if is_refused {
        match found {
            Some(found) if options.gives_old => context.reply_whole(&found),
            _ => context.reply.null(),
        }
        return Ok(());
    }
    let old = found.filter(|_| options.gives_old).map(|found| context.keep(&found));
    let tells_expiry = matches!(options.expiry, Expiry::At { .. });
    let written = write(context, &key, arguments[2], expiry_ms, tells_expiry);
    match (written, old) {
        (Ok(()), None) if options.gives_old => context.reply.null(),
        (Ok(()), None) => context.reply.simple("OK"),
        (written, Some(old)) => return answer_old(context, old, written),
        (Err(error), None) => return Err(error),
    }
    Ok(())
}

/// Answers with a value that a command took the place of, unless it could not.
fn answer_old(context: &mut Context<'_>, old: Kept, changed: Done) -> Done {
    match changed {
        Ok(()) => context.reply_kept(old),
        Err(_) => context.drop_kept(old),
    }
    changed
}

/// Sets a value; one whose time is over already is as good as deleted. A time that the key had before is told to nobody.
fn write(
    context: &mut Context<'_>,
    key: &Key<'_>,
    value: &[u8],
    expiry_ms: Option<u64>,
    tells_expiry: bool,
) -> Done {
    let is_over = expiry_ms.is_some_and(|at_ms| at_ms <= context.store.now_ms());
    if is_over {
        context.store.delete(key)?;
    } else {
        context.store.put(key, &[value], expiry_ms)?;
    }
    context.notify(EventClass::String, "set", key.bytes);
    if expiry_ms.is_some() && tells_expiry {
        context.notify(EventClass::Generic, "expire", key.bytes);
    }
    if is_over {
        context.notify(EventClass::Expired, "expired", key.bytes);
    }
    Ok(())
}

/// SETNX key value
pub(super) fn setnx(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let is_absent = context.store.find(&key).is_none();
    if is_absent {
        context.store.put(&key, &[arguments[2]], None)?;
        context.notify(EventClass::String, "set", arguments[1]);
    }
    context.reply.integer(i64::from(is_absent));
    Ok(())
}

/// SETEX key seconds value
pub(super) fn setex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    set_for(context, arguments, Unit::Seconds, "setex")
}

/// PSETEX key ms value
pub(super) fn psetex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    set_for(context, arguments, Unit::Milliseconds, "psetex")
}

fn set_for(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    unit: Unit,
    command: &'static str,
) -> Done {
    let key = context.key(arguments[1])?;
    let at_ms = deadline_ms(unit, arguments[2], context.store.now_ms(), command)?;
    context.store.put(&key, &[arguments[3]], Some(at_ms))?;
    context.notify(EventClass::String, "set", arguments[1]);
    context.notify(EventClass::Generic, "expire", arguments[1]);
    context.reply.simple("OK");
    Ok(())
}

/// GETSET key value
pub(super) fn getset(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let old = context.find_string(&key)?.map(|found| context.keep(&found));
    let written = context.store.put(&key, &[arguments[2]], None).map_err(CommandError::from);
    context.notify(EventClass::String, "set", arguments[1]);
    match old {
        Some(old) => return answer_old(context, old, written),
        None => written?,
    }
    context.reply.null();
    Ok(())
}

/// GETDEL key
pub(super) fn getdel(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let Some(found) = context.find_string(&key)? else {
        context.reply.null();
        return Ok(());
    };
    let old = context.keep(&found);
    let deleted = context.store.delete(&key).map(drop).map_err(CommandError::from);
    context.notify(EventClass::Generic, "del", arguments[1]);
    answer_old(context, old, deleted)
}

/// `GETEX key [EX seconds | PX ms | EXAT second | PXAT ms | PERSIST]`
pub(super) fn getex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let options = Options::parse(&arguments[2..], Purpose::Getex)?;
    let Some(found) = context.find_string(&key)? else {
        context.reply.null();
        return Ok(());
    };
    let now_ms = context.store.now_ms();
    let expiry_ms = match options.expiry {
        Expiry::At { unit, text } => Some(deadline_ms(unit, text, now_ms, "getex")?),
        Expiry::Persist if context.store.expiry_ms(&found).is_some() => None,
        Expiry::Clear | Expiry::Keep | Expiry::Persist => {
            context.reply_whole(&found);
            return Ok(());
        }
    };
    let value = context.keep(&found);
    let (changed, event) = match expiry_ms {
        Some(at_ms) if at_ms <= now_ms => (context.store.delete(&key).map(drop), "del"),
        Some(_) => (context.store.set_expiry(&key, &found, expiry_ms), "expire"),
        None => (context.store.set_expiry(&key, &found, None), "persist"),
    };
    context.notify(EventClass::Generic, event, arguments[1]);
    answer_old(context, value, changed.map_err(CommandError::from))
}
