//! Owns MEMORY USAGE and the line of DEBUG OBJECT: what a key takes.

use super::context::{Context, check_key, is_word};
use super::encoding::encoding_of;
use super::error::CommandError;
use hyperion_cluster::config::Thresholds;
use hyperion_model::DatabaseId;
use hyperion_model::number::parse_integer;
use hyperion_store::Store;

/// `MEMORY USAGE key [SAMPLES count]`; the others are the front's. Nothing is sampled: what a key takes is known.
pub(super) fn memory(context: &mut Context<'_>, arguments: &[&[u8]]) -> Result<(), CommandError> {
    if !is_word(arguments[1], "usage") {
        return Err(CommandError::AtFront);
    }
    let [_, _, bytes, options @ ..] = arguments else {
        return Err(CommandError::WrongArity("memory|usage"));
    };
    let (pairs, rest) = options.as_chunks::<2>();
    for [name, count] in pairs {
        if !is_word(name, "samples") {
            return Err(CommandError::Syntax);
        }
        let count = parse_integer(count).ok_or(CommandError::NotInteger)?;
        if count < 0 {
            return Err(CommandError::Syntax);
        }
    }
    if !rest.is_empty() {
        return Err(CommandError::Syntax);
    }
    let key = context.key(bytes)?;
    match context.store.peek(&key) {
        Some(found) => {
            let bytes = context.store.key_bytes(&found);
            context.reply.integer(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        None => context.reply.null(),
    }
    Ok(())
}

/// The line of DEBUG OBJECT; `None` when there is no such key.
pub(crate) fn debug_line(
    store: &mut Store,
    database: DatabaseId,
    bytes: &[u8],
    thresholds: &Thresholds,
) -> Option<String> {
    check_key(bytes).ok()?;
    let key = store.key(database, bytes);
    let found = store.peek(&key)?;
    let length = store.value(&found).len();
    let idle_s = store.idle_ms(&found) / 1_000;
    let encoding = encoding_of(store, &found, thresholds);
    let encoding = String::from_utf8_lossy(encoding);
    Some(format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{length} lru:0 lru_seconds_idle:{idle_s}"
    ))
}
