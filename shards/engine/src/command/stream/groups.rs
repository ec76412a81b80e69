//! Owns XGROUP.

use super::consumer::Consumer;
use super::error::StreamError;
use super::group::Group;
use super::id::{StreamId, parse_any, parse_strict};
use super::pending::Pending;
use super::{CONSUMERS, GROUPS, PENDING, Stream, number};
use crate::command::context::{Context, is_word};
use crate::command::error::{CommandError, repeat};
use hyperion_model::EventClass;
use hyperion_store::Key;

type Done = Result<(), CommandError>;

const HELP: [&str; 17] = [
    "XGROUP <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CREATE <key> <groupname> <id|$> [option]",
    "    Makes a group. Options are:",
    "    * MKSTREAM",
    "      Makes an empty stream where there is none.",
    "    * ENTRIESREAD entries_read",
    "      Says how many entries the group counts as read.",
    "CREATECONSUMER <key> <groupname> <consumer>",
    "    Makes a consumer.",
    "DELCONSUMER <key> <groupname> <consumer>",
    "    Removes a consumer with what is pending for it.",
    "DESTROY <key> <groupname>",
    "    Removes a group.",
    "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
    "    Sets how far a group has come.",
    "HELP",
    "    This text.",
];

const NO_KEY: &str = "The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
                      option to create an empty stream automatically.";
const TOO_MANY: StreamError = StreamError::Said("the stream has too many of them");

type Answer = fn(&mut Context<'_>, &Key<'_>, &[&[u8]]) -> Done;

/// XGROUP CREATE | CREATECONSUMER | DELCONSUMER | DESTROY | SETID key group ..., XGROUP HELP
pub(in crate::command) fn xgroup(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let subcommands: [(&str, &str, i32, Answer); 5] = [
        ("create", "xgroup|create", -5, create),
        ("createconsumer", "xgroup|createconsumer", 5, create_consumer),
        ("delconsumer", "xgroup|delconsumer", 5, remove_consumer),
        ("destroy", "xgroup|destroy", 4, destroy),
        ("setid", "xgroup|setid", -5, set_id),
    ];
    let name = arguments[1];
    if is_word(name, "help") {
        if arguments.len() > 2 {
            return Err(CommandError::WrongArity("xgroup|help"));
        }
        context.reply.array(HELP.len());
        HELP.iter().for_each(|line| context.reply.simple(line));
        return Ok(());
    }
    let chosen = subcommands.into_iter().find(|(word, ..)| is_word(name, word));
    let Some((_, full_name, arity, answer)) = chosen else {
        return Err(CommandError::UnknownSubcommand { name: repeat(name), command: "XGROUP" });
    };
    let count = i32::try_from(arguments.len()).unwrap_or(i32::MAX);
    if (arity > 0 && count != arity) || count < -arity {
        return Err(CommandError::WrongArity(full_name));
    }
    let key = context.key(arguments[2])?;
    answer(context, &key, arguments)
}

/// What CREATE and SETID take behind the id.
struct Options {
    makes_stream: bool,
    read: Option<i64>,
}

impl Options {
    fn parse(arguments: &[&[u8]], may_make: bool) -> Result<Self, CommandError> {
        let (mut options, mut at) = (Self { makes_stream: false, read: None }, 5);
        while at < arguments.len() {
            if may_make && is_word(arguments[at], "mkstream") {
                options.makes_stream = true;
                at += 1;
            } else if is_word(arguments[at], "entriesread") && at + 1 < arguments.len() {
                let read = number(arguments[at + 1])?;
                if read < -1 {
                    return Err(
                        StreamError::Said("value for ENTRIESREAD must be positive or -1").into()
                    );
                }
                options.read = (read >= 0).then_some(read);
                at += 2;
            } else {
                return Err(StreamError::subcommand(arguments[1], "XGROUP").into());
            }
        }
        Ok(options)
    }
}

fn create(context: &mut Context<'_>, key: &Key<'_>, arguments: &[&[u8]]) -> Done {
    let options = Options::parse(arguments, true)?;
    let (name, word) = (arguments[3], arguments[4]);
    let mut stream = Stream::open(context.store, key)?;
    if !stream.edit.was_there() && !options.makes_stream {
        return Err(StreamError::Said(NO_KEY).into());
    }
    let last_id = if word == b"$" { stream.meta.last_id } else { parse_strict(word, 0)? };
    let view = stream.edit.view();
    if Group::find(&view, name).is_some() {
        return Err(StreamError::BusyGroup.into());
    }
    let number = Group::free_number(&view).ok_or(TOO_MANY)?;
    Group { number, last_id, read: options.read }.put(&mut stream.edit, name);
    stream.commit_groups()?;
    context.notify(EventClass::Stream, "xgroup-create", arguments[2]);
    context.reply.simple("OK");
    Ok(())
}

