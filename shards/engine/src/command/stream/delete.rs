//! Owns the commands that take entries out of a stream, or change its counters: XDEL, XTRIM, XSETID.

use super::error::StreamError;
use super::id::{StreamId, parse_strict};
use super::meta::last_entry_id;
use super::trim::TrimOptions;
use super::{ENTRIES, Stream, number, view};
use crate::collection::MergeChange;
use crate::command::context::{Context, integer, is_word};
use crate::command::error::CommandError;
use hyperion_model::EventClass;

type Done = Result<(), CommandError>;

/// `XDEL key id [id ...]`
pub(in crate::command) fn xdel(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    if view(context.store, &key)?.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let mut ids: Vec<StreamId> =
        arguments[2..].iter().map(|word| parse_strict(word, 0)).collect::<Result<_, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    let mut stream = Stream::open(context.store, &key)?;
    let view = stream.edit.view();
    ids.retain(|id| view.seek(ENTRIES, &id.key()).is_ok());
    let removed = ids.len();
    if let Some(last) = ids.last() {
        let keys: Vec<_> = ids.iter().map(|id| id.key()).collect();
        let changes: Vec<MergeChange<'_>> = keys.iter().map(|key| (&key[..], None)).collect();
        stream.edit.merge(ENTRIES, &changes);
        stream.meta.deleted_id = stream.meta.deleted_id.max(*last);
        stream.commit()?;
        context.notify(EventClass::Stream, "xdel", arguments[1]);
    }
    context.reply.integer(integer(removed));
    Ok(())
}

/// `XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count]`
pub(in crate::command) fn xtrim(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let (mut options, mut at) = (TrimOptions::default(), 2);
    while at < arguments.len() {
        at = options.read(arguments, at)?.ok_or(CommandError::Syntax)?;
    }
    let Some(trim) = options.finish(context.thresholds.stream_node_entries)? else {
        let text = "syntax error, XTRIM must be called with at least one option";
        return Err(StreamError::Said(text).into());
    };
    let key = context.first_key(arguments)?;
    let mut stream = Stream::open(context.store, &key)?;
    let counts = (stream.meta.length, stream.meta.added);
    let excess = trim.excess(&stream.edit.view(), counts, None);
    if excess > 0 {
        let first = stream.edit.view().first(ENTRIES).expect("there are some to remove");
        stream.edit.remove_run(ENTRIES, first, excess);
        stream.commit()?;
        context.notify(EventClass::Stream, "xtrim", arguments[1]);
    }
    context.reply.integer(i64::try_from(excess).unwrap_or(i64::MAX));
    Ok(())
}

/// `XSETID key last-id [ENTRIESADDED count] [MAXDELETEDID id]`
pub(in crate::command) fn xsetid(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let last_id = parse_strict(arguments[2], 0)?;
    let (mut added, mut deleted_id) = (None, StreamId::ZERO);
    let (pairs, rest) = arguments[3..].as_chunks::<2>();
    for [option, value] in pairs {
        if is_word(option, "entriesadded") {
            let count = u64::try_from(number(value)?)
                .map_err(|_| StreamError::Said("entries_added must be positive"))?;
            added = Some(count);
        } else if is_word(option, "maxdeletedid") {
            deleted_id = parse_strict(value, 0)?;
            if last_id < deleted_id {
                return Err(StreamError::Said(
                    "The ID specified in XSETID is smaller than the provided max_deleted_entry_id",
                )
                .into());
            }
        } else {
            return Err(CommandError::Syntax);
        }
    }
    if !rest.is_empty() {
        return Err(CommandError::Syntax);
    }
    let key = context.first_key(arguments)?;
    let mut stream = Stream::open(context.store, &key)?;
    if !stream.edit.was_there() {
        return Err(CommandError::NoSuchKey);
    }
    let refused = |text| Err(StreamError::Said(text).into());
    if last_id < stream.meta.deleted_id {
        return refused("The ID specified in XSETID is smaller than current max_deleted_entry_id");
    }
    if stream.meta.length > 0 {
        if last_id < last_entry_id(&stream.edit.view()) {
            return refused(
                "The ID specified in XSETID is smaller than the target stream top item",
            );
        }
        if added.is_some_and(|added| added < stream.meta.length) {
            return refused(
                "The entries_added specified in XSETID is smaller than the target stream length",
            );
        }
    }
    stream.meta.last_id = last_id;
    stream.meta.added = added.unwrap_or(stream.meta.added);
    if deleted_id != StreamId::ZERO {
        stream.meta.deleted_id = deleted_id;
    }
    stream.commit()?;
    context.notify(EventClass::Stream, "xsetid", arguments[1]);
    context.reply.simple("OK");
    Ok(())
}
