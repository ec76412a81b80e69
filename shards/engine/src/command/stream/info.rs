//! Owns XINFO.

use super::consumer::Consumer;
use super::entry::reply_entry;
use super::error::StreamError;
use super::group::Group;
use super::id::StreamId;
use super::meta::{Meta, first_entry_id};
use super::pending::Pending;
use super::progress::Progress;
use super::range::reply_range;
use super::{ENTRIES, GROUPS, number, view};
use crate::collection::{Cursor, View};
use crate::command::context::{Context, is_word};
use crate::command::error::{CommandError, repeat};
use hyperion_model::ReplyWriter;
use std::collections::BTreeMap;

type Done = Result<(), CommandError>;

/// Entries and pending ones that XINFO STREAM FULL tells of, unless it is told.
const FULL_COUNT: usize = 10;

const HELP: [&str; 9] = [
    "XINFO <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CONSUMERS <key> <groupname>",
    "    The consumers of a group.",
    "GROUPS <key>",
    "    The groups of a stream.",
    "STREAM <key> [FULL [COUNT <count>]",
    "    What is known of a stream.",
    "HELP",
    "    This text.",
];

/// `XINFO CONSUMERS key group, XINFO GROUPS key, XINFO STREAM key [FULL [COUNT count]]`, XINFO HELP
pub(in crate::command) fn xinfo(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    type Answer = fn(&mut dyn ReplyWriter, &View<'_>, &[&[u8]], u64) -> Done;
    let subcommands: [(&str, &str, i32, Answer); 3] = [
        ("consumers", "xinfo|consumers", 4, consumers),
        ("groups", "xinfo|groups", 3, groups),
        ("stream", "xinfo|stream", -3, stream),
    ];
    let name = arguments[1];
    if is_word(name, "help") {
        if arguments.len() > 2 {
            return Err(CommandError::WrongArity("xinfo|help"));
        }
        context.reply.array(HELP.len());
        HELP.iter().for_each(|line| context.reply.simple(line));
        return Ok(());
    }
    let chosen = subcommands.into_iter().find(|(word, ..)| is_word(name, word));
    let Some((_, full_name, arity, answer)) = chosen else {
        return Err(CommandError::UnknownSubcommand { name: repeat(name), command: "XINFO" });
    };
    let count = i32::try_from(arguments.len()).unwrap_or(i32::MAX);
    if (arity > 0 && count != arity) || count < -arity {
        return Err(CommandError::WrongArity(full_name));
    }
    let key = context.key(arguments[2])?;
    let Context { store, reply, .. } = context;
    let now_ms = store.now_ms();
    let view = view(store, &key)?.ok_or(CommandError::NoSuchKey)?;
    let full = if full_name == "xinfo|stream" { Some(parse_full(arguments)?) } else { None };
    match full.flatten() {
        Some(most) => {
            full_stream(*reply, &view, most);
            Ok(())
        }
        None => answer(*reply, &view, arguments, now_ms),
    }
}

/// How many entries FULL tells of, if it is there.
fn parse_full(arguments: &[&[u8]]) -> Result<Option<usize>, CommandError> {
    let refused = || StreamError::subcommand(arguments[1], "XINFO").into();
    match arguments[3..] {
        [] => Ok(None),
        [full] if is_word(full, "full") => Ok(Some(FULL_COUNT)),
        [full, count, value] if is_word(full, "full") && is_word(count, "count") => {
            let count = number(value)?;
            Ok(Some(usize::try_from(count).map_or(FULL_COUNT, |count| match count {
                0 => usize::MAX,
                count => count,
            })))
        }
        _ => Err(refused()),
    }
}

fn stream(reply: &mut dyn ReplyWriter, view: &View<'_>, _: &[&[u8]], _: u64) -> Done {
    reply.map(10);
    head(reply, view);
    field(reply, "groups", signed(view.count(GROUPS)));
    reply.bulk(b"first-entry");
    edge(reply, view, view.first(ENTRIES));
    reply.bulk(b"last-entry");
    edge(reply, view, view.last(ENTRIES));
    Ok(())
}

/// Entries of a node of Redis, unless it is told.
const NODE_ENTRIES: u64 = 100;

/// The seven fields that both forms begin with.
fn head(reply: &mut dyn ReplyWriter, view: &View<'_>) {
    let meta = Meta::of(view);
    let nodes = signed(meta.length.div_ceil(NODE_ENTRIES));
    field(reply, "length", signed(meta.length));
    field(reply, "radix-tree-keys", nodes);
    field(reply, "radix-tree-nodes", nodes + 1);
    id_field(reply, "last-generated-id", meta.last_id);
    id_field(reply, "max-deleted-entry-id", meta.deleted_id);
    field(reply, "entries-added", signed(meta.added));
    id_field(reply, "recorded-first-entry-id", first_entry_id(view));
}

fn edge(reply: &mut dyn ReplyWriter, view: &View<'_>, at: Option<Cursor>) {
    match at.and_then(|at| view.entry(at)) {
        Some(entry) => reply_entry(reply, StreamId::from_key(&entry.key), &entry.value),
        None => reply.null(),
    }
}

fn full_stream(reply: &mut dyn ReplyWriter, view: &View<'_>, most: usize) {
    reply.map(9);
    head(reply, view);
    reply.bulk(b"entries");
    reply_range(reply, view, (StreamId::ZERO, StreamId::MAX), most);
    reply.bulk(b"groups");
    let groups: Vec<(Vec<u8>, Group)> = Group::all(view).collect();
    let progress = Progress::new(view, Meta::of(view));
    reply.array(groups.len());
    for (name, group) in groups {
        full_group(reply, view, &progress, (&name, &group), most);
    }
}

fn full_group(
    reply: &mut dyn ReplyWriter,
    view: &View<'_>,
    progress: &Progress,
    (name, group): (&[u8], &Group),
    most: usize,
) {
    let consumers = Consumer::by_name(view, group.number);
    let names: BTreeMap<u32, &[u8]> =
        consumers.iter().map(|consumer| (consumer.number, &consumer.name[..])).collect();
    let mut pending: BTreeMap<u32, Vec<(StreamId, Pending)>> = BTreeMap::new();
    let mut first = Vec::new();
    for (_, id, one) in Pending::from(view, group.number, StreamId::ZERO) {
        if first.len() < most {
            first.push((id, one));
        }
        let own = pending.entry(one.consumer).or_default();
        if own.len() < most {
            own.push((id, one));
        }
    }
    reply.map(7);
    reply.bulk(b"name");
    reply.bulk(name);
    id_field(reply, "last-delivered-id", group.last_id);
    progress_fields(reply, progress, group);
    let count: u64 = consumers.iter().map(|consumer| consumer.pending).sum();
    field(reply, "pel-count", signed(count));
    reply.bulk(b"pending");
    reply.array(first.len());
    for (id, one) in first {
        reply.array(4);
        reply.bulk(id.text().bytes());
        reply.bulk(names.get(&one.consumer).copied().unwrap_or_default());
        reply.integer(signed(one.given_ms));
        reply.integer(signed(one.times));
    }
    reply.bulk(b"consumers");
    reply.array(consumers.len());
    for consumer in &consumers {
        let own = pending.remove(&consumer.number).unwrap_or_default();
        full_consumer(reply, consumer, &own);
    }
}

fn full_consumer(reply: &mut dyn ReplyWriter, consumer: &Consumer, own: &[(StreamId, Pending)]) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(&consumer.name);
    field(reply, "seen-time", signed(consumer.seen_ms));
    field(reply, "active-time", consumer.active_ms.map_or(-1, signed));
    field(reply, "pel-count", signed(consumer.pending));
    reply.bulk(b"pending");
    reply.array(own.len());
    for (id, one) in own {
        reply.array(3);
        reply.bulk(id.text().bytes());
        reply.integer(signed(one.given_ms));
        reply.integer(signed(one.times));
    }
}

