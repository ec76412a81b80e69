//! Owns the commands that take members out by name or by range.

use super::build::{build, is_many, is_worth};
use super::each::{remove_each, remove_run};
use super::members::Writer;
use super::score::member_of;
use super::select::{Ranks, Selection, entries};
use super::{MEMBERS, RANKS, card, edit, tell_removed, told};
use crate::collection::{Edit, Layout};
use crate::command::context::{Context, integer};
use crate::command::error::CommandError;
use crate::command::fields_many::{keys_of, remove_keys};
use crate::command::types::SORTED_SET;

type Done = Result<(), CommandError>;

/// `ZREM key member [member ...]`
pub(in crate::command) fn zrem(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let members = &arguments[2..];
    let found = context.store.find(&key);
    if let Some(removed) = remove_each(context.store, (&key, found.as_ref()), members)? {
        if removed > 0 {
            let is_gone = context.store.peek(&key).is_none();
            tell_removed(context, "zrem", arguments[1], is_gone);
        }
        context.reply.integer(integer(removed));
        return Ok(());
    }
    let edit = Edit::open_found(context.store, (&key, found), SORTED_SET, &Layout::KEYED)?;
    let before = card(&edit.view());
    let mut writer = Writer::new(edit, members.len());
    let removed = writer.remove_all(members);
    writer.commit()?;
    if removed > 0 {
        tell_removed(context, "zrem", arguments[1], removed as u64 == before);
    }
    context.reply.integer(integer(removed));
    Ok(())
}

/// ZREMRANGEBYRANK key start stop
pub(in crate::command) fn zremrangebyrank(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    remove_range(context, "zremrangebyrank", Selection::ranks, arguments)
}

/// ZREMRANGEBYSCORE key min max
pub(in crate::command) fn zremrangebyscore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    remove_range(context, "zremrangebyscore", Selection::scores, arguments)
}

/// ZREMRANGEBYLEX key min max
pub(in crate::command) fn zremrangebylex(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    remove_range(context, "zremrangebylex", Selection::members, arguments)
}

fn remove_range<'a>(
    context: &mut Context<'_>,
    event: &'static str,
    select: impl Fn(&'a [u8], &'a [u8]) -> Result<Selection<'a>, CommandError>,
    arguments: &[&'a [u8]],
) -> Done {
    let key = context.first_key(arguments)?;
    let selection = select(arguments[2], arguments[3])?;
    let edit = edit(context, &key)?;
    let ranks = selection.find(&edit.view(), false);
    let is_gone = ranks.end - ranks.start == card(&edit.view());
    remove(edit, &ranks)?;
    if !ranks.is_empty() {
        tell_removed(context, event, arguments[1], is_gone);
    }
    context.reply.integer(told(ranks.end - ranks.start));
    Ok(())
}

/// Takes the members of some ranks out, and lets that take effect.
pub(super) fn remove(mut edit: Edit<'_, '_>, ranks: &Ranks) -> Result<(), CommandError> {
    let count = ranks.end - ranks.start;
    if count == 0 {
        return Ok(());
    }
    let view = edit.view();
    if is_worth(&view, count) || count == card(&view) {
        let all = edit.unpack(RANKS);
        let within = |at: usize| ranks.contains(&(at as u64));
        let left = all.iter().enumerate().filter(|(at, _)| !within(*at));
        let left = left.map(|(_, (key, value))| (&key[..], &value[..])).collect();
        build(&mut edit, left);
        return Ok(edit.commit()?);
    }
    let members: Vec<Vec<u8>> =
        entries(&view, ranks, false).map(|entry| member_of(&entry.key).to_vec()).collect();
    let (store, key, found) = edit.drop_changes();
    let place = (key, found.as_ref());
    if remove_run(store, place, &members, ranks.start)? {
        return Ok(());
    }
    if members.len() == 1 && remove_each(store, place, &members)?.is_some() {
        return Ok(());
    }
    let mut edit = Edit::open_found(store, (key, found), SORTED_SET, &Layout::KEYED)?;
    if is_many(count) && !edit.is_packed() {
        let members: Vec<&[u8]> = members.iter().map(Vec::as_slice).collect();
        remove_keys(&mut edit, MEMBERS, &keys_of(&members));
        edit.remove_from(RANKS, ranks.start, count);
        return Ok(edit.commit()?);
    }
    let mut writer = Writer::new(edit, 0);
    for member in &members {
        writer.remove(member);
    }
    Ok(writer.commit()?)
}
