//! Owns ZRANDMEMBER and ZSCAN.

use super::score::{SCORE_BYTES, member_of, score_of, score_of_value};
use super::{MEMBERS, RANKS, view};
use crate::command::chance::Chance;
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use crate::command::fields::{DRAWS_MAX, choose};
use crate::command::fields_scan::Step;
use crate::command::scan::parse_cursor;
use hyperion_model::number::{DOUBLE_BYTES_MAX, parse_integer, print_double};

type Done = Result<(), CommandError>;

/// `ZRANDMEMBER key [count [WITHSCORES]]`
pub(in crate::command) fn zrandmember(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut chance = Chance::new(context.random);
    let count = match arguments.get(2) {
        None => None,
        Some(count) => Some(parse_integer(count).ok_or(CommandError::NotInteger)?),
    };
    let with_scores = match arguments.get(3..) {
        None | Some([]) => false,
        Some([word]) if is_word(word, "withscores") => true,
        _ => return Err(CommandError::Syntax),
    };
    let is_out_of_reach = |count| count < -DRAWS_MAX || with_scores && count > i64::MAX / 2;
    if count.is_some_and(is_out_of_reach) {
        return Err(CommandError::ValueOutOfRange);
    }
    let Context { store, reply, .. } = context;
    let Some(view) = view(store, &key)? else {
        match count {
            Some(_) => reply.array(0),
            None => reply.null(),
        }
        return Ok(());
    };
    let chosen = choose(&view, RANKS, count.unwrap_or(1), &mut chance);
    if count.is_some() {
        reply.pairs(chosen.len(), with_scores);
    }
    for cursor in chosen {
        let entry = view.entry(cursor).expect("it was chosen among those that are there");
        if with_scores {
            reply.pair();
        }
        reply.bulk(member_of(&entry.key));
        if with_scores {
            reply.double(score_of(&entry));
        }
    }
    Ok(())
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count]`
pub(in crate::command) fn zscan(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    parse_cursor(arguments[2]).ok_or(CommandError::InvalidCursor)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    // Of a key that is not there, nobody looks at the options.
    let words = if view.is_some() { &arguments[2..] } else { &[&b"0"[..]] };
    let step = Step::parse(words, false)?;
    let is_packed = view.is_none_or(|view| view.is_packed());
    // Eight bytes come before the member in both: its score, or its hash.
    let section = if is_packed { RANKS } else { MEMBERS };
    let (told, next) = step.entries(view.as_ref(), section, SCORE_BYTES);
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.array(2 * told.len());
    for entry in &told {
        let score = if is_packed { score_of(entry) } else { score_of_value(&entry.value) };
        reply.bulk(member_of(&entry.key));
        reply.bulk(print_double(score, &mut [0; DOUBLE_BYTES_MAX]).as_bytes());
    }
    Ok(())
}
