//! Owns what a handler works with, and the ways in which it answers values.

use super::error::CommandError;
use hyperion_model::limits::KEY_BYTES_MAX;
use hyperion_model::{DatabaseId, ReplyWriter, TransactionId, slot_of};
use hyperion_store::{Found, Key, Room, Store, StoreError, Value};

/// Covers the heads of records beside a value.
const HEADS_BYTES: usize = 1024;

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
    /// Random bits, new for every command.
    pub random: u64,
    /// A transaction id of its own, for changes of several keys.
    pub transaction: TransactionId,
    /// The slot of the first argument, where it is known.
    pub slot: Option<u16>,
}

impl Context<'_> {
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
    #[inline]
    pub fn first_key<'k>(&self, arguments: &[&'k [u8]]) -> Result<Key<'k>, CommandError> {
        let bytes = arguments[1];
        let Some(slot) = self.slot else { return self.key(bytes) };
        debug_assert_eq!(slot, slot_of(bytes), "key {}", bytes.escape_ascii());
        check_key(bytes)?;
        Ok(self.store.key_in_slot(self.database, bytes, slot))
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

    /// Copies a value into the scratch space.
    pub(super) fn save(&mut self, found: &Found) {
        let value = self.store.value(found);
        self.scratch.clear();
        value.copy_range(0, value.len(), self.scratch);
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
