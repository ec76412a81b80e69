//! Owns XADD.

use super::error::StreamError;
use super::id::{NewId, StreamId};
use super::meta::Meta;
use super::trim::{Trim, TrimOptions};
use super::{ENTRIES, Stream, entry};
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use hyperion_model::EventClass;

struct Options {
    trim: Option<Trim>,
    must_exist: bool,
    id: NewId,
    /// Where the fields begin.
    fields: usize,
}

impl Options {
    fn parse(arguments: &[&[u8]], node_entries: u64) -> Result<Self, CommandError> {
        let (mut trim, mut must_exist, mut at) = (TrimOptions::default(), false, 2);
        let mut id = NewId::Next;
        while at < arguments.len() {
            let word = arguments[at];
            if word == b"*" {
                break;
            }
            if let Some(behind) = trim.read(arguments, at)? {
                at = behind;
            } else if is_word(word, "nomkstream") {
                must_exist = true;
                at += 1;
            } else {
                id = NewId::parse(word)?;
                break;
            }
        }
        Ok(Self { trim: trim.finish(node_entries)?, must_exist, id, fields: at + 1 })
    }
}

/// `XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value [field value ...]`
pub(in crate::command) fn xadd(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    let options = Options::parse(arguments, context.thresholds.stream_node_entries)?;
    let fields = arguments.get(options.fields..).unwrap_or_default();
    if fields.is_empty() || fields.len() % 2 == 1 {
        return Err(CommandError::WrongArity("xadd"));
    }
    if options.id == NewId::Given(StreamId::ZERO) {
        return Err(StreamError::Said("The ID specified in XADD must be greater than 0-0").into());
    }
    let key = context.first_key(arguments)?;
    let bytes_max = context.value_bytes_max;
    let Context { store, scratch, .. } = context;
    let now_ms = store.now_ms();
    let mut stream = Stream::open(store, &key)?;
    if options.must_exist && !stream.edit.was_there() {
        context.reply.null();
        return Ok(());
    }
    let id = next_id(&stream.meta, options.id, now_ms)?;
    scratch.clear();
    entry::encode(fields, scratch);
    if scratch.len() as u64 > bytes_max {
        return Err(StreamError::Said("Elements are too large to be stored").into());
    }
    let meta = &mut stream.meta;
    (meta.last_id, meta.added, meta.length) = (id, meta.added + 1, meta.length + 1);
    let counts = (meta.length, meta.added);
    let trim = options.trim.as_ref();
    let excess = trim.map_or(0, |trim| trim.excess(&stream.edit.view(), counts, Some(id)));
    let is_done = excess == 0 && stream.edit.append(ENTRIES, &id.key(), scratch)?;
    if !is_done {
        stream.edit.push_back(ENTRIES, &id.key(), scratch);
        if excess > 0 {
            let first = stream.edit.view().first(ENTRIES).expect("one was put in");
            stream.edit.remove_run(ENTRIES, first, excess);
        }
        stream.commit()?;
    }
    context.notify(EventClass::Stream, "xadd", arguments[1]);
    if excess > 0 {
        context.notify(EventClass::Stream, "xtrim", arguments[1]);
    }
    context.reply.bulk(id.text().bytes());
    Ok(())
}

/// The id of the entry that comes behind all others.
fn next_id(meta: &Meta, wanted: NewId, now_ms: u64) -> Result<StreamId, StreamError> {
    let last = meta.last_id;
    if last == StreamId::MAX {
        return Err(StreamError::Said(
            "The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    let id = match wanted {
        NewId::Next if now_ms > last.ms => Some(StreamId { ms: now_ms, sequence: 0 }),
        NewId::Next => last.next(),
        NewId::NextOf(ms) if ms == last.ms => last.next().filter(|next| next.ms == ms),
        NewId::NextOf(ms) => Some(StreamId { ms, sequence: 0 }),
        NewId::Given(id) => Some(id),
    };
    id.filter(|id| *id > last).ok_or(StreamError::Said(
        "The ID specified in XADD is equal or smaller than the target stream top item",
    ))
}
