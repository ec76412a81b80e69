//! Owns HGETDEL, HGETEX and HSETEX.

use super::change::Change;
use super::words::{COUNT_WRONG, Clock, count_of, fields_of};
use crate::command::context::{Context, is_word};
use crate::command::error::{CommandError, repeat};

type Done = Result<(), CommandError>;

/// What becomes of the expiry of fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expiry {
    /// They do not expire where they are set, else it stays.
    Default,
    Keep,
    Persist,
    /// Unix ms.
    At(u64),
}

/// `HGETDEL key FIELDS count field [field ...]`
pub(in crate::command) fn hgetdel(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut change = Change::open(context, &key)?;
    let fields = fields_of(&arguments[2..], COUNT_WRONG)?;
    let take = |field: &&[u8]| {
        let value = change.get(field);
        change.remove(field);
        value
    };
    let values: Vec<Option<Vec<u8>>> = fields.iter().map(take).collect();
    let is_changed = values.iter().any(Option::is_some);
    let events: &[&str] = if is_changed { &["hdel"] } else { &[] };
    let changed = change.commit(is_changed)?;
    changed.tell(context, events, arguments[1]);
    answer(context, &values);
    Ok(())
}

/// `HGETEX key [EX seconds | PX ms | EXAT second | PXAT ms | PERSIST] FIELDS count field [field ...]`
pub(in crate::command) fn hgetex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut change = Change::open(context, &key)?;
    let now_ms = change.now_ms();
    let (expiry, behind) = match arguments[2] {
        word if is_word(word, "persist") => (Expiry::Persist, 3),
        word => match Clock::named(word) {
            Some(clock) => (Expiry::At(clock.time(arguments[3], now_ms, "hgetex")?), 4),
            None => (Expiry::Default, 2),
        },
    };
    let fields = fields_of(&arguments[behind..], COUNT_WRONG)?;
    let mut event: &[&str] = &[];
    let mut values = Vec::with_capacity(fields.len());
    for field in fields {
        let value = change.get(field);
        match expiry {
            _ if value.is_none() => {}
            Expiry::At(at_ms) if at_ms <= now_ms => {
                change.remove(field);
                event = &["hdel"];
            }
            Expiry::At(at_ms) => {
                change.set_expiry(field, at_ms);
                event = &["hexpire"];
            }
            Expiry::Persist if change.persist(field) => event = &["hpersist"],
            Expiry::Persist | Expiry::Keep | Expiry::Default => {}
        }
        values.push(value);
    }
    let changed = change.commit(!event.is_empty())?;
    changed.tell(context, event, arguments[1]);
    answer(context, &values);
    Ok(())
}

/// Which fields HSETEX sets, and how.
struct Setting<'w, 'a> {
    /// Only if all of them are there, or none is.
    if_there: Option<bool>,
    expiry: Expiry,
    pairs: &'w [[&'a [u8]; 2]],
}

impl<'w, 'a> Setting<'w, 'a> {
    fn parse(words: &'w [&'a [u8]], now_ms: u64) -> Result<Self, CommandError> {
        const ONE_CONDITION: &str = "ERR Only one of FXX or FNX arguments can be specified";
        const ONE_EXPIRY: &str =
            "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified";
        let (mut if_there, mut expiry) = (None, Expiry::Default);
        let mut rest = words;
        while let [word, behind @ ..] = rest {
            rest = behind;
            if is_word(word, "fields") {
                let [count, pairs @ ..] = rest else {
                    return Err(CommandError::WrongArity("hsetex"));
                };
                let count = count_of(count, i64::from(i32::MAX))
                    .ok_or(CommandError::Says("ERR invalid number of fields"))?;
                let (pairs, odd) = pairs.as_chunks::<2>();
                if !odd.is_empty() || pairs.len() != count {
                    return Err(CommandError::WrongArity("hsetex"));
                }
                return Ok(Self { if_there, expiry, pairs });
            }
            if is_word(word, "fxx") || is_word(word, "fnx") {
                if if_there.is_some() {
                    return Err(CommandError::Says(ONE_CONDITION));
                }
                if_there = Some(is_word(word, "fxx"));
                continue;
            }
            let clock = Clock::named(word);
            if clock.is_none() && !is_word(word, "keepttl") {
                return Err(CommandError::UnknownArgument(repeat(word)));
            }
            if expiry != Expiry::Default {
                return Err(CommandError::Says(ONE_EXPIRY));
            }
            expiry = Expiry::Keep;
            if let Some(clock) = clock {
                let [time, behind @ ..] = rest else {
                    return Err(CommandError::Says("ERR missing expire time"));
                };
                expiry = Expiry::At(clock.time(time, now_ms, "hsetex")?);
                rest = behind;
            }
        }
        Err(CommandError::WrongArity("hsetex"))
    }
}

/// `HSETEX key [FNX | FXX] [EX seconds | PX ms | EXAT second | PXAT ms | KEEPTTL] FIELDS count field value [field value ...]`
pub(in crate::command) fn hsetex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let now_ms = context.store.now_ms();
    let setting = Setting::parse(&arguments[2..], now_ms)?;
    let mut change = Change::open(context, &key)?;
    let meets = |wanted| setting.pairs.iter().all(|[field, _]| change.has(field) == wanted);
    let is_set = setting.if_there.is_none_or(meets);
    let mut events: &[&str] = &[];
    if is_set {
        let names = || setting.pairs.iter().map(|[field, _]| *field);
        events = match setting.expiry {
            Expiry::Keep => {
                change.put_all_kept(setting.pairs);
                &["hset"]
            }
            Expiry::At(at_ms) if at_ms <= now_ms => {
                change.remove_all(&names().collect::<Vec<_>>());
                &["hset", "hdel"]
            }
            Expiry::At(at_ms) => {
                change.put_all_kept(setting.pairs);
                names().for_each(|field| change.set_expiry(field, at_ms));
                &["hset", "hexpire"]
            }
            Expiry::Default | Expiry::Persist => {
                change.put_all(setting.pairs);
                &["hset"]
            }
        };
    }
    let changed = change.commit(is_set)?;
    changed.tell(context, events, arguments[1]);
    context.reply.integer(i64::from(is_set));
    Ok(())
}

fn answer(context: &mut Context<'_>, values: &[Option<Vec<u8>>]) {
    context.reply.array(values.len());
    for value in values {
        match value {
            Some(value) => context.reply.bulk(value),
            None => context.reply.null(),
        }
    }
}
