//! Owns what a handler works with, and the ways in which it answers values.

use super::block::Blocking;
use super::error::CommandError;
use crate::events::Events;
use hyperion_cluster::config::Thresholds;
use hyperion_model::limits::KEY_BYTES_MAX;
use hyperion_model::{DatabaseId, EventClass, ReplyWriter, TransactionId, slot_of};
use hyperion_store::{Found, Key, Room, Store, StoreError, Value, ValueHandle};

/// Covers the heads of records beside a value.
const HEADS_BYTES: usize = 1024;

/// A string in chunks is brought later if more of it is wanted.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// A value that is kept for an answer: it is pinned, or in the scratch space.
#[derive(Clone, Copy, Debug)]
#[must_use = "what is pinned must be answered or dropped"]
pub(super) struct Kept {
    handle: Option<ValueHandle>,
    bytes: usize,
}

/// What a handler works with.
pub struct Context<'a> {
    /// The data of this core.
    pub store: &'a mut Store,
    /// The database that the connection has chosen.
    pub database: DatabaseId,
    /// Takes the answer.
    pub reply: &'a mut dyn ReplyWriter,
    /// Space for values that must be put together; its content means nothing from one command to the next.
    pub scratch: &'a mut Vec<u8>,
    /// Longest value that a command may build.
    pub value_bytes_max: u64,
    /// From which sizes on a collection is told to be in its long form.
    pub thresholds: Thresholds,
    /// Random bits, new for every command.
    pub random: u64,
    /// A transaction id of its own, for changes of several keys.
    pub transaction: TransactionId,
    /// The slot of the first argument, where it is known.
    pub slot: Option<u16>,
    /// Bytes of values above which a command about several keys is not answered in one turn.
    pub answer_bytes_max: usize,
    /// Whether it may wait for what others write.
    pub blocking: Blocking,
    /// Takes what happens to keys: [`Context::notify`].
    pub events: &'a mut Events,
}

