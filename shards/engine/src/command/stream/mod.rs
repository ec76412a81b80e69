//! Owns the commands of streams.
//!
//! A stream is an object of four sections: entries in the order of their ids, groups by name, consumers, and what is pending, by group and
//! id. The head keeps the counters ([`meta::Meta`]). A stream without entries stays until its key is removed.

mod ack;
mod add;
mod claim;
mod consumer;
mod delete;
mod deliver;
mod entry;
mod error;
mod giving;
mod group;
mod groups;
mod id;
mod info;
mod meta;
mod pending;
mod pending_told;
mod progress;
mod range;
mod read;
mod read_options;
mod trim;
mod whole;

pub(super) use error::StreamError;
pub(crate) use read::fixed_ids;
pub(super) use read_options::block_ms;
pub(super) use {
    ack::xack,
    add::xadd,
    claim::{xautoclaim, xclaim},
    delete::{xdel, xsetid, xtrim},
    groups::xgroup,
    info::xinfo,
    pending_told::xpending,
    range::{xlen, xrange},
    read::xread,
    whole::{put_whole, whole},
};

use super::error::CommandError;
use super::types::STREAM;
use crate::collection::{Edit, Layout, Section, View};
use hyperion_model::number::parse_integer;
use hyperion_store::{Key, Store};
use meta::Meta;

/// Entries by id.
const ENTRIES: Section = 0;
/// Groups by name.
const GROUPS: Section = 1;
/// Consumers by group.
const CONSUMERS: Section = 2;
/// Entries that groups have given away, by group and id.
const PENDING: Section = 3;

/// The stream under a key, if there is one.
fn view<'s>(store: &'s mut Store, key: &Key<'_>) -> Result<Option<View<'s>>, CommandError> {
    View::open(store, key, STREAM)
}

/// A stream under change, with its counters.
struct Stream<'s, 'k> {
    edit: Edit<'s, 'k>,
    meta: Meta,
}

impl<'s, 'k> Stream<'s, 'k> {
    /// Opens the stream under a key, one without entries if there is none.
    fn open(store: &'s mut Store, key: &'k Key<'k>) -> Result<Self, CommandError> {
        let edit = Edit::open(store, key, STREAM, &Layout::STREAMED)?;
        let meta = Meta::of(&edit.view());
        Ok(Self { edit, meta })
    }

    /// Lets all changes take effect, those of the counters too.
    fn commit(mut self) -> Result<(), CommandError> {
        self.meta.length = self.edit.view().count(ENTRIES);
        self.edit.set_meta(self.meta.bytes());
        Ok(self.edit.commit()?)
    }

    /// Lets changes take effect that are not of the entries.
    fn commit_groups(self) -> Result<(), CommandError> {
        if !self.edit.was_there() {
            return self.commit();
        }
        Ok(self.edit.commit()?)
    }
}

fn number(word: &[u8]) -> Result<i64, CommandError> {
    parse_integer(word).ok_or(CommandError::NotInteger)
}

/// A number that ends nothing where it is none.
fn number_or(word: &[u8], error: &'static str) -> Result<i64, CommandError> {
    Ok(parse_integer(word).ok_or(StreamError::Said(error))?)
}
