//! Owns the commands that read a stream by ids: XRANGE, XREVRANGE, XLEN.

use super::entry::reply_entry;
use super::id::{StreamId, parse_end, parse_start};
use super::{ENTRIES, number, view};
use crate::collection::{Cursor, View};
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use hyperion_model::ReplyWriter;

type Done = Result<(), CommandError>;

/// XLEN key
pub(in crate::command) fn xlen(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let count = view(store, &key)?.map_or(0, |view| view.count(ENTRIES));
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    Ok(())
}

/// `XRANGE key start end [COUNT count], XREVRANGE key end start [COUNT count]`
pub(in crate::command) fn xrange(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let is_reverse = arguments[0].len() == "xrevrange".len();
    let (start, end) = if is_reverse { (3, 2) } else { (2, 3) };
    let (start, end) = (parse_start(arguments[start])?, parse_end(arguments[end])?);
    let mut most = None;
    let (pairs, rest) = arguments[4..].as_chunks::<2>();
    for [option, value] in pairs {
        if !is_word(option, "count") {
            return Err(CommandError::Syntax);
        }
        most = Some(usize::try_from(number(value)?.max(0)).unwrap_or(usize::MAX));
    }
    if !rest.is_empty() {
        return Err(CommandError::Syntax);
    }
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let Some(view) = view(store, &key)? else {
        reply.array(0);
        return Ok(());
    };
    if most == Some(0) {
        reply.null_array();
        return Ok(());
    }
    let most = most.unwrap_or(usize::MAX);
    if is_reverse {
        reply_backwards(*reply, &view, (start, end), most);
    } else {
        reply_range(*reply, &view, (start, end), most);
    }
    Ok(())
}

/// Answers with the entries from `start` to `end`, so many at most.
pub(super) fn reply_range(
    reply: &mut dyn ReplyWriter,
    view: &View<'_>,
    (start, end): (StreamId, StreamId),
    most: usize,
) {
    let within = |key: &[u8]| StreamId::from_key(key) <= end;
    let from = view.lower_bound(ENTRIES, &start.key());
    let entries = view.iter(ENTRIES, from).map(|(_, entry)| entry).take(most);
    // The head of an array tells how many there are: they are gone through twice.
    let count = if end == StreamId::MAX {
        let before = from.map_or(view.count(ENTRIES), |from| view.index_of(ENTRIES, from));
        usize::try_from(view.count(ENTRIES) - before).unwrap_or(usize::MAX).min(most)
    } else {
        let entries = view.iter(ENTRIES, from).take(most);
        entries.take_while(|(_, entry)| within(&entry.key)).count()
    };
    reply.array(count);
    for entry in entries.take(count) {
        reply_entry(reply, StreamId::from_key(&entry.key), &entry.value);
    }
}

fn reply_backwards(
    reply: &mut dyn ReplyWriter,
    view: &View<'_>,
    (start, end): (StreamId, StreamId),
    most: usize,
) {
    let last = match view.seek(ENTRIES, &end.key()) {
        Ok(cursor) => Some(cursor),
        Err(at) => at.and_then(|at| view.previous(ENTRIES, at)),
    };
    let back = |from: Option<Cursor>| {
        let cursors = std::iter::successors(from, |at| view.previous(ENTRIES, *at));
        let entries = cursors.filter_map(|at| view.entry(at)).take(most);
        entries.take_while(move |entry| StreamId::from_key(&entry.key) >= start)
    };
    reply.array(back(last).count());
    for entry in back(last) {
        reply_entry(reply, StreamId::from_key(&entry.key), &entry.value);
    }
}
