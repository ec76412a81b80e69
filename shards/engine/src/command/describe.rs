//! Owns COMMAND: what the table says, in the shapes that clients read.

use super::category::{category, is_in, members};
use super::context::{integer, is_word};
use super::error::{CommandError, repeat};
use super::glob::matches;
use super::key_words::key_words;
use super::lookup::find;
use super::spec::{CommandSpec, KeySpec, More, keys_of};
use super::subcommands::{SUBCOMMANDS, subcommands_of};
use super::table::COMMANDS;
use hyperion_model::ReplyWriter;
use hyperion_model::number::parse_integer;

/// All categories as COMMAND INFO writes them.
const CATEGORIES_SIGNED: [&str; 21] = [
    "@keyspace",
    "@read",
    "@write",
    "@set",
    "@sortedset",
    "@list",
    "@hash",
    "@string",
    "@bitmap",
    "@hyperloglog",
    "@geo",
    "@stream",
    "@pubsub",
    "@admin",
    "@fast",
    "@slow",
    "@blocking",
    "@dangerous",
    "@connection",
    "@transaction",
    "@scripting",
];

const HELP: [&str; 15] = [
    "COMMAND [<subcommand> [<arg> ...]]. Without a subcommand, as INFO about all. Subcommands are:",
    "COUNT",
    "    The number of commands.",
    "DOCS [<name> ...]",
    "    What commands do and cost.",
    "GETKEYS <command line>",
    "    The keys of a command line.",
    "GETKEYSANDFLAGS <command line>",
    "    The keys of a command line and what is done to them.",
    "HELP",
    "    This text.",
    "INFO [<name> ...]",
    "    Arity, flags and keys of commands.",
    "LIST [FILTERBY MODULE <name> | ACLCAT <category> | PATTERN <pattern>]",
    "    The names of the commands.",
];

/// COMMAND [COUNT | DOCS | GETKEYS | GETKEYSANDFLAGS | HELP | INFO | LIST]; `arguments[0]` is the name.
///
/// # Errors
/// When the subcommand is not known or its words are not understood; then nothing was answered.
pub fn describe(arguments: &[&[u8]], reply: &mut dyn ReplyWriter) -> Result<(), CommandError> {
    let Some(&name) = arguments.get(1) else {
        info_all(reply);
        return Ok(());
    };
    let rest = &arguments[2..];
    let must =
        |holds: bool, command| if holds { Ok(()) } else { Err(CommandError::WrongArity(command)) };
    if is_word(name, "count") {
        must(rest.is_empty(), "command|count")?;
        reply.integer(integer(COMMANDS.len()));
    } else if is_word(name, "docs") {
        docs(rest, reply);
    } else if is_word(name, "info") {
        info(rest, reply);
    } else if is_word(name, "list") {
        list(rest, reply)?;
    } else if is_word(name, "getkeys") {
        must(rest.len() >= 2, "command|getkeys")?;
        keys(rest, false, reply)?;
    } else if is_word(name, "getkeysandflags") {
        must(rest.len() >= 2, "command|getkeysandflags")?;
        keys(rest, true, reply)?;
    } else if is_word(name, "help") {
        must(rest.is_empty(), "command|help")?;
        reply.array(HELP.len());
        HELP.iter().for_each(|line| reply.simple(line));
    } else {
        return Err(CommandError::UnknownSubcommand { name: repeat(name), command: "COMMAND" });
    }
    Ok(())
}

fn info(names: &[&[u8]], reply: &mut dyn ReplyWriter) {
    if names.is_empty() {
        info_all(reply);
        return;
    }
    reply.array(names.len());
    for name in names {
        match find(name) {
            Some(spec) => info_one(spec, reply),
            None => reply.null(),
        }
    }
}

fn info_all(reply: &mut dyn ReplyWriter) {
    reply.array(COMMANDS.len());
    COMMANDS.iter().for_each(|spec| info_one(spec, reply));
}

/// Ten fields: name, arity, flags, first key, last key, step, categories, tips, key specifications, subcommands.
fn info_one(spec: &CommandSpec, reply: &mut dyn ReplyWriter) {
    reply.array(10);
    reply.bulk(spec.name.as_bytes());
    reply.integer(i64::from(spec.arity));
    simple_set(spec.flags.names(), reply);
    reply.integer(i64::from(spec.keys.first));
    reply.integer(i64::from(spec.keys.last));
    reply.integer(i64::from(spec.keys.step));
    simple_set(categories(spec), reply);
    reply.set(0);
    if spec.keys.first == 0 {
        reply.set(0);
    } else {
        reply.set(1);
        key_specification(spec, reply);
    }
    reply.set(0);
}

fn simple_set(names: impl Iterator<Item = &'static str> + Clone, reply: &mut dyn ReplyWriter) {
    reply.set(names.clone().count());
    names.for_each(|name| reply.simple(name));
}

