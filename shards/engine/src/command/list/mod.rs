//! Owns the commands of lists.
//!
//! A list lies in section [`ELEMENTS`]: its entries have no keys, and stand in the order of the elements.

mod blocking;
mod ends;
mod inside;
mod moving;
mod position;
mod read;

pub(super) use blocking::{blmove, blmpop, blpop, brpop, brpoplpush};
pub(super) use ends::{lpop, lpush, lpushx, rpop, rpush, rpushx};
pub(super) use inside::{linsert, lrem, lset, ltrim};
pub(super) use moving::{lmove, lmpop, rpoplpush};
pub(super) use position::lpos;
pub(super) use read::{lindex, llen, lrange};

use super::context::{Context, is_word};
use super::error::CommandError;
use super::types::LIST;
use crate::collection::{Edit, End, Layout, Section, View};
use hyperion_model::EventClass;
use hyperion_model::number::parse_integer;
use hyperion_store::{Found, Key, Store};

type Done = Result<(), CommandError>;

/// The elements.
pub(super) const ELEMENTS: Section = 0;

/// Finds the list under a key.
fn find(store: &mut Store, key: &Key<'_>) -> Result<Option<Found>, CommandError> {
    let found = store.find(key);
    match &found {
        Some(found) if store.value_type(found) != LIST => Err(CommandError::WrongType),
        _ => Ok(found),
    }
}

/// The list under a key, if there is one.
fn view<'s>(store: &'s mut Store, key: &Key<'_>) -> Result<Option<View<'s>>, CommandError> {
    Ok(find(store, key)?.map(|found| View::new(store, &found)))
}

fn edit<'s, 'k>(store: &'s mut Store, key: &'k Key<'k>) -> Result<Edit<'s, 'k>, CommandError> {
    Edit::open(store, key, LIST, &Layout::LISTED)
}

/// LEFT or RIGHT.
fn end_of(word: &[u8]) -> Result<End, CommandError> {
    if is_word(word, "left") {
        Ok(End::Front)
    } else if is_word(word, "right") {
        Ok(End::Back)
    } else {
        Err(CommandError::Syntax)
    }
}

fn integer_of(word: &[u8]) -> Result<i64, CommandError> {
    parse_integer(word).ok_or(CommandError::NotInteger)
}

/// Which element an index names, from 0; negative ones count from the end.
fn place_of(index: i64, count: u64) -> Option<u64> {
    let place =
        if index < 0 { count.checked_sub(index.unsigned_abs())? } else { index.unsigned_abs() };
    (place < count).then_some(place)
}

/// The elements from `start` to `end`, both included and counted from the end where negative: the first one's place, and how many.
fn range_of(start: i64, end: i64, count: u64) -> Option<(u64, u64)> {
    let from = |index: i64| {
        if index < 0 { count.checked_sub(index.unsigned_abs()) } else { Some(index.unsigned_abs()) }
    };
    let start = from(start).unwrap_or(0);
    let end = from(end)?.min(count.checked_sub(1)?);
    (start <= end).then(|| (start, end - start + 1))
}

/// Tells of elements that were put at an end.
fn tell_pushed(context: &mut Context<'_>, end: End, key: &[u8]) {
    let event = if end == End::Front { "lpush" } else { "rpush" };
    context.notify(EventClass::List, event, key);
}

/// Tells of elements that were taken from an end, and of the key when it went with the last.
fn tell_popped(context: &mut Context<'_>, end: End, key: &[u8], is_gone: bool) {
    let event = if end == End::Front { "lpop" } else { "rpop" };
    tell_removed(context, event, key, is_gone);
}

fn tell_removed(context: &mut Context<'_>, event: &'static str, key: &[u8], is_gone: bool) {
    context.notify(EventClass::List, event, key);
    if is_gone {
        context.notify(EventClass::Generic, "del", key);
    }
}

fn reply_count(context: &mut Context<'_>, count: u64) {
    context.reply.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

fn size(count: u64) -> usize {
    usize::try_from(count).expect("what is in memory is counted in a word")
}
