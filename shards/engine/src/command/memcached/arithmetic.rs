//! Owns incr, decr, and ma: counters of 64 bits without a sign.

use super::item::{Marks, fresh_cas, look, put};
use super::line::{Line, be_quiet, number, say, say_code};
use super::meta_flags::{Allowed, Flags};
use super::time::End;
use super::{Asked, Done, basic};
use crate::command::context::Context;
use hyperion_model::EventClass;
use hyperion_store::Value;

/// Digits of the largest number.
const DIGITS_MAX: usize = 20;
const NO_NUMBER: &str = "CLIENT_ERROR cannot increment or decrement non-numeric value";

/// `incr key amount`, `decr key amount`
pub(super) fn classic(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
    words: &[&[u8]],
    is_up: bool,
) -> Done {
    let Some(amount) = words.first().and_then(|word| number(word)) else {
        return say(context, "CLIENT_ERROR invalid numeric delta argument");
    };
    let Some(item) = look(context, asked)? else { return say(context, "NOT_FOUND") };
    let Some(before) = read(&context.store.value(&item.found)) else {
        return say(context, NO_NUMBER);
    };
    let after = step(before, amount, is_up);
    let marks = Marks { cas: fresh_cas(context, Some(&item)), ..item.marks() };
    put(context, asked, &[after.to_string().as_bytes()], item.expiry_ms, marks)?;
    context.notify(EventClass::String, "incrby", asked.key.bytes);
    say(context, &after.to_string())
}

/// Up it goes round; down it stops at 0.
fn step(before: u64, amount: u64, is_up: bool) -> u64 {
    if is_up { before.wrapping_add(amount) } else { before.saturating_sub(amount) }
}

fn read(value: &Value<'_>) -> Option<u64> {
    match value {
        Value::Whole(text) if text.len() <= DIGITS_MAX => number(text.trim_ascii_end()),
        _ => None,
    }
}

/// `ma key flags*`
pub(super) fn meta(context: &mut Context<'_>, asked: &Asked<'_>, words: &[&[u8]]) -> Done {
    let flags = match Flags::read(words, Allowed::ARITHMETIC) {
        Ok(flags) => flags,
        Err(sentence) => return say(context, sentence),
    };
    let is_up = match flags.mode() {
        None | Some(b'I' | b'i' | b'+') => true,
        Some(b'D' | b'd' | b'-') => false,
        Some(_) => return say(context, "CLIENT_ERROR invalid mode for ma M token"),
    };
    let now_ms = context.store.now_ms();
    let item = look(context, asked)?;
    let (after, mut expiry_ms) = match &item {
        None => match flags.end(b'N', now_ms) {
            None => return say_code(context, &flags.line("NF", asked, words)),
            Some(end) => (flags.number(b'J').unwrap_or(0), end.expiry_ms()),
        },
        Some(item) if flags.number(b'C').is_some_and(|cas: u64| cas != item.cas) => {
            return say_code(context, &flags.line("EX", asked, words));
        }
        Some(item) => match read(&context.store.value(&item.found)) {
            None => return say(context, NO_NUMBER),
            Some(before) => {
                let amount = flags.number(b'D').unwrap_or(1);
                (step(before, amount, is_up), Ok(item.expiry_ms))
            }
        },
    };
    if item.is_some() {
        expiry_ms = flags.end(b'T', now_ms).map_or(expiry_ms, End::expiry_ms);
    }
    let cas = flags.number(b'E').unwrap_or_else(|| fresh_cas(context, item.as_ref()));
    let marks = Marks { cas, ..item.map(|item| item.marks()).unwrap_or_default() };
    let digits = after.to_string();
    match expiry_ms {
        Ok(expiry_ms) => put(context, asked, &[digits.as_bytes()], expiry_ms, marks)?,
        Err(_) => basic::remove(context, asked)?,
    }
    context.notify(EventClass::String, "incrby", asked.key.bytes);
    if flags.has(b'q') {
        return be_quiet(context);
    }
    let mut tail = Line::default();
    for word in words {
        match word[0] {
            b'O' => drop(tail.word(word)),
            b'k' => flags.tell_key(asked, &mut tail),
            b'c' => drop(tail.flag('c', cas)),
            b't' => {
                let left = super::time::seconds_left(expiry_ms.unwrap_or(Some(0)), now_ms);
                tail.flag('t', left);
            }
            _ => {}
        }
    }
    if flags.has(b'v') {
        let mut line = Line::new("VA");
        line.word(digits.len().to_string().as_bytes()).append(&tail).send(context);
        context.reply.bulk(digits.as_bytes());
    } else {
        Line::new("HD").append(&tail).send(context);
    }
    Ok(())
}
