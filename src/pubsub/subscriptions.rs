//! Owns what one client listens to.

use std::collections::BTreeSet;

use super::limits::{SUBSCRIBED_BYTES_MAX, SUBSCRIPTIONS_MAX};
use super::registry::Kind;

/// The names that a client listens to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    channels: BTreeSet<Vec<u8>>,
    patterns: BTreeSet<Vec<u8>>,
    shards: BTreeSet<Vec<u8>>,
    bytes: usize,
}

impl Subscriptions {
    fn names(&self, kind: Kind) -> &BTreeSet<Vec<u8>> {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard | Kind::Prefix => &self.shards,
        }
    }

    fn names_mut(&mut self, kind: Kind) -> &mut BTreeSet<Vec<u8>> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard | Kind::Prefix => &mut self.shards,
        }
    }

    /// Whether these names may come to those that are there.
    pub(crate) fn has_room(&self, names: &[&[u8]]) -> bool {
        let bytes: usize = names.iter().map(|name| name.len()).sum();
        self.total() + names.len() <= SUBSCRIPTIONS_MAX
            && self.bytes + bytes <= SUBSCRIBED_BYTES_MAX
    }

    /// `true`: it did not listen to this before.
    pub(crate) fn add(&mut self, kind: Kind, name: &[u8]) -> bool {
        let is_new = self.names_mut(kind).insert(name.to_vec());
        self.bytes += if is_new { name.len() } else { 0 };
        is_new
    }

    /// `true`: it listened to this.
    pub(crate) fn remove(&mut self, kind: Kind, name: &[u8]) -> bool {
        let was_there = self.names_mut(kind).remove(name);
        self.bytes -= if was_there { name.len() } else { 0 };
        was_there
    }

    /// All names of a kind, in order.
    pub(crate) fn all(&self, kind: Kind) -> Vec<Vec<u8>> {
        self.names(kind).iter().cloned().collect()
    }

    /// The number that is told with each name that comes or goes: shard channels are counted apart.
    pub(crate) fn told_count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard | Kind::Prefix => self.shards.len(),
            Kind::Channel | Kind::Pattern => self.channels.len() + self.patterns.len(),
        }
    }

    /// How many names of a kind there are.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.names(kind).len()
    }

    pub(crate) fn total(&self) -> usize {
        self.channels.len() + self.patterns.len() + self.shards.len()
    }
}
