//! Owns ZRANGE and its elder forms.

use super::score::{member_of, score_of};
use super::select::{Ranks, Selection, entries};
use super::view;
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;

type Done = Result<(), CommandError>;

const LIMIT: CommandError = CommandError::Says(
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
);
const SCORES: CommandError =
    CommandError::Says("ERR syntax error, WITHSCORES not supported in combination with BYLEX");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Member,
}

/// What a command's name says; `None` is for its options to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    by: Option<By>,
    is_reverse: Option<bool>,
    stores: bool,
}

impl Form {
    const fn of(by: By, is_reverse: bool) -> Self {
        Self { by: Some(by), is_reverse: Some(is_reverse), stores: false }
    }

    /// ZRANGESTORE
    pub(super) const STORE: Self = Self { by: None, is_reverse: None, stores: true };
}

/// A range as it was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    selection: Selection<'a>,
    pub(super) is_reverse: bool,
    with_scores: bool,
    offset: i64,
    limit: i64,
}

impl<'a> Asked<'a> {
    /// Reads the words behind the key.
    pub(super) fn parse(form: Form, words: &[&'a [u8]]) -> Result<Self, CommandError> {
        let Form { mut by, mut is_reverse, stores } = form;
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut at = 2;
        while let Some(word) = words.get(at) {
            if !stores && is_word(word, "withscores") {
                with_scores = true;
            } else if is_word(word, "limit") && words.len() - at > 2 {
                let read = |text| parse_integer(text).ok_or(CommandError::NotInteger);
                (offset, limit) = (read(words[at + 1])?, read(words[at + 2])?);
                at += 2;
            } else if is_reverse.is_none() && is_word(word, "rev") {
                is_reverse = Some(true);
            } else if by.is_none() && is_word(word, "bylex") {
                by = Some(By::Member);
            } else if by.is_none() && is_word(word, "byscore") {
                by = Some(By::Score);
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        let (by, is_reverse) = (by.unwrap_or(By::Rank), is_reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(LIMIT);
        }
        if with_scores && by == By::Member {
            return Err(SCORES);
        }
        // In reverse the higher end comes first.
        let (least, most) =
            if is_reverse && by != By::Rank { (words[1], words[0]) } else { (words[0], words[1]) };
        let selection = match by {
            By::Rank => Selection::ranks(least, most)?,
            By::Score => Selection::scores(least, most)?,
            By::Member => Selection::members(least, most)?,
        };
        // LIMIT without a limit is no error by rank, and means nothing.
        let offset = if by == By::Rank { 0 } else { offset };
        Ok(Self { selection, is_reverse, with_scores, offset, limit })
    }

    /// The ranks that are told.
    pub(super) fn find(&self, view: &crate::collection::View<'_>) -> Ranks {
        let Ranks { start, end } = self.selection.find(view, self.is_reverse);
        let Ok(offset) = u64::try_from(self.offset) else { return 0..0 };
        let limit = u64::try_from(self.limit).unwrap_or(u64::MAX);
        let left = (end - start).saturating_sub(offset).min(limit);
        if left == 0 {
            0..0
        } else if self.is_reverse {
            end - offset - left..end - offset
        } else {
            start + offset..start + offset + left
        }
    }
}

/// `ZRANGE key start stop [BYSCORE | BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`
pub(in crate::command) fn zrange(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Form { by: None, is_reverse: None, stores: false }, arguments)
}

/// `ZREVRANGE key start stop [WITHSCORES]`
pub(in crate::command) fn zrevrange(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Form::of(By::Rank, true), arguments)
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`
pub(in crate::command) fn zrangebyscore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Form::of(By::Score, false), arguments)
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`
pub(in crate::command) fn zrevrangebyscore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Form::of(By::Score, true), arguments)
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`
pub(in crate::command) fn zrangebylex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Form::of(By::Member, false), arguments)
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`
pub(in crate::command) fn zrevrangebylex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Form::of(By::Member, true), arguments)
}

fn tell(context: &mut Context<'_>, form: Form, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let asked = Asked::parse(form, &arguments[2..])?;
    let Context { store, reply, .. } = context;
    let Some(view) = view(store, &key)? else {
        reply.array(0);
        return Ok(());
    };
    let ranks = asked.find(&view);
    let count = usize::try_from(ranks.end - ranks.start).expect("they are in memory");
    reply.pairs(count, asked.with_scores);
    for entry in entries(&view, &ranks, asked.is_reverse) {
        if asked.with_scores {
            reply.pair();
            reply.bulk(member_of(&entry.key));
            reply.double(score_of(&entry));
        } else {
            reply.bulk(member_of(&entry.key));
        }
    }
    Ok(())
}
