//! Owns what is made of several sets: intersection, union, difference.

use super::{MEMBERS, find};
use crate::collection::{Edit, Layout, View};
use crate::command::ahead::{NAMES_AHEAD, prefetch_names};
use crate::command::context::{Context, integer, is_word};
use crate::command::error::CommandError;
use crate::command::fields::{build, name_of};
use crate::command::types::SET;
use hyperion_model::EventClass;
use hyperion_model::number::parse_integer;
use hyperion_store::Store;
use std::borrow::Cow;
use std::collections::BTreeSet;

type Done = Result<(), CommandError>;

#[derive(Clone, Copy)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

impl Operation {
    /// What is told when its result is stored.
    fn event(self) -> &'static str {
        match self {
            Self::Intersection => "sinterstore",
            Self::Union => "sunionstore",
            Self::Difference => "sdiffstore",
        }
    }
}

/// `SINTER key [key ...]`
pub(in crate::command) fn sinter(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Operation::Intersection, arguments)
}

/// `SUNION key [key ...]`
pub(in crate::command) fn sunion(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Operation::Union, arguments)
}

/// `SDIFF key [key ...]`
pub(in crate::command) fn sdiff(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    tell(context, Operation::Difference, arguments)
}

/// `SINTERSTORE target key [key ...]`
pub(in crate::command) fn sinterstore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    store_in(context, Operation::Intersection, arguments)
}

/// `SUNIONSTORE target key [key ...]`
pub(in crate::command) fn sunionstore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    store_in(context, Operation::Union, arguments)
}

/// `SDIFFSTORE target key [key ...]`
pub(in crate::command) fn sdiffstore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    store_in(context, Operation::Difference, arguments)
}

/// `SINTERCARD count key [key ...] [LIMIT limit]`
pub(in crate::command) fn sintercard(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let count = parse_integer(arguments[1]).filter(|&count| count > 0);
    let count = count.ok_or(CommandError::NumkeysNotPositive)?;
    let count = usize::try_from(count).ok().filter(|&count| count <= arguments.len() - 2);
    let (keys, options) = arguments[2..].split_at(count.ok_or(CommandError::TooManyKeys)?);
    let mut limit = u64::MAX;
    let (pairs, rest) = options.as_chunks::<2>();
    for [word, value] in pairs {
        if !is_word(word, "limit") {
            return Err(CommandError::Syntax);
        }
        let value = parse_integer(value).ok_or(CommandError::LimitNegative)?;
        limit = u64::try_from(value).map_err(|_| CommandError::LimitNegative)?;
    }
    if !rest.is_empty() {
        return Err(CommandError::Syntax);
    }
    let most = if limit == 0 { u64::MAX } else { limit };
    let views = views(context, keys)?;
    let found = combine(&views, Operation::Intersection, most).len();
    context.reply.integer(integer(found));
    Ok(())
}

fn tell(context: &mut Context<'_>, operation: Operation, arguments: &[&[u8]]) -> Done {
    prepare(context, &arguments[1..])?;
    let Context { store, database, reply, .. } = context;
    let views = again(store, *database, &arguments[1..]);
    let members = combine(&views, operation, u64::MAX);
    reply.set(members.len());
    members.iter().for_each(|member| reply.bulk(member));
    Ok(())
}

fn store_in(context: &mut Context<'_>, operation: Operation, arguments: &[&[u8]]) -> Done {
    let target = context.key(arguments[1])?;
    let views = views(context, &arguments[2..])?;
    let members: Vec<Vec<u8>> =
        combine(&views, operation, u64::MAX).into_iter().map(Cow::into_owned).collect();
    let was_there = members.is_empty() && context.store.peek(&target).is_some();
    let mut edit = Edit::replacing(context.store, &target, SET, &Layout::KEYED);
    let entries: Vec<_> = members.iter().map(|member| (&member[..], &[][..])).collect();
    let are_distinct = build(&mut edit, MEMBERS, &entries);
    debug_assert!(are_distinct, "sets are made of sets");
    edit.commit()?;
    if !members.is_empty() {
        context.notify(EventClass::Set, operation.event(), arguments[1]);
    } else if was_there {
        context.notify(EventClass::Generic, "del", arguments[1]);
    }
    context.reply.integer(integer(members.len()));
    Ok(())
}

