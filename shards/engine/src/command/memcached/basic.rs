//! Owns get, gets, gat, gats, touch and delete.

use super::item::{Item, look, set_expiry};
use super::line::{BAD_LINE, Line, be_quiet, number, say};
use super::time::End;
use super::{Asked, Done};
use crate::command::context::Context;
use hyperion_model::EventClass;

/// `get key`; with its number for gets. Nothing is said of what is not there.
pub(super) fn get(context: &mut Context<'_>, asked: &Asked<'_>, is_numbered: bool) -> Done {
    match look(context, asked)? {
        Some(item) => tell(context, asked, &item, is_numbered),
        None => be_quiet(context),
    }
}

fn tell(context: &mut Context<'_>, asked: &Asked<'_>, item: &Item, is_numbered: bool) -> Done {
    let mut line = Line::new("VALUE");
    line.word(asked.written).word(item.flags.to_string().as_bytes());
    line.word(item.bytes.to_string().as_bytes());
    if is_numbered {
        line.word(item.cas.to_string().as_bytes());
    }
    line.send(context);
    context.reply_whole(&item.found);
    Ok(())
}

/// `gat seconds key`, with the seconds behind the key.
pub(super) fn get_and_touch(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
    words: &[&[u8]],
    is_numbered: bool,
) -> Done {
    let Some(seconds) = words.first().and_then(|word| number(word)) else {
        return say(context, "CLIENT_ERROR invalid exptime argument");
    };
    let Some(item) = look(context, asked)? else { return be_quiet(context) };
    let end = End::of(seconds, context.store.now_ms());
    if item.expiry_ms.is_none() && end == End::Never {
        return tell(context, asked, &item, is_numbered);
    }
    // The value is told as it was found, because it lies elsewhere when it has another end.
    context.check_room(asked.key.bytes.len() + item.bytes)?;
    let kept = context.keep(&item.found);
    if let Err(error) = set_end(context, asked, &item, end) {
        context.drop_kept(kept);
        return Err(error);
    }
    let mut line = Line::new("VALUE");
    line.word(asked.written).word(item.flags.to_string().as_bytes());
    line.word(item.bytes.to_string().as_bytes());
    if is_numbered {
        line.word(item.cas.to_string().as_bytes());
    }
    line.send(context);
    context.reply_kept(kept);
    Ok(())
}

/// Gives a value another end; its number stays.
pub(super) fn set_end(context: &mut Context<'_>, asked: &Asked<'_>, item: &Item, end: End) -> Done {
    match end.expiry_ms() {
        Ok(expiry_ms) => {
            set_expiry(context, asked, item, expiry_ms)?;
            let event = if expiry_ms.is_some() { "expire" } else { "persist" };
            context.notify(EventClass::Generic, event, asked.key.bytes);
        }
        Err(_) => remove(context, asked)?,
    }
    Ok(())
}

pub(super) fn remove(context: &mut Context<'_>, asked: &Asked<'_>) -> Done {
    if context.store.delete(&asked.key)? {
        context.notify(EventClass::Generic, "del", asked.key.bytes);
    }
    Ok(())
}

/// `touch key seconds`
pub(super) fn touch(context: &mut Context<'_>, asked: &Asked<'_>, words: &[&[u8]]) -> Done {
    let Some(seconds) = words.first().and_then(|word| number(word)) else {
        return say(context, "CLIENT_ERROR invalid exptime argument");
    };
    let Some(item) = look(context, asked)? else { return say(context, "NOT_FOUND") };
    set_end(context, asked, &item, End::of(seconds, context.store.now_ms()))?;
    say(context, "TOUCHED")
}

/// `delete key`
pub(super) fn delete(context: &mut Context<'_>, asked: &Asked<'_>) -> Done {
    if look(context, asked)?.is_none() {
        return say(context, "NOT_FOUND");
    }
    remove(context, asked)?;
    say(context, "DELETED")
}

/// A line that is none.
pub(super) fn bad_line(context: &mut Context<'_>) -> Done {
    say(context, BAD_LINE)
}
