//! Owns md and me.

use super::item::{Marks, fresh_cas, look, mark, put};
use super::line::{Line, be_quiet, say, say_code};
use super::meta_flags::{Allowed, Flags};
use super::time::{End, seconds_left};
use super::{Asked, Done, basic};
use crate::command::context::Context;

/// `md key flags*`
pub(super) fn delete(context: &mut Context<'_>, asked: &Asked<'_>, words: &[&[u8]]) -> Done {
    let flags = match Flags::read(words, Allowed::DELETE) {
        Ok(flags) => flags,
        Err(sentence) => return say(context, sentence),
    };
    let Some(item) = look(context, asked)? else {
        return say_code(context, &flags.line("NF", asked, words));
    };
    if flags.number(b'C').is_some_and(|cas: u64| cas != item.cas) {
        return say_code(context, &flags.line("EX", asked, words));
    }
    let now_ms = context.store.now_ms();
    let end = flags.end(b'T', now_ms).filter(|_| flags.has(b'I'));
    let expiry_ms = end.map_or(Ok(item.expiry_ms), End::expiry_ms);
    let cas = flags.number(b'E').unwrap_or_else(|| fresh_cas(context, Some(&item)));
    let is_stale = flags.has(b'I');
    let marks = Marks { cas, is_stale, is_won: false, ..item.marks() };
    match expiry_ms {
        // The value goes, and the item stays.
        Ok(expiry_ms) if flags.has(b'x') => {
            put(context, asked, &[b""], expiry_ms, Marks { flags: 0, ..marks })?;
        }
        Ok(expiry_ms) if is_stale => mark(context, asked, &item, expiry_ms, marks)?,
        _ => basic::remove(context, asked)?,
    }
    if flags.has(b'q') {
        return be_quiet(context);
    }
    say_code(context, &flags.line("HD", asked, words))
}

/// `me key`: what is known of an item, for people.
pub(super) fn tell(context: &mut Context<'_>, asked: &Asked<'_>) -> Done {
    let Some(item) = look(context, asked)? else { return say(context, "EN") };
    let left = seconds_left(item.expiry_ms, context.store.now_ms());
    let idle_seconds = context.store.idle_ms(&item.found) / 1000;
    let mut line = Line::new("ME");
    line.word(asked.written).word(format!("exp={left}").as_bytes());
    line.word(format!("la={idle_seconds}").as_bytes());
    line.word(format!("cas={}", item.cas).as_bytes());
    line.word(format!("size={}", item.bytes).as_bytes());
    line.send(context);
    Ok(())
}
