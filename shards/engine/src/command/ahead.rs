//! Owns looking ahead for entries of large collections: several commands wait for the memory together, and not each by itself.

use super::fields::{ShortKey, hash_of};
use super::sorted_set::{MEMBERS, RANKS, whole_number, word};
use super::spec::{CommandSpec, EntrySpec};
use super::types::{HASH, SET, SORTED_SET};
use crate::collection::{Ahead, Section, View, prefix};
use hyperion_store::{Key, Store};

/// Commands that are looked ahead for at once, at most.
const COMMANDS_MAX: usize = 16;
/// Entries that one of them looks for, at most.
const ENTRIES_EACH: usize = 2;

/// What a command that runs soon looks for in the collection under its one key.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    key: &'a [u8],
    slot: u16,
    name: &'a [u8],
    /// The score that it gives it, if it is a whole number.
    score: Option<f64>,
}

impl<'a> Sought<'a> {
    /// Reads it off a line: the words by their number, the first one being the key, which lies in `slot`. `None`: nobody knows.
    #[inline]
    pub fn of(
        spec: &CommandSpec,
        slot: u16,
        count: usize,
        word: impl Fn(usize) -> Option<&'a [u8]>,
    ) -> Option<Self> {
        let (name, score) = match spec.entry {
            EntrySpec::None => return None,
            EntrySpec::Named(at) => (word(at.into())?, None),
            EntrySpec::Scored if count == 4 => (word(3)?, whole_number(word(2)?)),
            EntrySpec::Scored => return None,
        };
        Some(Self { key: word(1)?, slot, name, score })
    }
}

/// Asks the memory for what commands that run soon will look at in large collections: first for where each entry is, then for what is there. Each
/// of them that finds its collection unchanged need not look for its chunk again. `key_of` makes a key of its bytes and its slot, where it is
/// this core's.
///
/// What is found is put together where it stays: a copy of words that were just written, by two at a time, waits for each of them.
#[inline]
pub fn prefetch_entries<'a>(
    store: &Store,
    key_of: impl Fn(&'a [u8], u16) -> Option<Key<'a>>,
    sought: impl Iterator<Item = Sought<'a>>,
) {
    let mut of_keys = [const { [None; ENTRIES_EACH] }; COMMANDS_MAX];
    let mut asked = [const { None }; COMMANDS_MAX * ENTRIES_EACH];
    let (mut places, mut keys, mut last) = (asked.iter_mut(), 0, None);
    for it in sought.take(COMMANDS_MAX) {
        // They are mostly about one key.
        if last != Some(it.key) {
            last = Some(it.key);
            if let Some(key) = key_of(it.key, it.slot) {
                of_keys[keys] = sections_of(store, &key);
            }
            keys += 1;
        }
        let words = [Some(hash_of(it.name)), it.score.map(word)];
        for (section, sought) in words.into_iter().enumerate() {
            if let Some(sought) = sought
                && let Some(ahead) = &of_keys[keys - 1][section]
                && let Some(between) = ahead.near(sought)
                && let Some(place) = places.next()
            {
                *place = Some((keys - 1, section, between, sought));
            }
        }
    }
    for (key, section, between, word) in asked.iter().map_while(Option::as_ref) {
        if let Some(ahead) = &of_keys[*key][*section] {
            let _ = ahead.ask(between, *word);
        }
    }
}

/// Names of one command that are looked ahead for at once, at most.
pub(super) const NAMES_AHEAD: usize = COMMANDS_MAX;

/// As [`prefetch_entries`], for names that one command looks for: [`NAMES_AHEAD`] of them. For a single one its line was looked at.
pub(super) fn prefetch_names<'n>(
    view: &View<'_>,
    section: Section,
    names: impl ExactSizeIterator<Item = &'n [u8]>,
) {
    prefetch_words(view, section, names.map(hash_of));
}

/// As [`prefetch_names`], for any words of keys.
pub(super) fn prefetch_words(
    view: &View<'_>,
    section: Section,
    words: impl ExactSizeIterator<Item = u64>,
) {
    let Some(ahead) = view.ahead_in(section).filter(|_| words.len() > 1) else { return };
    let mut asked = [None; NAMES_AHEAD];
    for (place, word) in asked.iter_mut().zip(words) {
        *place = ahead.near(word).map(|between| (between, word));
    }
    for (between, word) in asked.iter().flatten() {
        let _ = ahead.ask(between, *word);
    }
}

/// Chunks of a section whose keys are foreseen, at most: fewer than an object may have, so that some more can be made.
const CHUNKS_MAX: usize = 1 << 18;

/// As [`prefetch_words`], for keys of one command that changes each by itself: gives the bytes of the chunks that they are in or belong to,
/// each counted for every key. `None`: some chunks have several of them, or the section is no large one.
pub(super) fn foresee(
    view: &View<'_>,
    section: Section,
    count: usize,
    key_of: impl Fn(usize) -> ShortKey,
) -> Option<usize> {
    let ahead = view.ahead_in(section)?;
    let chunks = view.chunks_of(section);
    if count > chunks || chunks > CHUNKS_MAX {
        return None;
    }
    let mut bytes = 0;
    for begin in (0..count).step_by(NAMES_AHEAD) {
        let mut asked = [None; NAMES_AHEAD];
        let numbers = begin..count.min(begin + NAMES_AHEAD);
        for (place, number) in asked.iter_mut().zip(numbers.clone()) {
            let word = prefix(key_of(number).get());
            *place = ahead.near(word).map(|between| (between, word));
        }
        for (place, number) in asked.iter().zip(numbers) {
            bytes += match place {
                Some((between, word)) => ahead.ask(between, *word),
                None => view.bytes_around(section, key_of(number).get())?,
            };
        }
    }
    Some(bytes)
}

/// Where names lie in the large collection that is most likely under a key, and where the ranks of a sorted set lie.
fn sections_of<'s>(store: &'s Store, key: &Key<'_>) -> [Option<Ahead<'s>>; ENTRIES_EACH] {
    let Some((value_type, view)) = View::ahead(store, key) else { return [None; ENTRIES_EACH] };
    // Names lie in the first section of all three.
    match value_type {
        HASH | SET => [view.ahead_in(MEMBERS), None],
        SORTED_SET => [view.ahead_in(MEMBERS), view.ahead_in(RANKS)],
        _ => [None; ENTRIES_EACH],
    }
}
