//! Owns the commands that change one set, and SMOVE, which changes two.

use super::{MEMBERS, add, edit, find, tell_removed};
use crate::collection::{Edit, Layout};
use crate::command::ahead::{NAMES_AHEAD, prefetch_names};
use crate::command::context::{Context, integer};
use crate::command::error::CommandError;
use crate::command::fields::put_one;
use crate::command::fields_all::{is_for_all, put_all};
use crate::command::fields_each::put_each;
use crate::command::fields_many::{is_for_many, keys_of, remove_keys};
use crate::command::types::SET;
use hyperion_model::EventClass;
use hyperion_store::StoreError;

type Done = Result<(), CommandError>;

/// What two changes of a member may write beside the member and the keys, at most: a chunk that is cut, and a packed set that grows out.
const MOVE_BYTES: usize = 16 << 10;

/// `SADD key member [member ...]`
pub(in crate::command) fn sadd(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let found = context.store.find(&key);
    if let [_, _, member] = arguments
        && let Some(is_new) =
            put_one(context.store, (&key, found.as_ref()), (SET, MEMBERS), member, None)?
    {
        if is_new {
            context.notify(EventClass::Set, "sadd", arguments[1]);
        }
        context.reply.integer(i64::from(is_new));
        return Ok(());
    }
    let members = &arguments[2..];
    let place = (&key, found.as_ref());
    if let Some(added) =
        put_each(context.store, place, (SET, MEMBERS), members, |member| (*member, None))?
    {
        if added > 0 {
            context.notify(EventClass::Set, "sadd", arguments[1]);
        }
        context.reply.integer(integer(added));
        return Ok(());
    }
    let mut edit = Edit::open_found(context.store, (&key, found), SET, &Layout::KEYED)?;
    let bytes = members.iter().map(|member| member.len()).sum();
    let added = if is_for_all(&edit, MEMBERS, (members.len(), bytes)) {
        let entries: Vec<_> = members.iter().map(|member| (*member, &[][..])).collect();
        put_all(&mut edit, MEMBERS, &entries)
    } else {
        each_of(&mut edit, members, add)
    };
    if added > 0 {
        edit.commit()?;
        context.notify(EventClass::Set, "sadd", arguments[1]);
    }
    context.reply.integer(i64::try_from(added).unwrap_or(i64::MAX));
    Ok(())
}

/// `SREM key member [member ...]`
pub(in crate::command) fn srem(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let mut edit = edit(context, &key)?;
    let members = &arguments[2..];
    let removed = if is_for_many(&edit, MEMBERS, members.len()) {
        remove_keys(&mut edit, MEMBERS, &keys_of(members))
    } else {
        each_of(&mut edit, members, take)
    };
    if removed > 0 {
        let is_gone = edit.view().count(MEMBERS) == 0;
        edit.commit()?;
        tell_removed(context, "srem", arguments[1], is_gone);
    }
    context.reply.integer(integer(removed));
    Ok(())
}

/// Makes a change for each of some members, one after the other. Gives for how many it was one.
fn each_of(
    edit: &mut Edit<'_, '_>,
    members: &[&[u8]],
    change: impl Fn(&mut Edit<'_, '_>, &[u8]) -> bool,
) -> usize {
    let mut changed = 0;
    for members in members.chunks(NAMES_AHEAD) {
        prefetch_names(&edit.view(), MEMBERS, members.iter().copied());
        changed += members.iter().filter(|member| change(edit, member)).count();
    }
    changed
}

/// Takes a member out. `true`: it was there.
fn take(edit: &mut Edit<'_, '_>, member: &[u8]) -> bool {
    let Some(cursor) = find(&edit.view(), member) else { return false };
    edit.remove(MEMBERS, cursor);
    true
}

/// SMOVE source target member
pub(in crate::command) fn smove(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let [source, target] = [context.key(arguments[1])?, context.key(arguments[2])?];
    let member = arguments[3];
    let opened = edit(context, &source)?;
    let (count, is_there) = (opened.view().count(MEMBERS), find(&opened.view(), member).is_some());
    if count == 0 {
        // As in Redis, nobody looks at the target then.
        context.reply.integer(0);
        return Ok(());
    }
    let is_in_target = find(&edit(context, &target)?.view(), member).is_some();
    if is_there && source.bytes != target.bytes {
        let bytes = 8 * member.len() + 2 * (source.bytes.len() + target.bytes.len()) + MOVE_BYTES;
        match context.store.reserve(bytes) {
            Ok(()) | Err(StoreError::TooLarge { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if !is_in_target {
            let mut edit = edit(context, &target)?;
            add(&mut edit, member);
            edit.commit()?;
        }
        let mut edit = edit(context, &source)?;
        let cursor = find(&edit.view(), member).expect("it was there");
        edit.remove(MEMBERS, cursor);
        let is_gone = edit.view().count(MEMBERS) == 0;
        edit.commit()?;
        tell_removed(context, "srem", arguments[1], is_gone);
        if !is_in_target {
            context.notify(EventClass::Set, "sadd", arguments[2]);
        }
    }
    context.reply.integer(i64::from(is_there));
    Ok(())
}
