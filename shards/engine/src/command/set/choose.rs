//! Owns SPOP, SRANDMEMBER and SSCAN.

use super::{MEMBERS, edit, tell_removed, view};
use crate::command::chance::Chance;
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::fields::{DRAWS_MAX, choose, name_of};
use crate::command::fields_scan::Step;
use crate::command::scan::parse_cursor;
use hyperion_model::number::parse_integer;

type Done = Result<(), CommandError>;

/// `SRANDMEMBER key [count]`
pub(in crate::command) fn srandmember(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut chance = Chance::new(context.random);
    let count = match arguments {
        [_, _] => None,
        [_, _, count] => Some(parse_integer(count).ok_or(CommandError::NotInteger)?),
        _ => return Err(CommandError::Syntax),
    };
    if count.is_some_and(|count| count < -DRAWS_MAX) {
        return Err(CommandError::ValueOutOfRange);
    }
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    let Some(view) = view else {
        match count {
            Some(_) => reply.array(0),
            None => reply.null(),
        }
        return Ok(());
    };
    let chosen = choose(&view, MEMBERS, count.unwrap_or(1), &mut chance);
    if count.is_some() {
        reply.array(chosen.len());
    }
    for cursor in chosen {
        let entry = view.entry(cursor).expect("it was chosen among those that are there");
        reply.bulk(name_of(&view, &entry.key));
    }
    Ok(())
}

/// `SPOP key [count]`
pub(in crate::command) fn spop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut chance = Chance::new(context.random);
    let count = match arguments {
        [_, _] => None,
        [_, _, count] => {
            let count = parse_integer(count).ok_or(CommandError::MustBePositive)?;
            Some(u64::try_from(count).map_err(|_| CommandError::MustBePositive)?)
        }
        _ => return Err(CommandError::Syntax),
    };
    let mut edit = edit(context, &key)?;
    let there = edit.view().count(MEMBERS);
    let wanted = i64::try_from(count.unwrap_or(1).min(there)).expect("members are fewer");
    let mut popped: Vec<Vec<u8>> = Vec::new();
    if there > 0 {
        // From behind, so that places before stay what they are.
        for cursor in choose(&edit.view(), MEMBERS, wanted, &mut chance).into_iter().rev() {
            let view = edit.view();
            let entry = view.entry(cursor).expect("it was chosen among those that are there");
            popped.push(name_of(&view, &entry.key).to_vec());
            edit.remove(MEMBERS, cursor);
        }
    }
    if !popped.is_empty() {
        let is_gone = edit.view().count(MEMBERS) == 0;
        edit.commit()?;
        tell_removed(context, "spop", arguments[1], is_gone);
    }
    match count {
        Some(_) => context.reply.set(popped.len()),
        None if popped.is_empty() => context.reply.null(),
        None => {}
    }
    popped.iter().for_each(|member| context.reply.bulk(member));
    Ok(())
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`
pub(in crate::command) fn sscan(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    parse_cursor(arguments[2]).ok_or(CommandError::InvalidCursor)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    // Of a key that is not there, nobody looks at the options.
    let words = if view.is_some() { &arguments[2..] } else { &[&b"0"[..]] };
    let step = Step::parse(words, false)?;
    step.run(view.as_ref(), MEMBERS, false, *reply);
    Ok(())
}
