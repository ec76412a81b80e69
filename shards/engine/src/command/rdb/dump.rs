//! Owns DUMP.

use super::crc64::crc64;
use super::footer::{FOOTER_BYTES, VERSION, footer, seal};
use super::{expiring, write};
use crate::collection::View;
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::types::{HASH, STREAM};
use crate::command::{hash, stream};
use hyperion_store::Found;

/// DUMP key
pub(in crate::command) fn dump(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    let key = context.first_key(arguments)?;
    let mut found = context.store.find(&key);
    if let Some(hash) = found
        && context.store.buries_expired(&key)
        && hash::field_expired(context.store, &hash)
    {
        found = hash::bury_fields(context.store, context.events, &key, hash)?;
    }
    let Some(found) = found else {
        context.reply.null();
        return Ok(());
    };
    if context.store.is_string(&found) {
        dump_string(context, &found);
        return Ok(());
    }
    let value_type = context.store.value_type(&found);
    let passed_ms = context.store.passed_ms();
    let view = View::new(context.store, &found);
    if value_type == HASH && view.count(hash::EXPIRIES) > 0 {
        let fields = hash::live_fields(view, passed_ms);
        match expiring::write(&fields) {
            Some(payload) => context.reply.bulk(&payload),
            None => context.reply.null(),
        }
        return Ok(());
    }
    let written = match value_type {
        STREAM => Some(write::stream(&stream::whole(&view))),
        _ => write::collection(value_type, &view),
    };
    let mut payload = written.ok_or(CommandError::WrongType)?;
    seal(&mut payload);
    context.reply.bulk(&payload);
    Ok(())
}

/// A string is told from where it lies.
fn dump_string(context: &mut Context<'_>, found: &Found) {
    let value = context.store.value(found);
    let head = write::string_head(value.len());
    let mut sum = crc64(0, &head);
    context.reply.bulk_begin((head.len() + value.len() + FOOTER_BYTES) as u64);
    context.reply.bulk_piece(&head, false);
    for piece in value.pieces() {
        sum = crc64(sum, piece);
        context.reply.bulk_piece(piece, false);
    }
    context.reply.bulk_piece(&footer(VERSION, sum), true);
}
