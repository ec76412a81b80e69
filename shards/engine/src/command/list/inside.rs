//! Owns the commands that change a list anywhere: LSET, LINSERT, LREM, LTRIM.

use super::{
    Done, ELEMENTS, edit, find, integer_of, place_of, range_of, reply_count, size, tell_removed,
};
use crate::collection::{Cursor, Edit, End, Layout, View, ends};
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use crate::command::types::LIST;
use hyperion_model::EventClass;
use std::collections::VecDeque;

/// A list of which more than this goes, and more than stays, is written anew.
const REMOVED_IN_PLACE_MAX: u64 = 1024;

/// LSET key index element
pub(in crate::command) fn lset(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    if find(context.store, &key)?.is_none() {
        return Err(CommandError::NoSuchKey);
    }
    let index = integer_of(arguments[2])?;
    let mut edit = edit(context.store, &key)?;
    let place = place_of(index, edit.view().count(ELEMENTS));
    let place = place.ok_or(CommandError::Says("ERR index out of range"))?;
    grow_out(&mut edit, arguments[3]);
    let cursor = edit.view().at(ELEMENTS, place).expect("it is there");
    edit.replace(ELEMENTS, cursor, arguments[3]);
    edit.commit()?;
    context.notify(EventClass::List, "lset", arguments[1]);
    context.reply.simple("OK");
    Ok(())
}

/// Makes an object of a list that another element may make too large for one record.
fn grow_out(edit: &mut Edit<'_, '_>, element: &[u8]) {
    if edit.outgrows(ELEMENTS, element.len()) {
        let entries = edit.unpack(ELEMENTS);
        let elements: Vec<&[u8]> = entries.iter().map(|(_, element)| &element[..]).collect();
        edit.extend(ELEMENTS, End::Back, &elements);
    }
}

/// LINSERT key BEFORE|AFTER pivot element
pub(in crate::command) fn linsert(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let [_, _, word, pivot, element] = *arguments else { return Err(CommandError::Syntax) };
    let is_behind = is_word(word, "after");
    if !is_behind && !is_word(word, "before") {
        return Err(CommandError::Syntax);
    }
    let key = context.first_key(arguments)?;
    if find(context.store, &key)?.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let mut edit = edit(context.store, &key)?;
    let view = edit.view();
    let place = view.all(ELEMENTS).position(|(_, entry)| *entry.value == *pivot);
    let Some(place) = place else {
        context.reply.integer(-1);
        return Ok(());
    };
    grow_out(&mut edit, element);
    let view = edit.view();
    let at = view.at(ELEMENTS, place as u64).expect("it is there");
    let behind = is_behind.then(|| view.next(ELEMENTS, at));
    match behind {
        Some(None) => edit.extend(ELEMENTS, End::Back, &[element]),
        Some(Some(at)) => drop(edit.insert(ELEMENTS, Some(at), &[], element)),
        None => drop(edit.insert(ELEMENTS, Some(at), &[], element)),
    }
    let count = edit.view().count(ELEMENTS);
    edit.commit()?;
    context.notify(EventClass::List, "linsert", arguments[1]);
    reply_count(context, count);
    Ok(())
}

/// LREM key count element
pub(in crate::command) fn lrem(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let count = integer_of(arguments[2])?;
    let key = context.first_key(arguments)?;
    if find(context.store, &key)?.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let mut edit = edit(context.store, &key)?;
    let meant = fitting(&edit.view(), count, arguments[3]);
    if !meant.is_empty() {
        // From behind: so the cursors before stay what they are.
        meant.iter().rev().for_each(|&cursor| edit.remove(ELEMENTS, cursor));
        let is_gone = edit.view().count(ELEMENTS) == 0;
        edit.commit()?;
        tell_removed(context, "lrem", arguments[1], is_gone);
    }
    context.reply.integer(i64::try_from(meant.len()).unwrap_or(i64::MAX));
    Ok(())
}

/// The first `count` elements that fit, the last ones where it is negative, all where it is 0; in order.
fn fitting(view: &View<'_>, count: i64, element: &[u8]) -> VecDeque<Cursor> {
    let fitting = view.all(ELEMENTS).filter(|(_, entry)| *entry.value == *element);
    let cursors = fitting.map(|(cursor, _)| cursor);
    let most = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count > 0 {
        return cursors.take(most).collect();
    }
    let mut last = VecDeque::new();
    for cursor in cursors {
        last.push_back(cursor);
        if count < 0 && last.len() > most {
            last.pop_front();
        }
    }
    last
}

/// LTRIM key start stop
pub(in crate::command) fn ltrim(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let (start, end) = (integer_of(arguments[2])?, integer_of(arguments[3])?);
    let key = context.first_key(arguments)?;
    let Some(found) = find(context.store, &key)? else {
        context.reply.simple("OK");
        return Ok(());
    };
    let Context { store, scratch, .. } = context;
    let view = View::new(store, &found);
    let count = view.count(ELEMENTS);
    let kept = range_of(start, end, count);
    let removed = count - kept.map_or(0, |(_, kept)| kept);
    match kept {
        None => drop(store.delete(&key)?),
        Some(_) if removed == 0 => {}
        Some((first, kept)) if removed > kept.max(REMOVED_IN_PLACE_MAX) => {
            let elements = view.iter(ELEMENTS, view.at(ELEMENTS, first)).take(size(kept));
            let elements: Vec<Vec<u8>> =
                elements.map(|(_, entry)| entry.value.into_owned()).collect();
            let elements: Vec<&[u8]> = elements.iter().map(Vec::as_slice).collect();
            let expiry_ms = store.expiry_ms(&found);
            let mut edit = Edit::replacing(store, &key, LIST, &Layout::LISTED);
            edit.set_expiry(expiry_ms);
            edit.extend(ELEMENTS, End::Back, &elements);
            edit.commit()?;
        }
        Some((first, kept)) => {
            let end = if first == 0 { End::Back } else { End::Front };
            scratch.clear();
            let is_one = removed == 1;
            if !(is_one && ends::pop(store, (&key, &found), (ELEMENTS, end), scratch)?) {
                let mut edit = edit(store, &key)?;
                edit.remove_from(ELEMENTS, first + kept, count - first - kept);
                edit.remove_from(ELEMENTS, 0, first);
                edit.commit()?;
            }
        }
    }
    tell_removed(context, "ltrim", arguments[1], kept.is_none());
    context.reply.simple("OK");
    Ok(())
}