/// Opens a stream for a subcommand that needs it and a group of it.
fn open<'c, 'k>(
    context: &'c mut Context<'_>,
    key: &'k Key<'k>,
    arguments: &[&[u8]],
) -> Result<(Stream<'c, 'k>, Group), CommandError> {
    let stream = Stream::open(context.store, key)?;
    if !stream.edit.was_there() {
        return Err(StreamError::Said(NO_KEY).into());
    }
    let group = Group::find(&stream.edit.view(), arguments[3])
        .ok_or_else(|| StreamError::no_group_of_key(arguments[2], arguments[3]))?;
    Ok((stream, group))
}

fn set_id(context: &mut Context<'_>, key: &Key<'_>, arguments: &[&[u8]]) -> Done {
    let options = Options::parse(arguments, false)?;
    let (mut stream, group) = open(context, key, arguments)?;
    let word = arguments[4];
    let last_id = if word == b"$" { stream.meta.last_id } else { parse_any(word, 0)? };
    Group { last_id, read: options.read, ..group }.put(&mut stream.edit, arguments[3]);
    stream.commit_groups()?;
    context.notify(EventClass::Stream, "xgroup-setid", arguments[2]);
    context.reply.simple("OK");
    Ok(())
}

fn create_consumer(context: &mut Context<'_>, key: &Key<'_>, arguments: &[&[u8]]) -> Done {
    let now_ms = context.store.now_ms();
    let (mut stream, group) = open(context, key, arguments)?;
    let found = Consumer::find_or_new(&stream.edit.view(), group.number, arguments[4], now_ms);
    let (consumer, is_new) = found.ok_or(TOO_MANY)?;
    if is_new {
        consumer.put(&mut stream.edit, group.number);
        stream.commit_groups()?;
        context.notify(EventClass::Stream, "xgroup-createconsumer", arguments[2]);
    }
    context.reply.integer(i64::from(is_new));
    Ok(())
}

fn remove_consumer(context: &mut Context<'_>, key: &Key<'_>, arguments: &[&[u8]]) -> Done {
    let (mut stream, group) = open(context, key, arguments)?;
    let found = Consumer::find(&stream.edit.view(), group.number, arguments[4]);
    let pending = found.as_ref().map_or(0, |consumer| consumer.pending);
    if let Some(consumer) = found {
        let view = stream.edit.view();
        let mut places: Vec<_> = Pending::from(&view, group.number, StreamId::ZERO)
            .filter(|(_, _, pending)| pending.consumer == consumer.number)
            .map(|(cursor, _, _)| cursor)
            .collect();
        // From behind, so that the places before stay what they are.
        while let Some(cursor) = places.pop() {
            stream.edit.remove(PENDING, cursor);
        }
        Consumer::remove(&mut stream.edit, group.number, consumer.number);
        stream.commit_groups()?;
        context.notify(EventClass::Stream, "xgroup-delconsumer", arguments[2]);
    }
    context.reply.integer(i64::try_from(pending).unwrap_or(i64::MAX));
    Ok(())
}

fn destroy(context: &mut Context<'_>, key: &Key<'_>, arguments: &[&[u8]]) -> Done {
    let mut stream = Stream::open(context.store, key)?;
    if !stream.edit.was_there() {
        return Err(StreamError::Said(NO_KEY).into());
    }
    let found = Group::find(&stream.edit.view(), arguments[3]);
    if let Some(group) = found {
        let edit = &mut stream.edit;
        let first = Pending::from(&edit.view(), group.number, StreamId::ZERO).next();
        if let Some((cursor, ..)) = first {
            let count = Pending::from(&edit.view(), group.number, StreamId::ZERO).count();
            edit.remove_run(PENDING, cursor, count as u64);
        }
        let count = Consumer::all(&edit.view(), group.number).count();
        if let Some(cursor) = Consumer::first_place(&edit.view(), group.number) {
            edit.remove_run(CONSUMERS, cursor, count as u64);
        }
        if let Some(cursor) = Group::place(&edit.view(), arguments[3]) {
            edit.remove(GROUPS, cursor);
        }
        stream.commit_groups()?;
        context.notify(EventClass::Stream, "xgroup-destroy", arguments[2]);
    }
    context.reply.integer(i64::from(found.is_some()));
    Ok(())
}
