//! Owns the commands that read and write a whole string.

use super::context::{Context, integer};
use super::error::CommandError;
use super::set_options::{Condition, Expiry, Options, Purpose, Unit, deadline_ms};
use hyperion_store::Key;

type Done = Result<(), CommandError>;

/// GET key
pub(super) fn get(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    match context.store.find(&key) {
        Some(found) => {
            let handle = context.store.handle(&found);
            let length = handle.map_or(0, |_| context.store.value(&found).len() as u64);
            if handle.is_none_or(|handle| !context.reply.bulk_later(length, handle.0)) {
                context.reply_value(&found);
            }
        }
        None => context.reply.null(),
    }
    Ok(())
}

/// STRLEN key
pub(super) fn strlen(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let bytes = context.store.find(&key).map_or(0, |found| context.store.value(&found).len());
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
    let found = if looks { context.store.find(&key) } else { None };
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
            Some(found) if options.gives_old => context.reply_value(&found),
            _ => context.reply.null(),
        }
        return Ok(());
    }
    if let (true, Some(found)) = (options.gives_old, &found) {
        context.save(found);
    }
    write(context, &key, arguments[2], expiry_ms)?;
    match (options.gives_old, found) {
        (false, _) => context.reply.simple("OK"),
        (true, Some(_)) => context.reply.bulk(context.scratch),
        (true, None) => context.reply.null(),
    }
    Ok(())
}

/// Sets a value; one whose time is over already is as good as deleted.
fn write(context: &mut Context<'_>, key: &Key<'_>, value: &[u8], expiry_ms: Option<u64>) -> Done {
    if expiry_ms.is_some_and(|at_ms| at_ms <= context.store.now_ms()) {
        context.store.delete(key)?;
    } else {
        context.store.put(key, &[value], expiry_ms)?;
    }
    Ok(())
}

/// SETNX key value
pub(super) fn setnx(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let is_absent = context.store.find(&key).is_none();
    if is_absent {
        context.store.put(&key, &[arguments[2]], None)?;
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
    context.reply.simple("OK");
    Ok(())
}

/// GETSET key value
pub(super) fn getset(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let found = context.store.find(&key);
    if let Some(found) = &found {
        context.save(found);
    }
    context.store.put(&key, &[arguments[2]], None)?;
    match found {
        Some(_) => context.reply.bulk(context.scratch),
        None => context.reply.null(),
    }
    Ok(())
}

/// GETDEL key
pub(super) fn getdel(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let Some(found) = context.store.find(&key) else {
        context.reply.null();
        return Ok(());
    };
    context.save(&found);
    context.store.delete(&key)?;
    context.reply.bulk(context.scratch);
    Ok(())
}

/// GETEX key [EX seconds | PX ms | EXAT second | PXAT ms | PERSIST]
pub(super) fn getex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let options = Options::parse(&arguments[2..], Purpose::Getex)?;
    let Some(found) = context.store.find(&key) else {
        context.reply.null();
        return Ok(());
    };
    let now_ms = context.store.now_ms();
    let expiry_ms = match options.expiry {
        Expiry::At { unit, text } => Some(deadline_ms(unit, text, now_ms, "getex")?),
        Expiry::Persist if context.store.expiry_ms(&found).is_some() => None,
        Expiry::Clear | Expiry::Keep | Expiry::Persist => {
            context.reply_value(&found);
            return Ok(());
        }
    };
    context.save(&found);
    if expiry_ms.is_some_and(|at_ms| at_ms <= now_ms) {
        context.store.delete(&key)?;
    } else {
        context.store.set_expiry(&key, &found, expiry_ms)?;
    }
    context.reply.bulk(context.scratch);
    Ok(())
}
