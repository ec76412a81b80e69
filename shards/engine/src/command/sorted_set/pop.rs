//! Owns the commands that take the first or the last members out.

use super::remove::remove;
use super::score::{Scored, score_of};
use super::select::{entries, member};
use super::{card, edit, tell_removed, view};
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;
use hyperion_store::Key;

type Done = Result<(), CommandError>;

const COUNT: CommandError = CommandError::Says("ERR count should be greater than 0");

/// Which end of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command) enum Which {
    Least,
    Greatest,
}

/// `ZPOPMIN key [count]`
pub(in crate::command) fn zpopmin(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    pop_one_key(context, Which::Least, arguments)
}

/// `ZPOPMAX key [count]`
pub(in crate::command) fn zpopmax(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    pop_one_key(context, Which::Greatest, arguments)
}

fn pop_one_key(context: &mut Context<'_>, which: Which, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let count = match arguments {
        [_, _] => None,
        [_, _, count] => {
            let count = parse_integer(count).ok_or(CommandError::MustBePositive)?;
            Some(u64::try_from(count).map_err(|_| CommandError::MustBePositive)?)
        }
        _ => return Err(CommandError::Syntax),
    };
    let popped = pop(context, &key, which, count.unwrap_or(1))?;
    let reply = &mut context.reply;
    if count.is_some() {
        reply.pairs(popped.len(), true);
    } else {
        reply.array(2 * popped.len());
    }
    for Scored { score, member } in &popped {
        if count.is_some() {
            reply.pair();
        }
        reply.bulk(member);
        reply.double(*score);
    }
    Ok(())
}

/// `ZMPOP count key [key ...] MIN | MAX [COUNT count]`
pub(in crate::command) fn zmpop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let asked = MultiplePop::parse(&arguments[1..])?;
    if !asked.run(context)? {
        context.reply.null_array();
    }
    Ok(())
}

/// What ZMPOP and its like are asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::command) struct MultiplePop<'w, 'a> {
    keys: &'w [&'a [u8]],
    which: Which,
    count: u64,
}

impl<'w, 'a> MultiplePop<'w, 'a> {
    /// `count key [key ...] MIN | MAX [COUNT count]`
    pub(in crate::command) fn parse(words: &'w [&'a [u8]]) -> Result<Self, CommandError> {
        let keys = parse_integer(words[0]).filter(|&count| count > 0);
        let keys = keys.ok_or(CommandError::NumkeysNotPositive)?;
        let keys = usize::try_from(keys).unwrap_or(usize::MAX);
        if keys >= words.len() - 1 {
            return Err(CommandError::Syntax);
        }
        let (keys, options) = words[1..].split_at(keys);
        let which = match options[0] {
            word if is_word(word, "min") => Which::Least,
            word if is_word(word, "max") => Which::Greatest,
            _ => return Err(CommandError::Syntax),
        };
        let count = match options[1..] {
            [] => 1,
            [word, count, ref rest @ ..] if is_word(word, "count") => {
                let count = parse_integer(count).filter(|&count| count > 0).ok_or(COUNT)?;
                if !rest.is_empty() {
                    return Err(CommandError::Syntax);
                }
                count.unsigned_abs()
            }
            _ => return Err(CommandError::Syntax),
        };
        Ok(Self { keys, which, count })
    }

    /// Takes members out of the first sorted set that has some and answers with them. `false`: none has, and nothing was answered.
    pub(in crate::command) fn run(&self, context: &mut Context<'_>) -> Result<bool, CommandError> {
        let keys = own_keys(context, self.keys)?;
        for key in &keys {
            let popped = pop(context, key, self.which, self.count)?;
            if popped.is_empty() {
                continue;
            }
            let reply = &mut context.reply;
            reply.array(2);
            reply.bulk(key.bytes);
            reply.array(popped.len());
            for Scored { score, member } in &popped {
                reply.array(2);
                reply.bulk(member);
                reply.double(*score);
            }
            return Ok(true);
        }
        Ok(false)
    }
}

/// Takes the first or last members of the first key that has some out, one of them, and answers with key, member and score, as BZPOPMIN
/// does. `false`: no key has any, and nothing was answered.
pub(in crate::command) fn pop_first(
    context: &mut Context<'_>,
    keys: &[&[u8]],
    which: Which,
) -> Result<bool, CommandError> {
    let keys = own_keys(context, keys)?;
    for key in &keys {
        if let Some(Scored { score, member }) = pop(context, key, which, 1)?.pop() {
            context.reply.array(3);
            context.reply.bulk(key.bytes);
            context.reply.bulk(&member);
            context.reply.double(score);
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those of the keys that the command is run for.
fn own_keys<'k>(context: &Context<'_>, keys: &[&'k [u8]]) -> Result<Vec<Key<'k>>, CommandError> {
    let own = keys.iter().filter(|key| !context.passes_over(key));
    own.map(|key| context.key(key)).collect()
}

fn pop(
    context: &mut Context<'_>,
    key: &Key<'_>,
    which: Which,
    count: u64,
) -> Result<Vec<Scored>, CommandError> {
    let Some(view) = view(context.store, key)? else { return Ok(Vec::new()) };
    let there = card(&view);
    let count = count.min(there);
    if count == 0 {
        return Ok(Vec::new());
    }
    let (ranks, is_reverse) = match which {
        Which::Least => (0..count, false),
        Which::Greatest => (there - count..there, true),
    };
    let popped = entries(&view, &ranks, is_reverse)
        .map(|entry| Scored { score: score_of(&entry), member: member(entry).into_owned() })
        .collect();
    remove(edit(context, key)?, &ranks)?;
    let event = if is_reverse { "zpopmax" } else { "zpopmin" };
    tell_removed(context, event, key.bytes, count == there);
    Ok(popped)
}