/// The sets under several keys, beside each other.
fn views<'c>(
    context: &'c mut Context<'_>,
    keys: &[&[u8]],
) -> Result<Vec<Option<View<'c>>>, CommandError> {
    prepare(context, keys)?;
    Ok(again(context.store, context.database, keys))
}

/// Sees to it that all keys are sets or nothing, and that what has expired is gone: from then on nothing changes.
fn prepare(context: &mut Context<'_>, keys: &[&[u8]]) -> Done {
    for bytes in keys {
        let key = context.key(bytes)?;
        if let Some(found) = context.store.find(&key) {
            if context.store.value_type(&found) != SET {
                return Err(CommandError::WrongType);
            }
            View::prepare(context.store, &found);
        }
    }
    Ok(())
}

fn again<'s>(
    store: &'s mut Store,
    database: hyperion_model::DatabaseId,
    keys: &[&[u8]],
) -> Vec<Option<View<'s>>> {
    let found: Vec<_> = keys.iter().map(|bytes| store.peek(&store.key(database, bytes))).collect();
    let store = &*store;
    found.iter().map(|found| found.as_ref().map(|found| View::again(store, found))).collect()
}

/// The members of the result, `most` of them at most.
fn combine<'v>(views: &[Option<View<'v>>], operation: Operation, most: u64) -> Vec<Cow<'v, [u8]>> {
    match operation {
        Operation::Intersection => {
            let sets: Option<Vec<View<'v>>> = views.iter().copied().collect();
            let Some(mut sets) = sets else { return Vec::new() };
            sets.sort_by_key(|set| set.count(MEMBERS));
            let Some((smallest, others)) = sets.split_first() else { return Vec::new() };
            let is_in_all = |member: &[u8]| others.iter().all(|set| find(set, member).is_some());
            some_of(*smallest, others, most, is_in_all)
        }
        Operation::Union => {
            let all = views.iter().flatten().flat_map(|&set| members(set));
            let distinct: BTreeSet<Cow<'v, [u8]>> = all.collect();
            distinct.into_iter().collect()
        }
        Operation::Difference => {
            let Some((Some(first), others)) = views.split_first() else { return Vec::new() };
            let others: Vec<View<'v>> = others.iter().flatten().copied().collect();
            let is_nowhere = |member: &[u8]| others.iter().all(|set| find(set, member).is_none());
            some_of(*first, &others, most, is_nowhere)
        }
    }
}

/// Members of a set for which something holds in the others, `most` of them at most. They are looked for in groups, whose places in the others are asked
/// for together.
fn some_of<'v>(
    set: View<'v>,
    others: &[View<'v>],
    most: u64,
    holds: impl Fn(&[u8]) -> bool,
) -> Vec<Cow<'v, [u8]>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (mut members, mut found) = (members(set), Vec::new());
    while found.len() < most {
        let group: Vec<Cow<'v, [u8]>> = members.by_ref().take(NAMES_AHEAD).collect();
        if group.is_empty() {
            break;
        }
        for other in others {
            prefetch_names(other, MEMBERS, group.iter().map(|member| &**member));
        }
        found.extend(group.into_iter().filter(|member| holds(member)));
    }
    found.truncate(most);
    found
}

fn members(set: View<'_>) -> impl Iterator<Item = Cow<'_, [u8]>> {
    set.all(MEMBERS).map(move |(_, entry)| match entry.key {
        Cow::Borrowed(key) => Cow::Borrowed(name_of(&set, key)),
        Cow::Owned(key) => Cow::Owned(name_of(&set, &key).to_vec()),
    })
}
