//! Owns OBJECT: what is known of a key beside its value.

use super::context::{Context, is_word};
use super::encoding::encoding_of;
use super::error::{CommandError, repeat};
use hyperion_store::Found;

const HELP: [&str; 11] = [
    "OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ENCODING <key>",
    "    The encoding that Redis would give the value.",
    "FREQ <key>",
    "    How often the key is used, from 0 to 255; counted while maxmemory-policy is an LFU one.",
    "HELP",
    "    This text.",
    "IDLETIME <key>",
    "    Seconds since the key was used, in steps of 33 up to 25 minutes.",
    "REFCOUNT <key>",
    "    References to the value: always 1.",
];

/// OBJECT ENCODING | FREQ | IDLETIME | REFCOUNT key, OBJECT HELP
pub(super) fn object(context: &mut Context<'_>, arguments: &[&[u8]]) -> Result<(), CommandError> {
    type Answer = fn(&mut Context<'_>, &Found) -> Result<(), CommandError>;
    let subcommands: [(&str, &str, Answer); 4] = [
        ("encoding", "object|encoding", encoding),
        ("freq", "object|freq", frequency),
        ("idletime", "object|idletime", idle_time),
        ("refcount", "object|refcount", |context, _| {
            context.reply.integer(1);
            Ok(())
        }),
    ];
    let name = arguments[1];
    if is_word(name, "help") {
        if arguments.len() > 2 {
            return Err(CommandError::WrongArity("object|help"));
        }
        context.reply.array(HELP.len());
        HELP.iter().for_each(|line| context.reply.simple(line));
        return Ok(());
    }
    let chosen = subcommands.into_iter().find(|(word, _, _)| is_word(name, word));
    let Some((_, full_name, answer)) = chosen else {
        return Err(CommandError::UnknownSubcommand { name: repeat(name), command: "OBJECT" });
    };
    let [_, _, bytes] = arguments else { return Err(CommandError::WrongArity(full_name)) };
    let key = context.key(bytes)?;
    match context.store.peek(&key) {
        Some(found) => answer(context, &found),
        None => {
            context.reply.null();
            Ok(())
        }
    }
}

fn encoding(context: &mut Context<'_>, found: &Found) -> Result<(), CommandError> {
    let name = encoding_of(context.store, found, &context.thresholds);
    context.reply.bulk(name);
    Ok(())
}

fn frequency(context: &mut Context<'_>, found: &Found) -> Result<(), CommandError> {
    let frequency = context.store.frequency(found).ok_or(CommandError::NoFrequency)?;
    context.reply.integer(i64::from(frequency));
    Ok(())
}

fn idle_time(context: &mut Context<'_>, found: &Found) -> Result<(), CommandError> {
    if context.store.frequency(found).is_some() {
        return Err(CommandError::NoIdleTime);
    }
    let idle_ms = context.store.idle_ms(found);
    context.reply.integer(i64::try_from(idle_ms / 1_000).unwrap_or(i64::MAX));
    Ok(())
}
