//! Owns which chunks of large collections a command will look at, told before it runs: for several commands one step after the other, so that
//! they wait for the memory together.

use super::fields::hash_of;
use super::flags::Flags;
use super::sorted_set::{RANKS, read_score, score_of_value, word};
use super::spec::CommandSpec;
use crate::collection::Ahead;
use crate::engine::Engine;
use hyperion_store::{Key, NearObject, Store};

/// The section with the entries by the hashes of their names, of all types.
const NAMES: u8 = 0;

/// What one command will look at.
#[derive(Clone, Copy)]
pub struct AheadOf<'s> {
    object: NearObject<'s>,
    hash: u64,
    named: Option<Ahead<'s>>,
    /// Where its score will stand, then where the one stands that it has.
    rank: Option<Ahead<'s>>,
    is_scored: bool,
}

/// Whether [`Engine::look_ahead`] is for a command.
#[inline]
#[must_use]
pub fn looks_ahead(spec: &CommandSpec) -> bool {
    spec.flags.has(Flags::NAMED)
}

impl Engine {
    /// Asks the memory for where the chunks are that a command will look at, whose key's record was asked for. `None`: its value is in no chunks.
    #[must_use]
    pub fn look_ahead(
        &self,
        key: &Key<'_>,
        spec: &CommandSpec,
        words: &[&[u8]],
    ) -> Option<AheadOf<'_>> {
        AheadOf::new(&self.store, key, spec, words)
    }
}

impl<'s> AheadOf<'s> {
    pub(super) fn new(
        store: &'s Store,
        key: &Key<'_>,
        spec: &CommandSpec,
        words: &[&[u8]],
    ) -> Option<Self> {
        let is_scored = spec.flags.has(Flags::SCORED);
        let name = words.get(if is_scored { 3 } else { 2 })?;
        let object = store.near_object(key)?;
        let hash = hash_of(name);
        let named = Ahead::of(&object, NAMES, hash);
        let score = if is_scored { read_score(words[2]) } else { None };
        let rank = score.and_then(|score| Ahead::of(&object, RANKS, word(score)));
        Some(Self { object, hash, named, rank, is_scored })
    }

    /// What the chunk that will be looked at has for the name.
    pub(super) fn value(&self) -> Option<&'s [u8]> {
        self.named?.value(self.hash)
    }

    /// Asks for the bytes of the chunks.
    pub fn load(&self) {
        self.named.iter().chain(&self.rank).for_each(Ahead::load);
    }

    /// Asks for where the score is that the name has, whose chunk is there by now.
    pub fn look_back(&mut self) {
        if self.is_scored {
            let score = self.value().map(score_of_value);
            self.named = None;
            self.rank = score.and_then(|score| Ahead::of(&self.object, RANKS, word(score)));
        } else {
            (self.named, self.rank) = (None, None);
        }
    }
}
