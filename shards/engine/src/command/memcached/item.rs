//! Owns a value as memcached sees it: with flags, a number that every write changes, and marks that it is stale or somebody makes it anew.
//!
//! What a write of memcached stores has attributes: the flags, and the number in the low 62 bits of the other word, whose highest two are
//! the marks. What others wrote has none: its flags are 0, and its number is a hash of the bytes and of where they were written. Long
//! strings, which others may change where they lie, have a hash always.

use super::Asked;
use crate::command::context::Context;
use crate::command::error::CommandError;
use hyperion_store::{Attributes, Found, StoreError, Value};

/// The bits of the number.
pub(super) const CAS_MAX: u64 = WON - 1;
const STALE: u64 = 1 << 63;
const WON: u64 = 1 << 62;
/// Random bits below the milliseconds of a number.
const CHANCE_BITS: u32 = 20;

/// A value that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) found: Found,
    pub(super) bytes: usize,
    pub(super) flags: u32,
    pub(super) cas: u64,
    pub(super) is_stale: bool,
    /// Somebody was told to make it anew.
    pub(super) is_won: bool,
    pub(super) expiry_ms: Option<u64>,
    is_numbered: bool,
    /// It lies in chunks.
    is_long: bool,
}

/// What is written with a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    pub(super) flags: u32,
    pub(super) cas: u64,
    pub(super) is_stale: bool,
    pub(super) is_won: bool,
}

impl Marks {
    fn attributes(self) -> Attributes {
        let stale = if self.is_stale { STALE } else { 0 };
        let won = if self.is_won { WON } else { 0 };
        Attributes { flags: self.flags, cas: self.cas & CAS_MAX | stale | won }
    }
}

impl Item {
    /// What is written with it now.
    pub(super) fn marks(&self) -> Marks {
        let Self { flags, cas, is_stale, is_won, .. } = *self;
        Marks { flags, cas, is_stale, is_won }
    }
}

/// Looks a string up.
pub(super) fn look(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
) -> Result<Option<Item>, CommandError> {
    let Some(found) = context.find_string(&asked.key)? else { return Ok(None) };
    let attributes = context.store.attributes(&found);
    let Attributes { flags, cas: word } = attributes.unwrap_or(Attributes { flags: 0, cas: 0 });
    let value = context.store.value(&found);
    let bytes = value.len();
    let is_long = matches!(value, Value::Pieces(_));
    let is_numbered = attributes.is_some() && !is_long;
    let cas = if is_numbered {
        word & CAS_MAX
    } else {
        // 0 is no version.
        (context.store.version_hash(&found, word & CAS_MAX) & CAS_MAX).max(1)
    };
    let expiry_ms = context.store.expiry_ms(&found);
    let (is_stale, is_won) = (word & STALE != 0, word & WON != 0);
    Ok(Some(Item { found, bytes, flags, cas, is_stale, is_won, expiry_ms, is_numbered, is_long }))
}

/// A number for a new version: later ones of a key are higher, and others are met by chance alone.
pub(super) fn fresh_cas(context: &Context<'_>, before: Option<&Item>) -> u64 {
    let chance = context.random & ((1 << CHANCE_BITS) - 1);
    let fresh = (context.store.now_ms() << CHANCE_BITS | chance) & CAS_MAX;
    let before = before.filter(|item| item.is_numbered).map_or(0, |item| item.cas);
    if fresh > before { fresh } else { (before + 1).min(CAS_MAX) }
}

/// Sets the key to a value.
pub(super) fn put(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
    value: &[&[u8]],
    expiry_ms: Option<u64>,
    marks: Marks,
) -> Result<(), StoreError> {
    let key = asked.key.with_attributes(Some(marks.attributes()));
    context.store.put(&key, value, expiry_ms)
}

/// Gives a value another end, and keeps its number: one that hangs on the place is written with the value from now on.
pub(super) fn set_expiry(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
    item: &Item,
    expiry_ms: Option<u64>,
) -> Result<(), CommandError> {
    if item.is_numbered || item.is_long {
        return Ok(context.store.set_expiry(&asked.key, &item.found, expiry_ms)?);
    }
    // A value that is kept for the answer may lie in the scratch space.
    let held = std::mem::take(context.scratch);
    let result = mark(context, asked, item, expiry_ms, item.marks());
    *context.scratch = held;
    result
}

/// Writes a value anew as it is, with other marks.
pub(super) fn mark(
    context: &mut Context<'_>,
    asked: &Asked<'_>,
    item: &Item,
    expiry_ms: Option<u64>,
    marks: Marks,
) -> Result<(), CommandError> {
    context.check_room(asked.key.bytes.len() + item.bytes)?;
    context.save(&item.found);
    let value = std::mem::take(context.scratch);
    let result = put(context, asked, &[&value], expiry_ms, marks);
    *context.scratch = value;
    Ok(result?)
}
