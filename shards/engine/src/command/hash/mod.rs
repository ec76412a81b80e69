//! Owns the commands of hashes.
//!
//! A hash lies in section [`FIELDS`]. Packed, its entries are field and value in the order in which they came; as an object, the key of an
//! entry is eight bytes of the field's hash and the field, so that fields are found by it, and HSCAN's cursors are hashes.

mod choose;
mod count;
mod read;
mod write;

pub(super) use choose::{hrandfield, hscan};
pub(super) use count::{hincrby, hincrbyfloat};
pub(super) use read::{hexists, hget, hgetall, hkeys, hlen, hmget, hstrlen, hvals};
pub(super) use write::{hdel, hset, hsetnx};

use super::context::Context;
use super::error::CommandError;
use super::fields;
use super::types::HASH;
use crate::collection::{Cursor, Edit, Layout, Section, View};
use hyperion_store::{Key, Store};

/// Fields and their values.
pub(super) const FIELDS: Section = 0;

/// The hash under a key, if there is one.
fn view<'s>(store: &'s mut Store, key: &Key<'_>) -> Result<Option<View<'s>>, CommandError> {
    let Some(found) = store.find(key) else { return Ok(None) };
    if store.value_type(&found) != HASH {
        return Err(CommandError::WrongType);
    }
    Ok(Some(View::new(store, &found)))
}

fn edit<'c, 'k>(
    context: &'c mut Context<'_>,
    key: &'k Key<'k>,
) -> Result<Edit<'c, 'k>, CommandError> {
    Edit::open(context.store, key, HASH, &Layout::KEYED)
}

fn find(view: &View<'_>, field: &[u8]) -> Option<Cursor> {
    fields::find(view, FIELDS, field)
}