/// The keys again, in the form that newer clients read: where the search begins, and how it goes on.
fn key_specification(spec: &CommandSpec, reply: &mut dyn ReplyWriter) {
    let KeySpec { first, last, step, .. } = spec.keys;
    // Here the last key counts from the first one, unless it counts from the end.
    let last = if last < 0 { i64::from(last) } else { i64::from(last) - i64::from(first) };
    reply.map(3);
    reply.bulk(b"flags");
    simple_set(key_flags(spec).iter().copied(), reply);
    reply.bulk(b"begin_search");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"index");
    reply.bulk(b"spec");
    reply.map(1);
    reply.bulk(b"index");
    reply.integer(i64::from(first));
    reply.bulk(b"find_keys");
    reply.map(2);
    reply.bulk(b"type");
    reply.bulk(b"range");
    reply.bulk(b"spec");
    reply.map(3);
    reply.bulk(b"lastkey");
    reply.integer(last);
    reply.bulk(b"keystep");
    reply.integer(i64::from(step));
    reply.bulk(b"limit");
    reply.integer(0);
}

/// What is done to the keys of a command whatever its words are.
fn key_flags(spec: &CommandSpec) -> &'static [&'static str] {
    match (key_words(spec, &[], 0), key_words(spec, &[], 1)) {
        _ if matches!(spec.name, "bitfield" | "set") => {
            &["RW", "access", "update", "variable_flags"]
        }
        (first, second) if first == second => first,
        _ if spec.writes() => &["RW", "access", "update"],
        _ => &["RO", "access"],
    }
}

/// The categories that a command belongs to, with their sign.
fn categories(spec: &CommandSpec) -> impl Iterator<Item = &'static str> + Clone {
    CATEGORIES_SIGNED.into_iter().filter(|category| is_in(spec, &category[1..]))
}

fn docs(names: &[&[u8]], reply: &mut dyn ReplyWriter) {
    let chosen: Vec<&CommandSpec> = if names.is_empty() {
        COMMANDS.iter().collect()
    } else {
        names.iter().filter_map(|name| find(name)).collect()
    };
    reply.map(chosen.len());
    for spec in chosen {
        reply.bulk(spec.name.as_bytes());
        reply.map(4);
        let fields = [
            ("summary", spec.summary),
            ("since", spec.since),
            ("group", spec.group.name()),
            ("complexity", spec.complexity),
        ];
        for (field, text) in fields {
            reply.bulk(field.as_bytes());
            reply.bulk(text.as_bytes());
        }
    }
}

fn list(words: &[&[u8]], reply: &mut dyn ReplyWriter) -> Result<(), CommandError> {
    let all = || {
        let commands = COMMANDS.iter().map(|spec| spec.name);
        let below = COMMANDS.iter().flat_map(subcommands_of).map(|at| SUBCOMMANDS[at].full_name);
        commands.chain(below)
    };
    let chosen: Vec<&'static str> = match words {
        [] => all().collect(),
        [filter, kind, value] if is_word(filter, "filterby") => {
            if is_word(kind, "module") {
                Vec::new()
            } else if is_word(kind, "aclcat") {
                category(value).map(members).unwrap_or_default()
            } else if is_word(kind, "pattern") {
                let pattern = value.to_ascii_lowercase();
                all().filter(|name| matches(&pattern, name.as_bytes())).collect()
            } else {
                return Err(CommandError::Syntax);
            }
        }
        _ => return Err(CommandError::Syntax),
    };
    reply.array(chosen.len());
    chosen.iter().for_each(|name| reply.bulk(name.as_bytes()));
    Ok(())
}

/// Whether the number of keys that a line tells, if it tells one, is that of the keys behind it.
fn counts_its_keys(spec: &CommandSpec, line: &[&[u8]]) -> bool {
    let More::Counted { at } = spec.keys.more else { return true };
    let at = usize::from(at);
    let count = line.get(at).and_then(|word| parse_integer(word));
    let count = count.and_then(|count| usize::try_from(count).ok());
    count.is_some_and(|count| count > 0 && count < line.len() - at)
}

/// The keys of a line. Where it names one for each of STORE and STOREDIST, the last of them is written, and both are named.
fn places_of(spec: &CommandSpec, line: &[&[u8]]) -> Vec<usize> {
    let places = keys_of(spec, line);
    if !matches!(spec.name, "georadius" | "georadiusbymember") {
        return places.collect();
    }
    let options = if spec.name == "georadius" { 6 } else { 5 };
    let named = ["store", "storedist"].map(|word| {
        let behind = line.len().saturating_sub(1);
        (options..behind).find(|&at| is_word(line[at], word)).map(|at| at + 1)
    });
    places.take(1).chain(named.into_iter().flatten()).collect()
}

fn keys(line: &[&[u8]], with_flags: bool, reply: &mut dyn ReplyWriter) -> Result<(), CommandError> {
    let spec = find(line[0]).ok_or(CommandError::InvalidCommand)?;
    if spec.keys == KeySpec::NONE {
        return Err(CommandError::NoKeyArguments);
    }
    if !spec.admits(line.len()) {
        return Err(CommandError::InvalidArgumentCount);
    }
    let places = places_of(spec, line);
    if places.is_empty() || !counts_its_keys(spec, line) {
        // Scripts and functions may have none.
        if !spec.name.starts_with("eval") && !spec.name.starts_with("fcall") {
            return Err(CommandError::InvalidArguments);
        }
        reply.array(0);
        return Ok(());
    }
    reply.array(places.len());
    for (number, at) in places.into_iter().enumerate() {
        if with_flags {
            reply.array(2);
            reply.bulk(line[at]);
            simple_set(key_words(spec, line, number).iter().copied(), reply);
        } else {
            reply.bulk(line[at]);
        }
    }
    Ok(())
}
