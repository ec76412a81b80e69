//! Owns HRANDFIELD and HSCAN.

use super::{FIELDS, view};
use crate::collection::Cursor;
use crate::command::chance::Chance;
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use crate::command::fields::{DRAWS_MAX, choose, name_of};
use crate::command::fields_scan::Step;
use hyperion_model::number::parse_integer;

type Done = Result<(), CommandError>;

/// HRANDFIELD key [count [WITHVALUES]]
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
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    let Some(count) = count else {
        let chosen = view.and_then(|view| {
            let cursor = view.at(FIELDS, chance.below(view.count(FIELDS)))?;
            Some((view, view.entry(cursor)?))
        });
        match chosen {
            Some((view, entry)) => reply.bulk(name_of(&view, &entry.key)),
            None => reply.null(),
        }
        return Ok(());
    };
    let Some(view) = view else {
        reply.array(0);
        return Ok(());
    };
    let chosen = choose(&view, FIELDS, count, &mut chance);
    reply.pairs(chosen.len(), with_values);
    let mut tell = |cursor: Cursor| {
        let entry = view.entry(cursor).expect("it was chosen among those that are there");
        if with_values {
            reply.pair();
        }
        reply.bulk(name_of(&view, &entry.key));
        if with_values {
            reply.bulk(&entry.value);
        }
    };
    chosen.into_iter().for_each(&mut tell);
    Ok(())
}

/// HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
pub(in crate::command) fn hscan(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let step = Step::parse(&arguments[2..], true)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    step.run(view.as_ref(), FIELDS, true, *reply);
    Ok(())
}
