//! Owns the commands that take from one of several lists: LMPOP, and LMOVE and RPOPLPUSH, which put it into another.

use super::ends::{Taken, push};
use super::{Done, ELEMENTS, edit, end_of, find, tell_popped, tell_pushed};
use crate::collection::{End, View};
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;
use hyperion_store::{Key, StoreError};

/// What two changes of lists may write beside the element and the keys, at most: chunks that are cut, and packed lists that grow out.
const MOVE_BYTES: usize = 24 << 10;
const COUNT_NOT_POSITIVE: CommandError = CommandError::Says("ERR count should be greater than 0");

/// LMOVE source target LEFT|RIGHT LEFT|RIGHT
pub(in crate::command) fn lmove(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let ends = (end_of(arguments[3])?, end_of(arguments[4])?);
    if !try_move(context, arguments, ends)? {
        context.reply.null();
    }
    Ok(())
}

/// RPOPLPUSH source target
pub(in crate::command) fn rpoplpush(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    if !try_move(context, arguments, (End::Back, End::Front))? {
        context.reply.null();
    }
    Ok(())
}

/// Moves an element from an end of the first list to an end of the second, and answers with it. `false`: there is none.
pub(super) fn try_move(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    (from, to): (End, End),
) -> Result<bool, CommandError> {
    let [source, target] = [context.key(arguments[1])?, context.key(arguments[2])?];
    let Some(found) = find(context.store, &source)? else { return Ok(false) };
    find(context.store, &target)?;
    let view = View::new(context.store, &found);
    let cursor = if from == End::Front { view.first(ELEMENTS) } else { view.last(ELEMENTS) };
    let entry = cursor.and_then(|cursor| view.entry(cursor)).expect("a list has elements");
    let element = entry.value.into_owned();
    let is_gone = if source.bytes == target.bytes {
        if from != to && view.count(ELEMENTS) > 1 {
            turn(context, &source, from, &element)?;
        }
        false
    } else {
        make_room(context, [&source, &target], &element)?;
        let there = find(context.store, &target)?;
        push(context.store, (&target, there.as_ref()), to, &[&element])?;
        let found = find(context.store, &source)?.expect("it was there");
        Taken::new(&mut Vec::new()).take(context.store, (&source, &found), from, 1)?
    };
    tell_pushed(context, to, target.bytes);
    tell_popped(context, from, source.bytes, is_gone);
    context.reply.bulk(&element);
    Ok(true)
}

/// Moves the element at one end of a list to its other end.
fn turn(context: &mut Context<'_>, key: &Key<'_>, from: End, element: &[u8]) -> Done {
    let mut edit = edit(context.store, key)?;
    let last = edit.view().count(ELEMENTS) - 1;
    let (place, to) = if from == End::Front { (0, End::Back) } else { (last, End::Front) };
    edit.remove_from(ELEMENTS, place, 1);
    edit.extend(ELEMENTS, to, &[element]);
    Ok(edit.commit()?)
}

/// Sees to it that both changes of a move are made, in one batch unless the element is too long for that.
fn make_room(context: &mut Context<'_>, keys: [&Key<'_>; 2], element: &[u8]) -> Done {
    let names: usize = keys.iter().map(|key| key.bytes.len()).sum();
    let bytes = 4 * element.len() + 2 * names + MOVE_BYTES;
    context.check_room(bytes)?;
    match context.store.reserve(bytes) {
        Ok(()) | Err(StoreError::TooLarge { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The keys, the end and the count of LMPOP and BLMPOP.
pub(super) struct Pops<'a> {
    keys: &'a [&'a [u8]],
    end: End,
    count: u64,
}

impl<'a> Pops<'a> {
    /// Reads the words from the number of keys on.
    pub(super) fn parse(words: &'a [&'a [u8]]) -> Result<Self, CommandError> {
        let (count, words) = words.split_first().ok_or(CommandError::Syntax)?;
        let count = parse_integer(count).and_then(|count| usize::try_from(count).ok());
        let count = count.filter(|&count| count > 0).ok_or(CommandError::NumkeysNotPositive)?;
        let (keys, words) = words.split_at_checked(count).ok_or(CommandError::Syntax)?;
        let (end, options) = words.split_first().ok_or(CommandError::Syntax)?;
        let end = end_of(end)?;
        let mut count = None;
        let (pairs, rest) = options.as_chunks::<2>();
        for &[option, value] in pairs {
            if count.is_some() || !is_word(option, "count") {
                return Err(CommandError::Syntax);
            }
            let number = parse_integer(value).and_then(|number| u64::try_from(number).ok());
            count = Some(number.filter(|&number| number > 0).ok_or(COUNT_NOT_POSITIVE)?);
        }
        if !rest.is_empty() {
            return Err(CommandError::Syntax);
        }
        Ok(Self { keys, end, count: count.unwrap_or(1) })
    }

    /// Takes from the first of the lists that is there, and answers with its key and the elements. `false`: none is.
    pub(super) fn run(&self, context: &mut Context<'_>) -> Result<bool, CommandError> {
        for bytes in self.keys {
            if context.passes_over(bytes) {
                continue;
            }
            let key = context.key(bytes)?;
            let Some(found) = find(context.store, &key)? else { continue };
            let Context { store, reply, scratch, .. } = context;
            let mut taken = Taken::new(scratch);
            let is_gone = taken.take(store, (&key, &found), self.end, self.count)?;
            reply.array(2);
            reply.bulk(bytes);
            taken.write(*reply);
            tell_popped(context, self.end, bytes, is_gone);
            return Ok(true);
        }
        Ok(false)
    }
}

/// `LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count]`
pub(in crate::command) fn lmpop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let pops = Pops::parse(&arguments[1..])?;
    if !pops.run(context)? {
        context.reply.null_array();
    }
    Ok(())
}