fn groups(reply: &mut dyn ReplyWriter, view: &View<'_>, _: &[&[u8]], _: u64) -> Done {
    let groups: Vec<(Vec<u8>, Group)> = Group::all(view).collect();
    let progress = Progress::new(view, Meta::of(view));
    reply.array(groups.len());
    for (name, group) in groups {
        let (mut count, mut pending) = (0, 0);
        for consumer in Consumer::all(view, group.number) {
            count += 1;
            pending += consumer.pending;
        }
        reply.map(6);
        reply.bulk(b"name");
        reply.bulk(&name);
        field(reply, "consumers", count);
        field(reply, "pending", signed(pending));
        id_field(reply, "last-delivered-id", group.last_id);
        progress_fields(reply, &progress, &group);
    }
    Ok(())
}

fn consumers(
    reply: &mut dyn ReplyWriter,
    view: &View<'_>,
    arguments: &[&[u8]],
    now_ms: u64,
) -> Done {
    let group = Group::find(view, arguments[3])
        .ok_or_else(|| StreamError::no_group_of_key(arguments[2], arguments[3]))?;
    let consumers = Consumer::by_name(view, group.number);
    reply.array(consumers.len());
    for consumer in consumers {
        let since = |then: u64| signed(now_ms.saturating_sub(then));
        reply.map(4);
        reply.bulk(b"name");
        reply.bulk(&consumer.name);
        field(reply, "pending", signed(consumer.pending));
        field(reply, "idle", since(consumer.seen_ms));
        field(reply, "inactive", consumer.active_ms.map_or(-1, since));
    }
    Ok(())
}

fn progress_fields(reply: &mut dyn ReplyWriter, progress: &Progress, group: &Group) {
    for (name, value) in [("entries-read", group.read), ("lag", progress.lag(group))] {
        reply.bulk(name.as_bytes());
        match value {
            Some(value) => reply.integer(value),
            None => reply.null(),
        }
    }
}

fn field(reply: &mut dyn ReplyWriter, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

fn id_field(reply: &mut dyn ReplyWriter, name: &str, id: StreamId) {
    reply.bulk(name.as_bytes());
    reply.bulk(id.text().bytes());
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
