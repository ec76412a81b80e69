//! Owns XPENDING.

use super::consumer::Consumer;
use super::error::StreamError;
use super::group::Group;
use super::id::{StreamId, parse_end, parse_start};
use super::pending::Pending;
use super::{number, view};
use crate::collection::View;
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use hyperion_model::ReplyWriter;
use std::collections::BTreeMap;

/// Which pending entries are told one by one.
struct Wanted<'a> {
    idle_ms_min: i64,
    start: StreamId,
    end: StreamId,
    most: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    fn parse(words: &[&'a [u8]]) -> Result<Self, CommandError> {
        let (mut rest, mut idle_ms_min) = (words, 0);
        if is_word(words[0], "idle") {
            idle_ms_min = number(words[1])?;
            if words.len() < 5 {
                return Err(CommandError::Syntax);
            }
            rest = &words[2..];
        }
        let most = usize::try_from(number(rest[2])?.max(0)).unwrap_or(usize::MAX);
        let (start, end) = (parse_start(rest[0])?, parse_end(rest[1])?);
        Ok(Self { idle_ms_min, start, end, most, consumer: rest.get(3).copied() })
    }
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`
pub(in crate::command) fn xpending(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    let wanted = match arguments.len() {
        3 => None,
        6..=9 => Some(Wanted::parse(&arguments[3..])?),
        _ => return Err(CommandError::Syntax),
    };
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let now_ms = store.now_ms();
    let found = view(store, &key)?.and_then(|view| Some((view, Group::find(&view, arguments[2])?)));
    let (view, group) = found.ok_or_else(|| StreamError::no_group(arguments[1], arguments[2]))?;
    match wanted {
        Some(wanted) => reply_each(*reply, &view, &group, &wanted, now_ms),
        None => reply_summary(*reply, &view, &group),
    }
    Ok(())
}

fn reply_summary(reply: &mut dyn ReplyWriter, view: &View<'_>, group: &Group) {
    let consumers = Consumer::by_name(view, group.number);
    let count: u64 = consumers.iter().map(|consumer| consumer.pending).sum();
    reply.array(4);
    reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
    let first = Pending::from(view, group.number, StreamId::ZERO).next();
    let (Some((_, first, _)), Some(last)) = (first, Pending::last(view, group.number)) else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    reply.bulk(first.text().bytes());
    reply.bulk(last.text().bytes());
    let busy = || consumers.iter().filter(|consumer| consumer.pending > 0);
    reply.array(busy().count());
    for consumer in busy() {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk(consumer.pending.to_string().as_bytes());
    }
}

fn reply_each(
    reply: &mut dyn ReplyWriter,
    view: &View<'_>,
    group: &Group,
    wanted: &Wanted<'_>,
    now_ms: u64,
) {
    let consumers = Consumer::all(view, group.number);
    let names: BTreeMap<u32, Vec<u8>> =
        consumers.map(|consumer| (consumer.number, consumer.name)).collect();
    let only = match wanted.consumer {
        None => None,
        Some(name) => match names.iter().find(|(_, other)| *other == name) {
            Some((number, _)) => Some(*number),
            None => return reply.array(0),
        },
    };
    let told: Vec<(StreamId, Pending)> = Pending::from(view, group.number, wanted.start)
        .map(|(_, id, pending)| (id, pending))
        .take_while(|(id, _)| *id <= wanted.end)
        .filter(|(_, pending)| only.is_none_or(|only| pending.consumer == only))
        .filter(|(_, pending)| {
            wanted.idle_ms_min == 0 || pending.idle_ms(now_ms) >= wanted.idle_ms_min
        })
        .take(wanted.most)
        .collect();
    reply.array(told.len());
    for (id, pending) in told {
        reply.array(4);
        reply.bulk(id.text().bytes());
        reply.bulk(names.get(&pending.consumer).map_or(&[][..], Vec::as_slice));
        reply.integer(pending.idle_ms(now_ms));
        reply.integer(i64::try_from(pending.times).unwrap_or(i64::MAX));
    }
}