impl Context<'_> {
    /// Tells what happened to a key of the chosen database, for keyspace notifications: `event` by Redis' name for it. Costs a branch when
    /// nobody listens.
    ///
    /// A handler calls it once for each event, in Redis' order, when the change is made; what it told is taken back if it fails after
    /// that, and is published once the log (in a cluster: a majority) has the change. It does not tell `new`, `keymiss`, `expired` and
    /// `evicted`: the engine does, of every command. A command that empties a value and so removes its key tells both:
    /// ```ignore
    /// context.store.delete(&key)?;
    /// context.notify(EventClass::List, "lpop", arguments[1]);
    /// context.notify(EventClass::Generic, "del", arguments[1]);
    /// ```
    #[inline]
    pub fn notify(&mut self, class: EventClass, event: &'static str, key: &[u8]) {
        self.events.note(class, event, self.database, key);
    }

    /// As [`Context::notify`], for a key of another database.
    #[inline]
    pub fn notify_in(
        &mut self,
        database: DatabaseId,
        class: EventClass,
        event: &'static str,
        key: &[u8],
    ) {
        self.events.note(class, event, database, key);
    }

    /// Works out where a key lies.
    ///
    /// # Errors
    /// When the key is longer than is allowed.
    #[inline]
    pub fn key<'k>(&self, bytes: &'k [u8]) -> Result<Key<'k>, CommandError> {
        check_key(bytes)?;
        Ok(self.store.key(self.database, bytes))
    }

    /// As [`Context::key`], for the first argument: its slot may be known.
    ///
    /// # Errors
    /// As [`Context::key`].
    #[inline(always)]
    pub fn first_key<'k>(&self, arguments: &[&'k [u8]]) -> Result<Key<'k>, CommandError> {
        let bytes = arguments[1];
        let Some(slot) = self.slot else { return self.key(bytes) };
        debug_assert_eq!(slot, slot_of(bytes), "key {}", bytes.escape_ascii());
        check_key(bytes)?;
        Ok(self.store.key_in_slot(self.database, bytes, slot))
    }

    /// Finds a string; the key counts as used.
    ///
    /// # Errors
    /// When the key holds another type.
    #[inline]
    pub(super) fn find_string(&mut self, key: &Key<'_>) -> Result<Option<Found>, CommandError> {
        let found = self.store.find(key);
        match &found {
            Some(found) if !self.store.is_string(found) => Err(CommandError::WrongType),
            _ => Ok(found),
        }
    }

    /// Asks for room for a value that is written anew although its bytes did not come with the command: the engine asked for
    /// those of the arguments alone, and a long value takes several segments.
    pub(super) fn check_room(&mut self, bytes: usize) -> Result<(), CommandError> {
        let with_heads = bytes + bytes / 64 + HEADS_BYTES;
        match self.store.room(with_heads) {
            Room::Now => Ok(()),
            Room::Later => Err(StoreError::NoRoom { bytes: with_heads }.into()),
        }
    }

    /// Answers with the bytes `start..end` of a value that was just found. Of a long string the bytes are brought later, in parts: it is
    /// pinned for that.
    pub(super) fn reply_range(&mut self, found: &Found, start: usize, end: usize) {
        let value = self.store.value(found);
        if let Value::Whole(bytes) = value {
            return self.reply.bulk(&bytes[start..end]);
        }
        let handle = self.store.handle(found).filter(|_| end - start > INLINE_BYTES_MAX);
        let bytes = (end - start) as u64;
        if let Some(handle) = handle
            && self.reply.bulk_later(bytes, handle.0, start as u64)
        {
            return self.store.pin_value(handle);
        }
        self.scratch.clear();
        value.copy_range(start, end, self.scratch);
        self.reply.bulk(self.scratch);
    }

    /// Keeps a value that was just found for the answer, whatever becomes of its key.
    pub(super) fn keep(&mut self, found: &Found) -> Kept {
        let bytes = self.store.value(found).len();
        let handle = self.store.handle(found).filter(|_| bytes > INLINE_BYTES_MAX);
        match handle {
            Some(handle) => self.store.pin_value(handle),
            None => self.save(found),
        }
        Kept { handle, bytes }
    }

    /// Answers with a value that was kept.
    pub(super) fn reply_kept(&mut self, kept: Kept) {
        let Some(handle) = kept.handle else { return self.reply.bulk(self.scratch) };
        if !self.reply.bulk_later(kept.bytes as u64, handle.0, 0) {
            self.scratch.clear();
            self.store.copy_part(handle, 0, kept.bytes, self.scratch);
            self.reply.bulk(self.scratch);
            self.store.unpin_value(handle);
        }
    }

    /// A value that was kept is not answered after all.
    pub(super) fn drop_kept(&mut self, kept: Kept) {
        if let Some(handle) = kept.handle {
            self.store.unpin_value(handle);
        }
    }

    /// Copies a value into the scratch space.
    pub(super) fn save(&mut self, found: &Found) {
        let value = self.store.value(found);
        self.scratch.clear();
        value.copy_range(0, value.len(), self.scratch);
    }

    /// As [`Context::reply_value`]; a long string is brought later, in parts, and nothing may follow.
    #[inline]
    pub(super) fn reply_whole(&mut self, found: &Found) {
        match self.store.value(found) {
            Value::Whole(bytes) => self.reply.bulk(bytes),
            value @ Value::Pieces(_) => self.reply_range(found, 0, value.len()),
        }
    }

    /// Answers with the value of a key that was just found, from where it lies.
    #[inline]
    pub(super) fn reply_value(&mut self, found: &Found) {
        reply_value(self.reply, &self.store.value(found));
    }
}

/// Checks the length of a key.
#[inline]
pub(super) fn check_key(bytes: &[u8]) -> Result<(), CommandError> {
    if bytes.len() > KEY_BYTES_MAX {
        return Err(CommandError::KeyTooLong { bytes: bytes.len() });
    }
    Ok(())
}

/// Answers with a value, piece by piece when it lies in several.
#[inline]
pub fn reply_value(reply: &mut dyn ReplyWriter, value: &Value<'_>) {
    match value {
        Value::Whole(bytes) => reply.bulk(bytes),
        Value::Pieces(_) => reply_pieces(reply, value),
    }
}

#[cold]
fn reply_pieces(reply: &mut dyn ReplyWriter, value: &Value<'_>) {
    reply.bulk_begin(value.len() as u64);
    let mut left = value.len();
    for piece in value.pieces() {
        left -= piece.len();
        reply.bulk_piece(piece, left == 0);
    }
}

/// A count as a reply's integer.
pub(super) fn integer(count: usize) -> i64 {
    i64::try_from(count).expect("nothing in memory is longer than i64::MAX")
}

/// Whether `word` is `name` (in lower case), whatever its case.
#[inline]
pub(super) fn is_word(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}
