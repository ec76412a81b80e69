//! Owns the commands over any number of keys, where one core owns them all.

use super::context::{Context, check_key, integer};
use super::error::CommandError;
use hyperion_model::EventClass;
use hyperion_store::{Content, Write};

type Done = Result<(), CommandError>;

/// `MGET key [key ...]`
pub(super) fn mget(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    check_keys(arguments, 1)?;
    context.reply.array(arguments.len() - 1);
    let mut bytes_left = context.answer_bytes_max;
    for bytes in &arguments[1..] {
        let key = context.key(bytes)?;
        match context.store.find(&key) {
            Some(found) if !context.store.is_string(&found) => context.reply.null(),
            Some(found) => {
                let value_bytes = context.store.value(&found).len();
                bytes_left = bytes_left.checked_sub(value_bytes).ok_or(CommandError::TooMuch)?;
                context.reply_value(&found);
            }
            None => context.reply.null(),
        }
    }
    Ok(())
}

/// `EXISTS key [key ...]`
pub(super) fn count(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let mut present = 0;
    for bytes in &arguments[1..] {
        let key = context.key(bytes)?;
        present += i64::from(context.store.peek(&key).is_some());
    }
    context.reply.integer(present);
    Ok(())
}

/// `TOUCH key [key ...]`
pub(super) fn touch(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let mut present = 0;
    for bytes in &arguments[1..] {
        let key = context.key(bytes)?;
        present += i64::from(context.store.find(&key).is_some());
    }
    context.reply.integer(present);
    Ok(())
}

/// `DEL key [key ...], UNLINK key [key ...]`
pub(super) fn delete(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    if let [_, bytes] = arguments {
        let key = context.key(bytes)?;
        let was_there = context.store.delete(&key)?;
        if was_there {
            context.notify(EventClass::Generic, "del", bytes);
        }
        context.reply.integer(i64::from(was_there));
        return Ok(());
    }
    check_keys(arguments, 1)?;
    let mut keys = arguments[1..].to_vec();
    keys.sort_unstable();
    keys.dedup();
    let mut writes = Vec::with_capacity(keys.len());
    for bytes in keys {
        let key = context.key(bytes)?;
        if context.store.find(&key).is_some() {
            let database = context.database;
            writes.push(Write { database, key: bytes, value: None, expiry_ms: None });
        }
    }
    if !writes.is_empty() {
        context.store.write_all(context.transaction, &writes)?;
        writes.iter().for_each(|write| context.notify(EventClass::Generic, "del", write.key));
    }
    context.reply.integer(integer(writes.len()));
    Ok(())
}

/// `MSET key value [key value ...]`
pub(super) fn mset(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    check_pairs(arguments, "mset")?;
    set_all(context, arguments)?;
    context.reply.simple("OK");
    Ok(())
}

/// `MSETNX key value [key value ...]`
pub(super) fn msetnx(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    check_pairs(arguments, "msetnx")?;
    for pair in arguments[1..].as_chunks::<2>().0 {
        let key = context.key(pair[0])?;
        if context.store.find(&key).is_some() {
            context.reply.integer(0);
            return Ok(());
        }
    }
    set_all(context, arguments)?;
    context.reply.integer(1);
    Ok(())
}

fn set_all(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    if let [_, key, value] = arguments {
        let key = context.key(key)?;
        context.store.put(&key, &[value], None)?;
        context.notify(EventClass::String, "set", key.bytes);
        return Ok(());
    }
    let database = context.database;
    let pairs = arguments[1..].as_chunks::<2>().0.iter();
    let writes: Vec<Write<'_>> = pairs
        .map(|&[key, value]| Write {
            database,
            key,
            value: Some(Content::string(value)),
            expiry_ms: None,
        })
        .collect();
    context.store.write_all(context.transaction, &writes)?;
    writes.iter().for_each(|write| context.notify(EventClass::String, "set", write.key));
    Ok(())
}

/// Every key of MSET has a value, and none is too long.
fn check_pairs(arguments: &[&[u8]], command: &'static str) -> Done {
    if arguments.len().is_multiple_of(2) {
        return Err(CommandError::WrongArity(command));
    }
    check_keys(arguments, 2)
}

fn check_keys(arguments: &[&[u8]], step: usize) -> Done {
    arguments.iter().skip(1).step_by(step).try_for_each(|key| check_key(key))
}
