//! Owns the commands about the expiry of fields.

use super::change::Change;
use super::live::Hash;
use super::words::{COUNT_WRONG, Clock, HEXPIRE_COUNT_WRONG, fields_of};
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;

type Done = Result<(), CommandError>;

/// There is no such field.
const ABSENT: i64 = -2;
/// The field does not expire.
const LASTING: i64 = -1;
/// The condition does not hold.
const REFUSED: i64 = 0;
const DONE: i64 = 1;
/// The time has passed: the field is gone.
const DELETED: i64 = 2;

#[derive(Clone, Copy)]
enum Condition {
    None,
    /// Only a field that does not expire.
    Nx,
    /// Only one that does.
    Xx,
    /// Only to a later time.
    Gt,
    /// Only to a sooner time.
    Lt,
}

impl Condition {
    /// A field that does not expire counts as one that expires later than any other.
    fn allows(self, before_ms: Option<u64>, at_ms: u64) -> bool {
        match self {
            Self::None => true,
            Self::Nx => before_ms.is_none(),
            Self::Xx => before_ms.is_some(),
            Self::Gt => before_ms.is_some_and(|before_ms| at_ms > before_ms),
            Self::Lt => before_ms.is_none_or(|before_ms| at_ms < before_ms),
        }
    }
}

/// `HEXPIRE key seconds [NX | XX | GT | LT] FIELDS count field [field ...]`
pub(in crate::command) fn hexpire(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    expire_at(context, arguments, Clock { in_seconds: true, from_now: true }, "hexpire")
}

/// `HPEXPIRE key ms [NX | XX | GT | LT] FIELDS count field [field ...]`
pub(in crate::command) fn hpexpire(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    expire_at(context, arguments, Clock { in_seconds: false, from_now: true }, "hpexpire")
}

/// `HEXPIREAT key second [NX | XX | GT | LT] FIELDS count field [field ...]`
pub(in crate::command) fn hexpireat(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    expire_at(context, arguments, Clock { in_seconds: true, from_now: false }, "hexpireat")
}

/// `HPEXPIREAT key ms [NX | XX | GT | LT] FIELDS count field [field ...]`
pub(in crate::command) fn hpexpireat(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    expire_at(context, arguments, Clock { in_seconds: false, from_now: false }, "hpexpireat")
}

fn expire_at(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    clock: Clock,
    command: &'static str,
) -> Done {
    let key = context.first_key(arguments)?;
    let mut change = Change::open(context, &key)?;
    let now_ms = change.now_ms();
    let at_ms = clock.time(arguments[2], now_ms, command)?;
    let condition = match arguments[3] {
        word if is_word(word, "nx") => Condition::Nx,
        word if is_word(word, "xx") => Condition::Xx,
        word if is_word(word, "gt") => Condition::Gt,
        word if is_word(word, "lt") => Condition::Lt,
        _ => Condition::None,
    };
    let behind = if matches!(condition, Condition::None) { 3 } else { 4 };
    let fields = fields_of(&arguments[behind..], HEXPIRE_COUNT_WRONG)?;
    let answers: Vec<i64> = fields
        .iter()
        .map(|field| match field {
            _ if !change.has(field) => ABSENT,
            _ if !condition.allows(change.expiry(field), at_ms) => REFUSED,
            _ if at_ms <= now_ms => {
                change.remove(field);
                DELETED
            }
            _ => {
                change.set_expiry(field, at_ms);
                DONE
            }
        })
        .collect();
    let event: &[&str] = if answers.contains(&DELETED) {
        &["hdel"]
    } else if answers.contains(&DONE) {
        &["hexpire"]
    } else {
        &[]
    };
    let changed = change.commit(!event.is_empty())?;
    changed.tell(context, event, arguments[1]);
    answer(context, &answers);
    Ok(())
}

/// `HPERSIST key FIELDS count field [field ...]`
pub(in crate::command) fn hpersist(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut change = Change::open(context, &key)?;
    let fields = fields_of(&arguments[2..], COUNT_WRONG)?;
    let answers: Vec<i64> = fields
        .iter()
        .map(|field| match field {
            _ if !change.has(field) => ABSENT,
            _ if change.persist(field) => DONE,
            _ => LASTING,
        })
        .collect();
    let event: &[&str] = if answers.contains(&DONE) { &["hpersist"] } else { &[] };
    let changed = change.commit(!event.is_empty())?;
    changed.tell(context, event, arguments[1]);
    answer(context, &answers);
    Ok(())
}

/// `HTTL key FIELDS count field [field ...]`
pub(in crate::command) fn httl(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    reply_expiries(context, arguments, |at_ms, now_ms| at_ms.saturating_sub(now_ms).div_ceil(1_000))
}

/// `HPTTL key FIELDS count field [field ...]`
pub(in crate::command) fn hpttl(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    reply_expiries(context, arguments, u64::saturating_sub)
}

/// `HEXPIRETIME key FIELDS count field [field ...]`
pub(in crate::command) fn hexpiretime(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    reply_expiries(context, arguments, |at_ms, _| at_ms.div_ceil(1_000))
}

/// `HPEXPIRETIME key FIELDS count field [field ...]`
pub(in crate::command) fn hpexpiretime(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    reply_expiries(context, arguments, |at_ms, _| at_ms)
}

/// Answers what `figure` makes of each field's expiry and of now.
fn reply_expiries(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    figure: fn(u64, u64) -> u64,
) -> Done {
    let key = context.first_key(arguments)?;
    let hash = Hash::open(context.store, context.events, &key)?;
    let fields = fields_of(&arguments[2..], COUNT_WRONG)?;
    let answers: Vec<i64> = fields
        .iter()
        .map(|field| match &hash {
            Some(hash) if hash.has(field) => hash.expiry(field).map_or(LASTING, |at_ms| {
                i64::try_from(figure(at_ms, hash.now_ms())).unwrap_or(i64::MAX)
            }),
            _ => ABSENT,
        })
        .collect();
    answer(context, &answers);
    Ok(())
}

fn answer(context: &mut Context<'_>, answers: &[i64]) {
    context.reply.array(answers.len());
    answers.iter().for_each(|answer| context.reply.integer(*answer));
}
