//! Owns the commands that count: ranks of members, and members in ranges.

use super::members::score;
use super::score::rank_key;
use super::select::Selection;
use super::{RANKS, card, told, view};
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;

type Done = Result<(), CommandError>;

/// `ZRANK key member [WITHSCORE]`
pub(in crate::command) fn zrank(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    rank(context, "zrank", false, arguments)
}

/// `ZREVRANK key member [WITHSCORE]`
pub(in crate::command) fn zrevrank(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    rank(context, "zrevrank", true, arguments)
}

fn rank(
    context: &mut Context<'_>,
    name: &'static str,
    is_reverse: bool,
    arguments: &[&[u8]],
) -> Done {
    let with_score = match arguments {
        [_, _, _] => false,
        [_, _, _, word] if is_word(word, "withscore") => true,
        [_, _, _, _] => return Err(CommandError::Syntax),
        _ => return Err(CommandError::WrongArity(name)),
    };
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    let found = view.and_then(|view| Some((view, score(&view, arguments[2])?)));
    let Some((view, score)) = found else {
        if with_score {
            reply.null_array();
        } else {
            reply.null();
        }
        return Ok(());
    };
    let mut key = Vec::with_capacity(arguments[2].len() + 8);
    rank_key(score, arguments[2], &mut key);
    let cursor = view.seek(RANKS, &key).expect("each member has a rank");
    let before = view.index_of(RANKS, cursor);
    let rank = if is_reverse { card(&view) - 1 - before } else { before };
    if with_score {
        reply.array(2);
        reply.integer(told(rank));
        reply.double(score);
    } else {
        reply.integer(told(rank));
    }
    Ok(())
}

/// ZCOUNT key min max
pub(in crate::command) fn zcount(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    count(context, Selection::scores, arguments)
}

/// ZLEXCOUNT key min max
pub(in crate::command) fn zlexcount(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    count(context, Selection::members, arguments)
}

fn count<'a>(
    context: &mut Context<'_>,
    select: impl Fn(&'a [u8], &'a [u8]) -> Result<Selection<'a>, CommandError>,
    arguments: &[&'a [u8]],
) -> Done {
    let key = context.first_key(arguments)?;
    let selection = select(arguments[2], arguments[3])?;
    let ranks = view(context.store, &key)?.map_or(0..0, |view| selection.find(&view, false));
    context.reply.integer(told(ranks.end - ranks.start));
    Ok(())
}
