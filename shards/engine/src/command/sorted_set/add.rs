//! Owns ZADD and ZINCRBY.

use super::each::may_update_each;
use super::members::{Writer, update_large, update_one};
use super::number::parse_score;
use crate::collection::{Edit, Layout};
use crate::command::ahead::NAMES_AHEAD;
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use crate::command::types::SORTED_SET;
use hyperion_model::EventClass;
use hyperion_store::{Found, Key};

type Done = Result<(), CommandError>;

const BOTH: CommandError =
    CommandError::Says("ERR XX and NX options at the same time are not compatible");
const COMPARES: CommandError =
    CommandError::Says("ERR GT, LT, and/or NX options at the same time are not compatible");
const SEVERAL: CommandError =
    CommandError::Says("ERR INCR option supports a single increment-element pair");
const NOT_A_NUMBER: CommandError = CommandError::Says("ERR resulting score is not a number (NaN)");

/// Which members are changed, and what is answered.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::command) struct Options {
    pub(in crate::command) if_absent: bool,
    pub(in crate::command) if_there: bool,
    if_greater: bool,
    if_less: bool,
    /// Changed members count too.
    pub(in crate::command) counts_changed: bool,
    /// The score is added to the one that is there, and the sum is the answer.
    adds: bool,
}

impl Options {
    /// Reads the words from `words[0]` on; gives how many there are too.
    fn parse(words: &[&[u8]]) -> (Self, usize) {
        let mut options = Self::default();
        for (count, word) in words.iter().enumerate() {
            let option = match word.len() {
                2 if is_word(word, "nx") => &mut options.if_absent,
                2 if is_word(word, "xx") => &mut options.if_there,
                2 if is_word(word, "gt") => &mut options.if_greater,
                2 if is_word(word, "lt") => &mut options.if_less,
                2 if is_word(word, "ch") => &mut options.counts_changed,
                4 if is_word(word, "incr") => &mut options.adds,
                _ => return (options, count),
            };
            *option = true;
        }
        (options, words.len())
    }

    fn check(&self, pairs: usize) -> Done {
        if self.if_absent && self.if_there {
            return Err(BOTH);
        }
        let compares = [self.if_absent, self.if_greater, self.if_less];
        if compares.into_iter().filter(|option| *option).count() > 1 {
            return Err(COMPARES);
        }
        if self.adds && pairs > 1 {
            return Err(SEVERAL);
        }
        Ok(())
    }

    /// The new score of a member that has `before`; `None` when it does not get one.
    fn decide(&self, before: Option<f64>, score: f64) -> Result<Option<f64>, CommandError> {
        let Some(before) = before else {
            return Ok((!self.if_there).then_some(score));
        };
        if self.if_absent {
            return Ok(None);
        }
        let score = if self.adds { before + score } else { score };
        if score.is_nan() {
            return Err(NOT_A_NUMBER);
        }
        let is_refused = self.if_greater && score <= before || self.if_less && score >= before;
        Ok((!is_refused).then_some(score))
    }
}

/// `ZADD key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]`
pub(in crate::command) fn zadd(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let (options, count) = Options::parse(&arguments[2..]);
    let (pairs, rest) = arguments[2 + count..].as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return Err(CommandError::Syntax);
    }
    options.check(pairs.len())?;
    let key = context.first_key(arguments)?;
    add_pairs(context, &key, options, pairs)
}

/// ZINCRBY key increment member
pub(in crate::command) fn zincrby(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let options = Options { adds: true, ..Options::default() };
    let key = context.first_key(arguments)?;
    add_pairs(context, &key, options, &[[arguments[2], arguments[3]]])
}

fn add_pairs(
    context: &mut Context<'_>,
    key: &Key<'_>,
    options: Options,
    pairs: &[[&[u8]; 2]],
) -> Done {
    if let [[score, member]] = pairs {
        return add(context, key, options, &[(parse_score(score)?, member)]);
    }
    let scored = pairs.iter().map(|[score, member]| Ok((parse_score(score)?, *member)));
    let scored = scored.collect::<Result<Vec<_>, CommandError>>()?;
    add(context, key, options, &scored)
}

/// Adds members, or changes their scores, and answers.
pub(in crate::command) fn add(
    context: &mut Context<'_>,
    key: &Key<'_>,
    options: Options,
    scored: &[(f64, &[u8])],
) -> Done {
    let found = context.store.find(key);
    let mut told = Told::default();
    let is_one = match scored {
        [(score, member)] => {
            let decide = |before| told.decide(options, before, *score);
            update_one(context.store, (key, found.as_ref()), (*score, member), decide)?
        }
        _ => false,
    };
    let place = found.filter(|_| !is_one && !options.adds);
    let each = place.and_then(|found| {
        may_update_each(context.store, &found, scored).map(|bytes| (found, bytes))
    });
    if let Some((found, bytes)) = each {
        told = update_each(context, (key, found), options, (scored, bytes))?;
    } else if !is_one {
        told = Told::default();
        let edit = Edit::open_found(context.store, (key, found), SORTED_SET, &Layout::KEYED)?;
        let mut writer = Writer::new(edit, scored.len());
        for scored in scored.chunks(NAMES_AHEAD) {
            writer.look_ahead(scored);
            for (score, member) in scored {
                writer.update(member, |before| told.decide(options, before, *score))?;
            }
        }
        writer.commit()?;
    }
    if told.added + told.changed > 0 {
        let event = if options.adds { "zincr" } else { "zadd" };
        context.notify(EventClass::SortedSet, event, key.bytes);
    }
    match told.last {
        Some(score) if options.adds => context.reply.double(score),
        None if options.adds => context.reply.null(),
        _ => {
            let more = if options.counts_changed { told.changed } else { 0 };
            context.reply.integer(told.added + more);
        }
    }
    Ok(())
}

/// As [`add`] does, one after the other in a large set, where [`may_update_each`] has said that it may be so, and how many bytes that are at most.
fn update_each(
    context: &mut Context<'_>,
    (key, mut found): (&Key<'_>, Found),
    options: Options,
    (scored, bytes): (&[(f64, &[u8])], usize),
) -> Result<Told, CommandError> {
    let (mut told, begun) = (Told::default(), context.store.log_mark());
    for (score, member) in scored {
        let before = told;
        let decide = |before| told.decide(options, before, *score);
        if update_large(context.store, (key, &found), (*score, member), decide)? {
            continue;
        }
        told = before;
        let opened = (key, Some(found));
        let edit = Edit::open_found(context.store, opened, SORTED_SET, &Layout::KEYED)?;
        let mut writer = Writer::new(edit, 1);
        writer.update(member, |before| told.decide(options, before, *score))?;
        writer.commit()?;
        found = context.store.peek(key).expect("it has what was put into it");
    }
    debug_assert!(
        context.store.is_one_batch(begun, bytes),
        "more than one batch, or {bytes} bytes"
    );
    Ok(told)
}

/// What becomes of the members.
#[derive(Clone, Copy, Default)]
struct Told {
    added: i64,
    changed: i64,
    /// The score of the last one, if it got one.
    last: Option<f64>,
}

impl Told {
    /// The new score of a member that has `before`, where it is another.
    fn decide(
        &mut self,
        options: Options,
        before: Option<f64>,
        score: f64,
    ) -> Result<Option<f64>, CommandError> {
        let after = options.decide(before, score)?;
        self.last = after;
        match (before, after) {
            (None, Some(_)) => self.added += 1,
            #[expect(clippy::float_cmp, reason = "only the same score is no change")]
            (Some(before), Some(after)) if before != after => self.changed += 1,
            _ => return Ok(None),
        }
        Ok(after)
    }
}
