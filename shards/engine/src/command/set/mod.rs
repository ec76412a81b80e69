//! Owns the commands of sets.
//!
//! A set lies in section [`MEMBERS`], its members as the fields of a hash do, without values.

mod algebra;
mod choose;
mod read;
mod write;

pub(super) use algebra::{sdiff, sdiffstore, sinter, sintercard, sinterstore, sunion, sunionstore};
pub(super) use choose::{spop, srandmember, sscan};
pub(super) use read::{scard, sismember, smembers, smismember};
pub(super) use write::{sadd, smove, srem};

use super::context::Context;
use super::error::CommandError;
use super::fields;
use super::types::SET;
use crate::collection::{Cursor, Edit, Layout, Section, View};
use hyperion_model::EventClass;
use hyperion_store::{Key, Store};

/// The members.
pub(super) const MEMBERS: Section = 0;

/// The set under a key, if there is one.
fn view<'s>(store: &'s mut Store, key: &Key<'_>) -> Result<Option<View<'s>>, CommandError> {
    View::open(store, key, SET)
}

fn edit<'c, 'k>(
    context: &'c mut Context<'_>,
    key: &'k Key<'k>,
) -> Result<Edit<'c, 'k>, CommandError> {
    Edit::open(context.store, key, SET, &Layout::KEYED)
}

fn find(view: &View<'_>, member: &[u8]) -> Option<Cursor> {
    fields::find(view, MEMBERS, member)
}

/// Adds a member that may be there. `true`: it was not.
fn add(edit: &mut Edit<'_, '_>, member: &[u8]) -> bool {
    fields::add(edit, MEMBERS, member)
}

/// Tells of members that were taken out, and of the key when it went with the last.
fn tell_removed(context: &mut Context<'_>, event: &'static str, key: &[u8], is_gone: bool) {
    context.notify(EventClass::Set, event, key);
    if is_gone {
        context.notify(EventClass::Generic, "del", key);
    }
}
