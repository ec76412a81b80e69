//! Owns the commands about a key's time to live.

use super::context::{Context, is_word};
use super::error::{CommandError, repeat};
use hyperion_model::EventClass;
use hyperion_model::number::parse_integer;

type Done = Result<(), CommandError>;

/// Which keys EXPIRE takes.
#[derive(Clone, Copy, Debug, Default)]
struct Conditions {
    /// Only those that do not expire.
    nx: bool,
    /// Only those that expire.
    xx: bool,
    /// Only when they would expire later.
    gt: bool,
    /// Only when they would expire sooner.
    lt: bool,
}

impl Conditions {
    fn parse(words: &[&[u8]]) -> Result<Self, CommandError> {
        let mut conditions = Self::default();
        for word in words {
            let chosen = match word {
                _ if is_word(word, "nx") => &mut conditions.nx,
                _ if is_word(word, "xx") => &mut conditions.xx,
                _ if is_word(word, "gt") => &mut conditions.gt,
                _ if is_word(word, "lt") => &mut conditions.lt,
                _ => return Err(CommandError::UnsupportedOption(repeat(word))),
            };
            *chosen = true;
        }
        let Self { nx, xx, gt, lt } = conditions;
        if nx && (xx || gt || lt) {
            return Err(CommandError::ConditionsExclude);
        }
        if gt && lt {
            return Err(CommandError::ComparisonsExclude);
        }
        Ok(conditions)
    }

    /// A key without expiry counts as one that expires never: later than any other.
    fn allow(self, before_ms: Option<i64>, when_ms: i64) -> bool {
        let later = before_ms.is_some_and(|before_ms| when_ms > before_ms);
        let sooner = before_ms.is_none_or(|before_ms| when_ms < before_ms);
        (before_ms.is_none() || !self.nx)
            && (before_ms.is_some() || !self.xx)
            && (later || !self.gt)
            && (sooner || !self.lt)
    }
}

/// `EXPIRE key seconds [NX | XX | GT | LT]`
pub(super) fn expire(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    expire_at(context, arguments, true, true, "expire")
}

/// `PEXPIRE key ms [NX | XX | GT | LT]`
pub(super) fn pexpire(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    expire_at(context, arguments, false, true, "pexpire")
}

/// `EXPIREAT key second [NX | XX | GT | LT]`
pub(super) fn expireat(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    expire_at(context, arguments, true, false, "expireat")
}

/// `PEXPIREAT key ms [NX | XX | GT | LT]`
pub(super) fn pexpireat(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    expire_at(context, arguments, false, false, "pexpireat")
}

fn expire_at(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    in_seconds: bool,
    from_now: bool,
    command: &'static str,
) -> Done {
    let key = context.first_key(arguments)?;
    let conditions = Conditions::parse(&arguments[3..])?;
    let number = parse_integer(arguments[2]).ok_or(CommandError::NotInteger)?;
    let now_ms = context.store.now_ms();
    let base_ms = if from_now { i64::try_from(now_ms).unwrap_or(i64::MAX) } else { 0 };
    let when_ms = number
        .checked_mul(if in_seconds { 1_000 } else { 1 })
        .and_then(|scaled| scaled.checked_add(base_ms))
        .ok_or(CommandError::InvalidExpire(command))?;
    let Some(found) = context.store.find(&key) else {
        context.reply.integer(0);
        return Ok(());
    };
    let before_ms =
        context.store.expiry_ms(&found).map(|at_ms| i64::try_from(at_ms).unwrap_or(i64::MAX));
    if !conditions.allow(before_ms, when_ms) {
        context.reply.integer(0);
        return Ok(());
    }
    let event = match u64::try_from(when_ms) {
        Ok(when_ms) if when_ms > now_ms => {
            context.store.set_expiry(&key, &found, Some(when_ms))?;
            "expire"
        }
        _ => {
            context.store.delete(&key)?;
            "del"
        }
    };
    context.notify(EventClass::Generic, event, arguments[1]);
    context.reply.integer(1);
    Ok(())
}

/// PERSIST key
pub(super) fn persist(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let found = context.store.find(&key);
    let expiring = found.filter(|found| context.store.expiry_ms(found).is_some());
    if let Some(found) = &expiring {
        context.store.set_expiry(&key, found, None)?;
        context.notify(EventClass::Generic, "persist", arguments[1]);
    }
    context.reply.integer(i64::from(expiring.is_some()));
    Ok(())
}

/// TTL key
pub(super) fn ttl(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    reply_expiry(context, arguments, |at_ms, now_ms| (at_ms.saturating_sub(now_ms) + 500) / 1_000)
}

/// PTTL key
pub(super) fn pttl(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    reply_expiry(context, arguments, u64::saturating_sub)
}

/// EXPIRETIME key
pub(super) fn expiretime(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    reply_expiry(context, arguments, |at_ms, _| at_ms.saturating_add(500) / 1_000)
}

/// PEXPIRETIME key
pub(super) fn pexpiretime(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    reply_expiry(context, arguments, |at_ms, _| at_ms)
}

/// Answers what `figure` makes of the key's expiry and of now; -1 for a key that never expires, -2 for none.
fn reply_expiry(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    figure: fn(u64, u64) -> u64,
) -> Done {
    let key = context.first_key(arguments)?;
    let now_ms = context.store.now_ms();
    let answer = match context.store.peek(&key) {
        None => -2,
        Some(found) => context
            .store
            .expiry_ms(&found)
            .map_or(-1, |at_ms| i64::try_from(figure(at_ms, now_ms)).unwrap_or(i64::MAX)),
    };
    context.reply.integer(answer);
    Ok(())
}
