//! Owns XREAD and XREADGROUP.
//!
//! Both give what there is at once. Where there is nothing, a client that wants to wait (BLOCK) is parked, and the command runs again when one
//! of its streams was touched: [`fixed_ids`] says what `$` meant when it came.

use super::deliver::{Given, Reader, Wanted};
use super::entry::reply_entry;
use super::error::StreamError;
use super::group::Group;
use super::id::{StreamId, parse_strict};
use super::meta::{Meta, last_entry_id};
use super::range::reply_range;
use super::read_options::ReadOptions;
use super::{ENTRIES, Stream, view};
use crate::collection::View;
use crate::command::block::{Blocking, Nothing, Wait};
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::types::STREAM;
use hyperion_model::{DatabaseId, EventClass, ReplyWriter};
use hyperion_store::Store;

type Done = Result<(), CommandError>;

/// `XREAD [COUNT count] [BLOCK ms] STREAMS key [key ...] id [id ...]`,
/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK ms] [NOACK] STREAMS key [key ...] id [id ...]`
pub(in crate::command) fn xread(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let options = ReadOptions::parse(arguments)?;
    match options.group {
        Some(group) => read_group(context, &options, group),
        None => read(context, &options),
    }
}

fn read(context: &mut Context<'_>, options: &ReadOptions<'_>) -> Done {
    let mut told = Vec::new();
    for (bytes, word) in options.keys.iter().zip(options.ids) {
        let key = context.key(bytes)?;
        let view = view(context.store, &key)?;
        let after = behind(view.as_ref(), word)?;
        let has_more = view.is_some_and(|view| last_entry_id(&view) > after);
        if let Some(start) = after.next().filter(|_| has_more) {
            told.push((*bytes, start));
        }
    }
    if told.is_empty() {
        return nothing(context, options);
    }
    context.reply.rows(told.len());
    for (bytes, start) in told {
        let key = context.key(bytes)?;
        let Context { store, reply, .. } = context;
        reply.row();
        reply.bulk(bytes);
        let view = view(store, &key)?.unwrap_or_else(View::empty);
        reply_range(*reply, &view, (start, StreamId::MAX), options.most);
    }
    Ok(())
}

/// The id behind which a client wants to read.
fn behind(view: Option<&View<'_>>, word: &[u8]) -> Result<StreamId, StreamError> {
    let last_id = || view.map_or(StreamId::ZERO, |view| Meta::of(view).last_id);
    match word {
        b"$" => Ok(last_id()),
        // The last entry, if there is one.
        b"+" => {
            let last = view.map_or(StreamId::ZERO, last_entry_id);
            Ok(last.previous().unwrap_or_else(last_id))
        }
        b">" => Err(StreamError::Said(
            "The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
        )),
        _ => parse_strict(word, 0),
    }
}

fn read_group(
    context: &mut Context<'_>,
    options: &ReadOptions<'_>,
    (group, consumer): (&[u8], &[u8]),
) -> Done {
    let wanted = wanted(context, options, group)?;
    // Who waits is not seen, or each try would be a change that asks for the next one.
    let may_wait = options.block_ms.is_some() && context.blocking != Blocking::Never;
    if may_wait
        && wanted.iter().all(|it| matches!(it, Wanted::New))
        && !has_new(context, options, group)?
    {
        return nothing(context, options);
    }
    let now_ms = context.store.now_ms();
    let is_acknowledged = options.is_acknowledged;
    let reader = Reader { group, consumer, most: options.most, is_acknowledged, now_ms };
    let mut told: Vec<(&[u8], Given)> = Vec::new();
    for (bytes, wanted) in options.keys.iter().zip(wanted) {
        let key = context.key(bytes)?;
        let given =
            Stream::open(context.store, &key).and_then(|stream| stream.give(&reader, wanted));
        match given {
            Ok(None) => return Err(StreamError::no_group_read(bytes, group).into()),
            Ok(Some((given, is_new))) => {
                if is_new {
                    context.notify(EventClass::Stream, "xgroup-createconsumer", bytes);
                }
                if !matches!(given, Given::Nothing) {
                    told.push((bytes, given));
                }
            }
            Err(error) if told.is_empty() => return Err(error),
            // What was given is told; the rest is there for the next call.
            Err(_) => break,
        }
    }
    if told.is_empty() {
        return nothing(context, options);
    }
    context.reply.rows(told.len());
    for (bytes, given) in told {
        let key = context.key(bytes)?;
        let Context { store, reply, .. } = context;
        reply.row();
        reply.bulk(bytes);
        let view = view(store, &key)?.unwrap_or_else(View::empty);
        match given {
            Given::Nothing => reply.array(0),
            Given::Run(start, count) => {
                reply_range(*reply, &view, (start, StreamId::MAX), count);
            }
            Given::Each(ids) => reply_each(*reply, &view, &ids),
        }
    }
    Ok(())
}

/// Whether a stream has entries that its group has not seen.
fn has_new(
    context: &mut Context<'_>,
    options: &ReadOptions<'_>,
    group: &[u8],
) -> Result<bool, CommandError> {
    for bytes in options.keys {
        let key = context.key(bytes)?;
        let Some(view) = view(context.store, &key)? else { continue };
        let seen = Group::find(&view, group).map_or(StreamId::MAX, |group| group.last_id);
        if last_entry_id(&view) > seen {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the consumer wants of each stream; all of them must be there, with the group.
fn wanted(
    context: &mut Context<'_>,
    options: &ReadOptions<'_>,
    group: &[u8],
) -> Result<Vec<Wanted>, CommandError> {
    let mut wanted = Vec::with_capacity(options.ids.len());
    for (bytes, word) in options.keys.iter().zip(options.ids) {
        let key = context.key(bytes)?;
        let view = view(context.store, &key)?;
        if view.and_then(|view| Group::find(&view, group)).is_none() {
            return Err(StreamError::no_group_read(bytes, group).into());
        }
        wanted.push(match *word {
            b">" => Wanted::New,
            b"$" => {
                return Err(StreamError::Said(
                    "The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
                     specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
                )
                .into());
            }
            // The greatest id there is says the same.
            word => match parse_strict(word, 0)? {
                StreamId::MAX => Wanted::New,
                id => Wanted::Again(id),
            },
        });
    }
    Ok(wanted)
}

/// There is nothing to tell: the client waits, if it wants to and may.
fn nothing(context: &mut Context<'_>, options: &ReadOptions<'_>) -> Done {
    let Some(timeout_ms) = options.block_ms else {
        context.reply.null_array();
        return Ok(());
    };
    let minds_loss = options.group.is_some();
    context.block(Wait { value_type: STREAM, timeout_ms, nothing: Nothing::Array, minds_loss })
}

/// The words of an XREAD that waits, with the ids that `$` and `+` stand for now: it runs again later. `None`: they are as they are.
pub(crate) fn fixed_ids(
    store: &mut Store,
    database: DatabaseId,
    arguments: &[&[u8]],
) -> Option<Vec<Vec<u8>>> {
    let options = ReadOptions::parse(arguments).ok()?;
    let first = arguments.len() - options.ids.len();
    let mut words: Vec<Vec<u8>> = arguments.iter().map(|word| word.to_vec()).collect();
    for (at, (bytes, word)) in options.keys.iter().zip(options.ids).enumerate() {
        if !matches!(*word, b"$" | b"+") || !store.owns_key(bytes) {
            continue;
        }
        let key = store.key(database, bytes);
        let found = store.peek(&key).filter(|found| store.value_type(found) == STREAM);
        let last_id =
            found.map_or(StreamId::ZERO, |found| Meta::of(&View::new(store, &found)).last_id);
        words[first + at] = last_id.text().bytes().to_vec();
    }
    Some(words)
}

/// Entries by their ids; of those that are gone the id alone.
fn reply_each(reply: &mut dyn ReplyWriter, view: &View<'_>, ids: &[StreamId]) {
    reply.array(ids.len());
    for id in ids {
        let cursor = view.seek(ENTRIES, &id.key()).ok();
        match cursor.and_then(|cursor| view.entry(cursor)) {
            Some(entry) => reply_entry(reply, *id, &entry.value),
            None => {
                reply.array(2);
                reply.bulk(id.text().bytes());
                reply.null_array();
            }
        }
    }
}
