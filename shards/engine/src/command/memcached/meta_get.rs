//! Owns mg: a value and what is known of it, and the right to make it anew given to one client at a time.

use super::item::{Item, Marks, fresh_cas, look, mark, put};
use super::line::{Line, be_quiet, say};
use super::meta_flags::{Allowed, Flags};
use super::time::{End, seconds_left};
use super::{Asked, Done, basic};
use crate::command::context::{Context, Kept};
use hyperion_model::EventClass;

/// `mg key flags*`
pub(super) fn get(context: &mut Context<'_>, asked: &Asked<'_>, words: &[&[u8]]) -> Done {
    let flags = match Flags::read(words, Allowed::GET) {
        Ok(flags) => flags,
        Err(sentence) => return say(context, sentence),
    };
    let now_ms = context.store.now_ms();
    let Some(item) = look(context, asked)? else {
        return match flags.end(b'N', now_ms) {
            Some(end) => make(context, asked, words, &flags, end),
            None if flags.has(b'q') => be_quiet(context),
            None => {
                flags.line("EN", asked, words).send(context);
                Ok(())
            }
        };
    };
    let touched = flags.end(b'T', now_ms);
    let expiry_ms = touched.map_or(Ok(item.expiry_ms), End::expiry_ms);
    let is_soon_over = |seconds: i64| {
        let left = seconds_left(expiry_ms.unwrap_or(Some(0)), now_ms);
        left >= 0 && left < seconds
    };
    let wins = !item.is_won && (item.is_stale || flags.number(b'R').is_some_and(is_soon_over));
    // Before it is written anew, which moves it.
    let idle_ms = context.store.idle_ms(&item.found);
    let tail =
        tail(asked, words, &flags, &item, (item.expiry_ms, expiry_ms), idle_ms, now_ms, wins);
    let is_changed = wins || touched.is_some();
    let kept = if is_changed {
        context.check_room(asked.key.bytes.len() + item.bytes)?;
        flags.has(b'v').then(|| context.keep(&item.found))
    } else {
        None
    };
    let changed = match expiry_ms {
        _ if !is_changed => Ok(()),
        Err(_) => basic::remove(context, asked),
        Ok(expiry_ms) if wins => {
            // The value that is kept for the answer may lie in the scratch space.
            let held = std::mem::take(context.scratch);
            let marks = Marks { is_won: true, ..item.marks() };
            let result = mark(context, asked, &item, expiry_ms, marks);
            *context.scratch = held;
            result
        }
        Ok(_) => basic::set_end(context, asked, &item, touched.unwrap_or(End::Never)),
    };
    if let Err(error) = changed {
        if let Some(kept) = kept {
            context.drop_kept(kept);
        }
        return Err(error);
    }
    answer(context, &flags, &item, &tail, kept);
    Ok(())
}

fn answer(
    context: &mut Context<'_>,
    flags: &Flags<'_>,
    item: &Item,
    tail: &Line,
    kept: Option<Kept>,
) {
    if !flags.has(b'v') {
        return Line::new("HD").append(tail).send(context);
    }
    let mut line = Line::new("VA");
    line.word(item.bytes.to_string().as_bytes()).append(tail).send(context);
    match kept {
        Some(kept) => context.reply_kept(kept),
        None => context.reply_whole(&item.found),
    }
}

/// What is told behind the code, in the order in which it was asked for; then who has the right to make the value anew.
#[expect(clippy::too_many_arguments, reason = "all of them are told")]
fn tail(
    asked: &Asked<'_>,
    words: &[&[u8]],
    flags: &Flags<'_>,
    item: &Item,
    (before_ms, after_ms): (Option<u64>, Result<Option<u64>, super::time::Over>),
    idle_ms: u64,
    now_ms: u64,
    wins: bool,
) -> Line {
    let mut line = Line::default();
    let mut expiry_ms = before_ms;
    for word in words {
        match word[0] {
            b'T' => expiry_ms = after_ms.unwrap_or(Some(0)),
            b's' => drop(line.flag('s', item.bytes)),
            b't' => drop(line.flag('t', seconds_left(expiry_ms, now_ms))),
            b'c' => drop(line.flag('c', item.cas)),
            b'f' => drop(line.flag('f', item.flags)),
            b'l' => drop(line.flag('l', idle_ms / 1000)),
            b'O' => drop(line.word(word)),
            b'k' => flags.tell_key(asked, &mut line),
            _ => {}
        }
    }
    if wins {
        line.word(b"W");
    }
    if item.is_stale {
        line.word(b"X");
    }
    if item.is_won {
        line.word(b"Z");
    }
    line
}

/// An empty value comes to be for the one who asked, who is to fill it.
fn make(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
    words: &[&[u8]],
    flags: &Flags<'_>,
    end: End,
) -> Done {
    let cas = flags.number(b'E').unwrap_or_else(|| fresh_cas(context, None));
    let marks = Marks { cas, is_won: true, ..Marks::default() };
    let expiry_ms = end.expiry_ms().unwrap_or(Some(0));
    if expiry_ms != Some(0) {
        put(context, asked, &[b""], expiry_ms, marks)?;
        context.notify(EventClass::String, "set", asked.key.bytes);
    }
    let now_ms = context.store.now_ms();
    let mut line = Line::new(if flags.has(b'v') { "VA 0" } else { "HD" });
    for word in words {
        match word[0] {
            b's' => drop(line.flag('s', 0)),
            b't' => drop(line.flag('t', seconds_left(expiry_ms, now_ms))),
            b'c' => drop(line.flag('c', cas)),
            b'f' => drop(line.flag('f', 0)),
            b'l' => drop(line.flag('l', 0)),
            b'O' => drop(line.word(word)),
            b'k' => flags.tell_key(asked, &mut line),
            _ => {}
        }
    }
    line.word(b"W").send(context);
    if flags.has(b'v') {
        context.reply.bulk(b"");
    }
    Ok(())
}
