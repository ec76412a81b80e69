//! Owns looking ahead for entries of large collections: several commands wait for the memory together, and not each by itself.

use super::fields::hash_of;
use super::sorted_set::{MEMBERS, RANKS, whole_number, word};
use super::spec::{CommandSpec, EntrySpec};
use super::types::{HASH, SET, SORTED_SET};
use crate::collection::{Near, Section, View};
use hyperion_store::{Key, Store};

/// Commands that are looked ahead for at once, at most.
const COMMANDS_MAX: usize = 16;
/// Entries that one of them looks for, at most.
const ENTRIES_EACH: usize = 2;

/// What a command that runs soon looks for in the collection under its one key.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    name: &'a [u8],
    /// The score that it gives it, if it is a whole number.
    score: Option<f64>,
}

impl<'a> Sought<'a> {
    /// Reads it off a line: the words by their number. `None`: nobody knows.
    #[inline]
    pub fn of(
        spec: &CommandSpec,
        count: usize,
        word: impl Fn(usize) -> Option<&'a [u8]>,
    ) -> Option<Self> {
        match spec.entry {
            EntrySpec::None => None,
            EntrySpec::Named(at) => Some(Self { name: word(at.into())?, score: None }),
            EntrySpec::Scored if count == 4 => {
                Some(Self { name: word(3)?, score: whole_number(word(2)?) })
            }
            EntrySpec::Scored => None,
        }
    }
}

/// Asks the memory for what commands that run soon will look at in large collections: first for where each entry is, then for what is there. Each
/// of them that finds its collection unchanged need not look for its chunk again.
pub fn prefetch_entries(store: &Store, sought: &[Option<(Key<'_>, Sought<'_>)>]) {
    let mut asked: [Option<(View<'_>, Near, u64)>; COMMANDS_MAX * ENTRIES_EACH] =
        [None; COMMANDS_MAX * ENTRIES_EACH];
    let (mut places, mut last) = (asked.iter_mut(), None);
    for (key, sought) in sought.iter().take(COMMANDS_MAX).flatten() {
        let view = match last {
            // They are mostly about one key.
            Some((bytes, view)) if bytes == key.bytes => view,
            _ => View::ahead(store, key),
        };
        last = Some((key.bytes, view));
        let Some((value_type, view)) = view else { continue };
        if ![HASH, SET, SORTED_SET].contains(&value_type) {
            continue;
        }
        let mut ask = |section: Section, word: u64| {
            if let Some(near) = view.near_ahead(section, word)
                && let Some(place) = places.next()
            {
                *place = Some((view, near, word));
            }
        };
        // Names lie in the first section of all three.
        ask(MEMBERS, hash_of(sought.name));
        if let Some(score) = sought.score.filter(|_| value_type == SORTED_SET) {
            ask(RANKS, word(score));
        }
    }
    for (view, near, word) in asked.iter().map_while(Option::as_ref) {
        view.ask_ahead(*near, *word);
    }
}
