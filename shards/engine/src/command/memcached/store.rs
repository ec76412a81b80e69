//! Owns set, add, replace, append, prepend, cas, and ms.

use super::item::{Item, Marks, fresh_cas, look, put};
use super::line::{Line, TOO_LARGE, be_quiet, number, say};
use super::meta_flags::{Allowed, Flags};
use super::time::End;
use super::{Asked, Done, basic};
use crate::command::context::Context;
use crate::command::error::CommandError;
use hyperion_model::EventClass;

/// What memcached's commands put together, at most: all of it is written in one turn.
const VALUE_BYTES_MAX: usize = 1 << 20;

/// When a value is stored, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Set,
    Add,
    Replace,
    Append,
    Prepend,
}

/// A value that is to be stored.
struct Order<'a> {
    mode: Mode,
    value: &'a [u8],
    flags: u32,
    end: End,
    /// Only over this version.
    over: Option<u64>,
    /// Over another version too, but marked stale.
    may_be_stale: bool,
    /// The number of the new version.
    cas: Option<u64>,
    /// What is not there and is to be appended to comes to be, until then.
    made_until: Option<End>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    /// With this number, and so many bytes.
    Yes(u64, usize),
    No,
    OtherVersion,
    NotThere,
    TooLarge,
}

/// `set key flags seconds bytes`, and its kind; `cas` has a number behind.
pub(super) fn classic(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
    verb: &[u8],
    words: &[&[u8]],
) -> Done {
    let &[flags, seconds, _, ref rest @ .., value] = words else { return basic::bad_line(context) };
    let (Some(flags), Some(seconds)) = (number(flags), number(seconds)) else {
        return basic::bad_line(context);
    };
    let over = match verb {
        b"cas" => match rest.first().and_then(|word| number(word)) {
            Some(cas) => Some(cas),
            None => return basic::bad_line(context),
        },
        _ => None,
    };
    let mode = match verb {
        b"add" => Mode::Add,
        b"replace" => Mode::Replace,
        b"append" => Mode::Append,
        b"prepend" => Mode::Prepend,
        _ => Mode::Set,
    };
    let end = End::of(seconds, context.store.now_ms());
    let order =
        Order { mode, value, flags, end, over, may_be_stale: false, cas: None, made_until: None };
    let line = match store(context, asked, &order)? {
        Stored::Yes(..) => "STORED",
        Stored::No => "NOT_STORED",
        Stored::OtherVersion => "EXISTS",
        Stored::NotThere => "NOT_FOUND",
        Stored::TooLarge => TOO_LARGE,
    };
    say(context, line)
}

/// `ms key bytes flags*`
pub(super) fn meta(context: &mut Context<'_>, asked: &Asked<'_>, words: &[&[u8]]) -> Done {
    let &[_, ref words @ .., value] = words else { return basic::bad_line(context) };
    let flags = match Flags::read(words, Allowed::STORE) {
        Ok(flags) => flags,
        Err(sentence) => return say(context, sentence),
    };
    let mode = match flags.mode() {
        None | Some(b'S' | b's') => Mode::Set,
        Some(b'E' | b'e') => Mode::Add,
        Some(b'R' | b'r') => Mode::Replace,
        Some(b'A' | b'a') => Mode::Append,
        Some(b'P' | b'p') => Mode::Prepend,
        Some(_) => return say(context, "CLIENT_ERROR invalid mode for ms M token"),
    };
    let now_ms = context.store.now_ms();
    let order = Order {
        mode,
        value,
        flags: flags.number(b'F').unwrap_or(0),
        end: flags.end(b'T', now_ms).unwrap_or(End::Never),
        over: flags.number(b'C'),
        may_be_stale: flags.has(b'I'),
        cas: flags.number(b'E'),
        made_until: flags.end(b'N', now_ms),
    };
    let stored = store(context, asked, &order)?;
    let (word, cas, bytes) = match stored {
        Stored::Yes(..) if flags.has(b'q') => return be_quiet(context),
        Stored::Yes(cas, bytes) => ("HD", cas, bytes),
        Stored::No => ("NS", 0, value.len()),
        Stored::OtherVersion => ("EX", 0, value.len()),
        Stored::NotThere => ("NF", 0, value.len()),
        Stored::TooLarge => return say(context, TOO_LARGE),
    };
    let mut line = Line::new(word);
    for word in words {
        match word[0] {
            b'O' => drop(line.word(word)),
            b'k' => flags.tell_key(asked, &mut line),
            b'c' => drop(line.flag('c', cas)),
            b's' => drop(line.flag('s', bytes)),
            _ => {}
        }
    }
    line.send(context);
    Ok(())
}

fn store(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
    order: &Order<'_>,
) -> Result<Stored, CommandError> {
    let before = look(context, asked)?;
    let is_over = |item: &Item| order.over.is_none_or(|cas| cas == item.cas);
    let mut is_stale = false;
    match (&before, order.mode) {
        (None, _) if order.over.is_some() => return Ok(Stored::NotThere),
        (Some(item), _) if !is_over(item) && !order.may_be_stale => {
            return Ok(Stored::OtherVersion);
        }
        (Some(item), Mode::Set) => is_stale = !is_over(item),
        (Some(_), Mode::Add) | (None, Mode::Replace) => return Ok(Stored::No),
        (None, Mode::Append | Mode::Prepend) if order.made_until.is_none() => {
            return Ok(Stored::No);
        }
        _ => {}
    }
    let bytes = match (&before, order.mode) {
        (Some(item), Mode::Append | Mode::Prepend) => item.bytes + order.value.len(),
        _ => order.value.len(),
    };
    if bytes as u64 > context.value_bytes_max || bytes > VALUE_BYTES_MAX {
        return Ok(Stored::TooLarge);
    }
    let cas = order.cas.unwrap_or_else(|| fresh_cas(context, before.as_ref()));
    let marks = Marks { flags: order.flags, cas, is_stale, is_won: false };
    match (&before, order.mode) {
        (Some(item), Mode::Append | Mode::Prepend) => {
            context.check_room(asked.key.bytes.len() + bytes)?;
            context.save(&item.found);
            let old = std::mem::take(context.scratch);
            let parts = match order.mode {
                Mode::Append => [&old[..], order.value],
                _ => [order.value, &old[..]],
            };
            // Flags and end stay.
            let marks = Marks { flags: item.flags, cas, ..item.marks() };
            let result = put(context, asked, &parts, item.expiry_ms, marks);
            *context.scratch = old;
            result?;
        }
        (before, mode) => {
            let is_made = before.is_none() && matches!(mode, Mode::Append | Mode::Prepend);
            let end = order.made_until.filter(|_| is_made).unwrap_or(order.end);
            match end.expiry_ms() {
                Ok(expiry_ms) => put(context, asked, &[order.value], expiry_ms, marks)?,
                // It is over as soon as it is there.
                Err(_) => {
                    basic::remove(context, asked)?;
                    return Ok(Stored::Yes(cas, bytes));
                }
            }
        }
    }
    context.notify(EventClass::String, "set", asked.key.bytes);
    // A long string has a number of its own.
    let stored = if context.store.is_long(bytes) { look(context, asked)? } else { None };
    Ok(Stored::Yes(stored.map_or(cas, |item| item.cas), bytes))
}
