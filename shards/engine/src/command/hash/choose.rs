//! Owns HRANDFIELD and HSCAN.

use super::FIELDS;
use super::live::Hash;
use crate::collection::Cursor;
use crate::command::chance::Chance;
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use crate::command::fields::{DRAWS_MAX, name_of};
use crate::command::fields_scan::Step;
use crate::command::scan::parse_cursor;
use hyperion_model::number::parse_integer;

type Done = Result<(), CommandError>;

/// `HRANDFIELD key [count [WITHVALUES]]`
pub(in crate::command) fn hrandfield(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut chance = Chance::new(context.random);
    let count = match arguments.get(2) {
        Some(word) => Some(parse_integer(word).ok_or(CommandError::NotInteger)?),
        None => None,
    };
    let with_values = match arguments.get(3) {
        None => false,
        Some(word) if arguments.len() == 4 && is_word(word, "withvalues") => true,
        Some(_) => return Err(CommandError::Syntax),
    };
    if count.is_some_and(|count| count < -DRAWS_MAX) {
        return Err(CommandError::ValueOutOfRange);
    }
    let Context { store, reply, events, .. } = context;
    let Some(hash) = Hash::open(store, events, &key)? else {
        match count {
            Some(_) => reply.array(0),
            None => reply.null(),
        }
        return Ok(());
    };
    let view = hash.view();
    let Some(count) = count else {
        for cursor in hash.choose(-1, &mut chance) {
            let entry = view.entry(cursor).expect("it was chosen among those that are there");
            reply.bulk(name_of(view, &entry.key));
        }
        return Ok(());
    };
    let chosen = hash.choose(count, &mut chance);
    reply.pairs(chosen.len(), with_values);
    let mut tell = |cursor: Cursor| {
        let entry = view.entry(cursor).expect("it was chosen among those that are there");
        if with_values {
            reply.pair();
        }
        reply.bulk(name_of(view, &entry.key));
        if with_values {
            reply.bulk(&entry.value);
        }
    };
    chosen.into_iter().for_each(&mut tell);
    Ok(())
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]`
pub(in crate::command) fn hscan(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    parse_cursor(arguments[2]).ok_or(CommandError::InvalidCursor)?;
    let Context { store, reply, events, .. } = context;
    let Some(hash) = Hash::open(store, events, &key)? else {
        // Nobody looks at the options.
        Step::parse(&[b"0"], true)?.run(None, FIELDS, true, *reply);
        return Ok(());
    };
    let step = Step::parse(&arguments[2..], true)?;
    step.run_where(Some(hash.view()), FIELDS, true, &|key| hash.is_live(key), *reply);
    Ok(())
}
