//! Owns MOVE: a key goes to another database, where it lies in the same slot.

use super::context::{Context, is_word};
use super::error::CommandError;
use super::rename::move_value;
use super::spec::CommandSpec;
use hyperion_model::limits::DATABASES;
use hyperion_model::number::parse_integer;
use hyperion_model::{DatabaseId, Databases, EventClass};

/// The database that MOVE names.
///
/// # Errors
/// When there is no such database.
pub fn move_target(arguments: &[&[u8]]) -> Result<DatabaseId, CommandError> {
    let number = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    let number = u8::try_from(number).ok().filter(|&number| number < DATABASES);
    number.map(DatabaseId).ok_or(CommandError::DatabaseOutOfRange)
}

/// The words of a command that names a database beside the one it is about (MOVE, COPY DB), with where that database is kept in place of
/// its number. `None`: there is nothing to change.
#[must_use]
pub fn kept_words(
    databases: Databases,
    spec: &CommandSpec,
    arguments: &[&[u8]],
) -> Option<Vec<Vec<u8>>> {
    if databases == Databases::default() {
        return None;
    }
    let at = match spec.name {
        "move" => 2,
        "copy" => 4 + arguments.get(3..)?.iter().position(|word| is_word(word, "db"))?,
        _ => return None,
    };
    let number = parse_integer(arguments.get(at)?)?;
    let number = u8::try_from(number).ok().filter(|&number| number < DATABASES)?;
    let mut words: Vec<Vec<u8>> = arguments.iter().map(|word| word.to_vec()).collect();
    words[at] = databases.kept(number).0.to_string().into_bytes();
    Some(words)
}

/// MOVE key database
pub(super) fn move_key(context: &mut Context<'_>, arguments: &[&[u8]]) -> Result<(), CommandError> {
    let database = move_target(arguments)?;
    if database == context.database {
        return Err(CommandError::SameObject);
    }
    let source = context.key(arguments[1])?;
    let target = context.store.key(database, arguments[1]);
    let is_taken = context.store.find(&target).is_some();
    let found = context.store.find(&source).filter(|_| !is_taken);
    if let Some(found) = &found {
        move_value(context, [&source, &target], found, database)?;
        context.notify(EventClass::Generic, "move_from", arguments[1]);
        context.notify_in(database, EventClass::Generic, "move_to", arguments[1]);
    }
    context.reply.integer(i64::from(found.is_some()));
    Ok(())
}
