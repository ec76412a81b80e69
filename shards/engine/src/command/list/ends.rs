//! Owns the commands about the ends of one list: LPUSH, RPUSH, LPUSHX, RPUSHX, LPOP, RPOP.

use super::{Done, ELEMENTS, edit, find, reply_count, size, tell_popped, tell_pushed};
use crate::collection::{End, Layout, View, ends};
use crate::command::context::Context;
use crate::command::error::CommandError;
use hyperion_model::ReplyWriter;
use hyperion_model::number::parse_integer;
use hyperion_store::{Found, Key, Store, StoreError};

/// `LPUSH key element [element ...]`
pub(in crate::command) fn lpush(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    push_from(context, arguments, End::Front, false)
}

/// `RPUSH key element [element ...]`
pub(in crate::command) fn rpush(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    push_from(context, arguments, End::Back, false)
}

/// `LPUSHX key element [element ...]`
pub(in crate::command) fn lpushx(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    push_from(context, arguments, End::Front, true)
}

/// `RPUSHX key element [element ...]`
pub(in crate::command) fn rpushx(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    push_from(context, arguments, End::Back, true)
}

fn push_from(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
    end: End,
    only_if_there: bool,
) -> Done {
    let key = context.first_key(arguments)?;
    let found = find(context.store, &key)?;
    if only_if_there && found.is_none() {
        context.reply.integer(0);
        return Ok(());
    }
    let count = push(context.store, (&key, found.as_ref()), end, &arguments[2..])?;
    tell_pushed(context, end, arguments[1]);
    reply_count(context, count);
    Ok(())
}

/// Puts elements at an end, the last of them outermost. Gives how many there are then.
pub(super) fn push(
    store: &mut Store,
    (key, found): (&Key<'_>, Option<&Found>),
    end: End,
    elements: &[&[u8]],
) -> Result<u64, StoreError> {
    if let Some(found) = found
        && let Some(count) =
            ends::push(store, (key, found), &Layout::LISTED, (ELEMENTS, end), elements)?
    {
        return Ok(count);
    }
    let mut edit = edit(store, key).expect("its type was looked at");
    edit.extend(ELEMENTS, end, elements);
    let count = edit.view().count(ELEMENTS);
    edit.commit()?;
    Ok(count)
}

/// `LPOP key [count]`
pub(in crate::command) fn lpop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    pop_from(context, arguments, End::Front, "lpop")
}

/// `RPOP key [count]`
pub(in crate::command) fn rpop(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    pop_from(context, arguments, End::Back, "rpop")
}

fn pop_from(context: &mut Context<'_>, arguments: &[&[u8]], end: End, name: &'static str) -> Done {
    let wanted = match arguments {
        [_, _] => None,
        [_, _, count] => {
            let count = parse_integer(count).and_then(|count| u64::try_from(count).ok());
            Some(count.ok_or(CommandError::MustBePositive)?)
        }
        _ => return Err(CommandError::WrongArity(name)),
    };
    let key = context.first_key(arguments)?;
    let Some(found) = find(context.store, &key)? else {
        match wanted {
            None => context.reply.null(),
            Some(_) => context.reply.null_array(),
        }
        return Ok(());
    };
    let Context { store, reply, scratch, .. } = context;
    let mut taken = Taken::new(scratch);
    let is_gone = taken.take(store, (&key, &found), end, wanted.unwrap_or(1))?;
    match wanted {
        None => taken.each(|element| reply.bulk(element)),
        Some(_) => taken.write(*reply),
    }
    if wanted != Some(0) {
        tell_popped(context, end, arguments[1], is_gone);
    }
    Ok(())
}

/// Elements that were taken out of a list, one behind the other.
pub(super) struct Taken<'a> {
    bytes: &'a mut Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl<'a> Taken<'a> {
    /// None yet; `bytes` is the space for them.
    pub(super) fn new(bytes: &'a mut Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes, ends: Vec::new() }
    }

    /// Takes up to `count` elements from an end, the outermost first. `true`: those were all, and the key is gone.
    pub(super) fn take(
        &mut self,
        store: &mut Store,
        (key, found): (&Key<'_>, &Found),
        end: End,
        count: u64,
    ) -> Result<bool, StoreError> {
        if count == 0 {
            return Ok(false);
        }
        if count == 1 && ends::pop(store, (key, found), (ELEMENTS, end), self.bytes)? {
            self.ends.push(self.bytes.len());
            return Ok(false);
        }
        let view = View::new(store, found);
        let there = view.count(ELEMENTS);
        let count = count.min(there);
        let first = if end == End::Front { 0 } else { there - count };
        self.copy(&view, first, count);
        if end == End::Back {
            self.turn_around();
        }
        let result = if count == there {
            store.delete(key).map(drop)
        } else {
            let mut edit = edit(store, key).expect("its type was looked at");
            edit.remove_from(ELEMENTS, first, count);
            edit.commit()
        };
        if result.is_err() {
            self.bytes.clear();
            self.ends.clear();
        }
        result.map(|()| count == there)
    }

    fn copy(&mut self, view: &View<'_>, first: u64, count: u64) {
        let elements = view.iter(ELEMENTS, view.at(ELEMENTS, first));
        for (_, entry) in elements.take(size(count)) {
            self.bytes.extend_from_slice(&entry.value);
            self.ends.push(self.bytes.len());
        }
    }

    fn turn_around(&mut self) {
        let mut turned = Vec::with_capacity(self.bytes.len());
        let mut ends = Vec::with_capacity(self.ends.len());
        for at in (0..self.ends.len()).rev() {
            turned.extend_from_slice(self.element(at));
            ends.push(turned.len());
        }
        *self.bytes = turned;
        self.ends = ends;
    }

    fn element(&self, at: usize) -> &[u8] {
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[begin..self.ends[at]]
    }

    pub(super) fn each(&self, mut tell: impl FnMut(&[u8])) {
        (0..self.ends.len()).for_each(|at| tell(self.element(at)));
    }

    /// As an array.
    pub(super) fn write(&self, reply: &mut dyn ReplyWriter) {
        reply.array(self.ends.len());
        self.each(|element| reply.bulk(element));
    }
}
