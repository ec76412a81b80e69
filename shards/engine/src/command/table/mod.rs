//! Owns the table of commands: the one place where the next one is added, a file a group.

mod bits;
mod cluster;
mod connection;
mod geo;
mod hashes;
mod hyperloglog;
mod keys;
mod lists;
mod memcached;
mod pubsub;
mod scripting;
mod server;
mod sets;
mod sorted_sets;
mod streams;
mod strings;
mod transactions;

pub use memcached::{MEMCACHED_CHANGE, MEMCACHED_READ, MEMCACHED_STORE, find_memcached};

use super::flags::Flags;
use super::spec::Group::Generic;
use super::spec::{CommandSpec, EntrySpec, Group, Handler, KeySpec, Run, Spread};

const READ: Flags = Flags::READONLY;
const READ_FAST: Flags = READ.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE;
const WRITE_FAST: Flags = WRITE.and(Flags::FAST);
const GROW: Flags = WRITE.and(Flags::DENYOOM);
const GROW_FAST: Flags = GROW.and(Flags::FAST);
const ANYTIME: Flags = Flags::LOADING.and(Flags::STALE);
const SESSION: Flags = ANYTIME.and(Flags::FAST).and(Flags::NOSCRIPT).and(Flags::ALLOW_BUSY);
const OPERATE: Flags = ANYTIME.and(Flags::ADMIN).and(Flags::NOSCRIPT);

const NONE: KeySpec = KeySpec::NONE;
const ONE: KeySpec = KeySpec::ONE;
const TWO: KeySpec = KeySpec::TWO;
const ALL: KeySpec = KeySpec::ALL;
const PAIRS: KeySpec = KeySpec::PAIRS;
const FIELD: EntrySpec = EntrySpec::Named(2);
const SECOND: KeySpec = KeySpec::each(2, 2, 1);

const fn row(name: &'static str, arity: i16, flags: Flags, keys: KeySpec, run: Run) -> CommandSpec {
    let (group, since, summary, complexity) = (Generic, "", "", "");
    let entry = EntrySpec::None;
    CommandSpec {
        name,
        arity,
        flags,
        keys,
        entry,
        group,
        since,
        summary,
        complexity,
        run,
        index: 0,
    }
}

/// Waits for any of its keys.
const fn any(local: Handler) -> Run {
    Run::Keys { local, spread: Spread::Any }
}

/// A command about several keys, which runs with all of them at hand.
const fn many(local: Handler) -> Run {
    Run::Keys { local, spread: Spread::Collect }
}

impl CommandSpec {
    const fn finds(self, entry: EntrySpec) -> Self {
        Self { entry, ..self }
    }

    const fn about(
        self,
        group: Group,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Self {
        Self { group, since, summary, complexity, ..self }
    }
}

/// All groups, in the order in which they are told.
#[rustfmt::skip]
const GROUPS: &[&[CommandSpec]] = &[
    strings::ROWS,
    bits::ROWS,
    hyperloglog::ROWS,
    hashes::ROWS,
    sets::ROWS,
    sorted_sets::ROWS,
    geo::ROWS,
    streams::ROWS,
    lists::ROWS,
    keys::ROWS,
    transactions::ROWS,
    scripting::ROWS,
    connection::ROWS,
    pubsub::ROWS,
    cluster::ROWS,
    server::ROWS,
];

const COUNT: usize = {
    let (mut group, mut count) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].len();
        group += 1;
    }
    assert!(count < u16::MAX as usize, "the lookup keeps indices in two bytes");
    count
};

/// All commands.
pub static COMMANDS: [CommandSpec; COUNT] = {
    let mut all = [GROUPS[0][0]; COUNT];
    let (mut group, mut count) = (0, 0);
    while group < GROUPS.len() {
        let mut row = 0;
        while row < GROUPS[group].len() {
            all[count] = GROUPS[group][row];
            #[expect(clippy::cast_possible_truncation, reason = "there are fewer, as asserted")]
            {
                all[count].index = count as u16;
            }
            (row, count) = (row + 1, count + 1);
        }
        group += 1;
    }
    all
};
