//! Owns the commands that move or copy a value from one key to another, where one core owns both, and TYPE.

use super::context::{Context, is_word};
use super::error::CommandError;
use super::types::name_of;
use hyperion_model::limits::DATABASES;
use hyperion_model::number::parse_integer;
use hyperion_model::{DatabaseId, EventClass};
use hyperion_store::{Found, Key, Write};

type Done = Result<(), CommandError>;

/// TYPE key
pub(super) fn type_of(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.key(arguments[1])?;
    let found = context.store.peek(&key);
    context.reply.simple(found.map_or("none", |found| name_of(context.store.value_type(&found))));
    Ok(())
}

/// RENAME key newkey
pub(super) fn rename(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let [source, target] = [context.key(arguments[1])?, context.key(arguments[2])?];
    let found = context.store.find(&source).ok_or(CommandError::NoSuchKey)?;
    if source.bytes != target.bytes {
        move_value(context, [&source, &target], &found, context.database)?;
        tell_moved(context, arguments);
    }
    context.reply.simple("OK");
    Ok(())
}

/// RENAMENX key newkey
pub(super) fn renamenx(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let [source, target] = [context.key(arguments[1])?, context.key(arguments[2])?];
    if context.store.find(&source).is_none() {
        return Err(CommandError::NoSuchKey);
    }
    let is_free = context.store.find(&target).is_none();
    if is_free {
        // The second lookup may have removed an expired key: only now is the first one's place sure.
        let found = context.store.find(&source).ok_or(CommandError::NoSuchKey)?;
        move_value(context, [&source, &target], &found, context.database)?;
        tell_moved(context, arguments);
    }
    context.reply.integer(i64::from(is_free));
    Ok(())
}

fn tell_moved(context: &mut Context<'_>, arguments: &[&[u8]]) {
    context.notify(EventClass::Generic, "rename_from", arguments[1]);
    context.notify(EventClass::Generic, "rename_to", arguments[2]);
}

pub(super) fn move_value(
    context: &mut Context<'_>,
    [source, target]: [&Key<'_>; 2],
    found: &Found,
    target_database: DatabaseId,
) -> Done {
    let expiry_ms = context.store.expiry_ms(found);
    if let Some(result) = context.store.move_copy((source, found), target, expiry_ms) {
        return Ok(result?);
    }
    let content = context.store.content(found);
    context.check_room(source.bytes.len() + target.bytes.len() + content.bytes.len())?;
    let database = context.database;
    let writes = [
        Write {
            database: target_database,
            key: target.bytes,
            value: Some(content.as_ref()),
            expiry_ms,
        },
        Write { database, key: source.bytes, value: None, expiry_ms: None },
    ];
    context.store.write_all(context.transaction, &writes)?;
    Ok(())
}

/// Reads COPY's options: the database of the target, and whether it may be overwritten.
///
/// # Errors
/// When an option is not known, or there is no such database.
pub fn copy_options(
    arguments: &[&[u8]],
    database: DatabaseId,
) -> Result<(DatabaseId, bool), CommandError> {
    let (mut target, mut replaces) = (database, false);
    let mut words = arguments[3..].iter();
    while let Some(word) = words.next() {
        if is_word(word, "replace") {
            replaces = true;
        } else if is_word(word, "db") {
            let number = words.next().ok_or(CommandError::Syntax)?;
            let number = parse_integer(number).ok_or(CommandError::NotInteger)?;
            let number = i32::try_from(number).map_err(|_| CommandError::OutOfRange)?;
            let chosen = u8::try_from(number).ok().filter(|&number| number < DATABASES);
            target = DatabaseId(chosen.ok_or(CommandError::DatabaseOutOfRange)?);
        } else {
            return Err(CommandError::Syntax);
        }
    }
    Ok((target, replaces))
}

/// `COPY source target [DB number] [REPLACE]`
pub(super) fn copy(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let (database, replaces) = copy_options(arguments, context.database)?;
    let source = context.key(arguments[1])?;
    context.key(arguments[2])?;
    let target = context.store.key(database, arguments[2]);
    if database == context.database && source.bytes == target.bytes {
        return Err(CommandError::SameObject);
    }
    let is_taken = context.store.find(&target).is_some();
    let Some(found) = context.store.find(&source).filter(|_| replaces || !is_taken) else {
        context.reply.integer(0);
        return Ok(());
    };
    let expiry_ms = context.store.expiry_ms(&found);
    if let Some(result) = context.store.put_copy(&found, &target, expiry_ms) {
        result?;
    } else {
        let content = context.store.content(&found);
        context.check_room(target.bytes.len() + content.bytes.len())?;
        context.store.put_content(&target, content.as_ref(), expiry_ms)?;
    }
    context.notify_in(database, EventClass::Generic, "copy_to", arguments[2]);
    context.reply.integer(1);
    Ok(())
}
