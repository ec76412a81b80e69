//! Owns who listens to which channel: clients of this core one by one, those of the node's other cores by number.
//!
//! Every core knows the names that the node's clients listen to, so that a message is counted where it is published, and goes only to
//! cores where somebody hears it.

use std::collections::{BTreeSet, HashMap};

use hyperion_engine::command::matches;
use hyperion_runtime::ConnectionId;

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A channel: SUBSCRIBE.
    Channel,
    /// A pattern of channels: PSUBSCRIBE.
    Pattern,
    /// A shard channel, which no pattern meets: SSUBSCRIBE.
    Shard,
    /// A prefix of keys whose changes are told: CLIENT TRACKING with BCAST. No messages come by it.
    Prefix,
}

/// Those who listen to a name.
#[derive(Debug, Default)]
struct Listeners {
    own: BTreeSet<ConnectionId>,
    /// Of other cores: the core, and how many.
    others: Vec<(u16, u32)>,
}

impl Listeners {
    fn count(&self) -> usize {
        self.own.len() + self.others.iter().map(|&(_, count)| count as usize).sum::<usize>()
    }

    fn is_empty(&self) -> bool {
        self.own.is_empty() && self.others.is_empty()
    }
}

type Names = HashMap<Box<[u8]>, Listeners>;

/// Who listens to what on this node.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    channels: Names,
    patterns: Names,
    shards: Names,
    prefixes: Names,
    /// Subscriptions of this core's clients.
    own: usize,
}

/// Whom a message is for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Audience {
    /// Deliveries: a client is counted once for its channel and once for each pattern.
    pub(crate) count: usize,
    /// Other cores with listeners, each once.
    pub(crate) cores: Vec<u16>,
}

impl Registry {
    fn names(&self, kind: Kind) -> &Names {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shards,
            Kind::Prefix => &self.prefixes,
        }
    }

    fn names_mut(&mut self, kind: Kind) -> &mut Names {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
            Kind::Prefix => &mut self.prefixes,
        }
    }

    /// Whether nobody on the node listens to anything.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty() && self.shards.is_empty()
    }

    /// A client of this core listens from now on.
    pub(crate) fn add(&mut self, kind: Kind, name: &[u8], client: ConnectionId) {
        let is_new = match self.names_mut(kind).get_mut(name) {
            Some(listeners) => listeners.own.insert(client),
            None => self.names_mut(kind).entry(name.into()).or_default().own.insert(client),
        };
        self.own += usize::from(is_new && kind != Kind::Prefix);
    }

    /// A client of this core listens no more.
    pub(crate) fn remove(&mut self, kind: Kind, name: &[u8], client: ConnectionId) {
        let names = self.names_mut(kind);
        let Some(listeners) = names.get_mut(name) else { return };
        let was_there = listeners.own.remove(&client);
        if listeners.is_empty() {
            names.remove(name);
        }
        self.own -= usize::from(was_there && kind != Kind::Prefix);
    }

    /// One more or one fewer client of another core listens.
    pub(crate) fn note(&mut self, core: u16, kind: Kind, name: &[u8], comes: bool) {
        let names = self.names_mut(kind);
        if comes {
            let others = match names.get_mut(name) {
                Some(listeners) => &mut listeners.others,
                None => &mut names.entry(name.into()).or_default().others,
            };
            match others.iter_mut().find(|(other, _)| *other == core) {
                Some((_, count)) => *count += 1,
                None => others.push((core, 1)),
            }
            return;
        }
        let Some(listeners) = names.get_mut(name) else { return };
        listeners.others.retain_mut(|(other, count)| {
            *count -= u32::from(*other == core);
            *count > 0
        });
        if listeners.is_empty() {
            names.remove(name);
        }
    }

    /// Whom a message on a channel is for; `is_shard`: on a shard channel.
    pub(crate) fn audience(&self, channel: &[u8], is_shard: bool) -> Audience {
        let mut audience = Audience::default();
        let mut meet = |listeners: &Listeners| {
            audience.count += listeners.count();
            for &(core, _) in &listeners.others {
                if !audience.cores.contains(&core) {
                    audience.cores.push(core);
                }
            }
        };
        let kind = if is_shard { Kind::Shard } else { Kind::Channel };
        self.names(kind).get(channel).into_iter().for_each(&mut meet);
        if !is_shard {
            let fits = self.patterns.iter().filter(|(pattern, _)| matches(pattern, channel));
            fits.for_each(|(_, listeners)| meet(listeners));
        }
        audience
    }

    /// This core's clients that listen to a channel.
    pub(crate) fn own(&self, kind: Kind, name: &[u8]) -> impl Iterator<Item = ConnectionId> + '_ {
        self.names(kind).get(name).into_iter().flat_map(|listeners| listeners.own.iter().copied())
    }

    /// The patterns that a channel fits, with this core's clients.
    pub(crate) fn own_patterns<'a>(
        &'a self,
        channel: &'a [u8],
    ) -> impl Iterator<Item = (&'a [u8], impl Iterator<Item = ConnectionId> + 'a)> {
        let fits = self
            .patterns
            .iter()
            .filter(|(pattern, listeners)| !listeners.own.is_empty() && matches(pattern, channel));
        fits.map(|(pattern, listeners)| (&**pattern, listeners.own.iter().copied()))
    }

    /// The cores with clients that have chosen a prefix of a key; `own` is this one.
    pub(crate) fn prefix_cores(&self, key: &[u8], own: u16) -> BTreeSet<u16> {
        let mut cores = BTreeSet::new();
        for (_, listeners) in self.prefixes.iter().filter(|(prefix, _)| key.starts_with(prefix)) {
            cores.extend(listeners.others.iter().map(|(core, _)| *core));
            cores.extend((!listeners.own.is_empty()).then_some(own));
        }
        cores
    }

    /// This core's clients that have chosen a prefix of a key, and how long the prefix is.
    pub(crate) fn own_prefixes(&self, key: &[u8]) -> BTreeSet<(ConnectionId, usize)> {
        let fits = self.prefixes.iter().filter(|(prefix, _)| key.starts_with(prefix));
        fits.flat_map(|(prefix, listeners)| {
            listeners.own.iter().map(|connection| (*connection, prefix.len()))
        })
        .collect()
    }

    // ---- what PUBSUB tells of the node

    /// The names that fit a pattern.
    pub(crate) fn fitting(&self, kind: Kind, pattern: Option<&[u8]>) -> Vec<&[u8]> {
        let fits = |name: &&[u8]| pattern.is_none_or(|pattern| matches(pattern, name));
        self.names(kind).keys().map(|name| &**name).filter(fits).collect()
    }

    /// How many listen to a name.
    pub(crate) fn count(&self, kind: Kind, name: &[u8]) -> usize {
        self.names(kind).get(name).map_or(0, Listeners::count)
    }

    /// How many names there are.
    pub(crate) fn names_count(&self, kind: Kind) -> usize {
        self.names(kind).len()
    }

    /// Subscriptions of this core's clients.
    pub(crate) fn own_count(&self) -> usize {
        self.own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: ConnectionId = ConnectionId { index: 1, generation: 0 };
    const BOB: ConnectionId = ConnectionId { index: 2, generation: 0 };

    #[test]
    fn a_message_is_counted_once_for_each_subscription_and_goes_to_each_core_once() {
        let mut registry = Registry::default();
        registry.add(Kind::Channel, b"news", ANN);
        registry.add(Kind::Channel, b"news", ANN);
        registry.add(Kind::Pattern, b"n*", ANN);
        registry.add(Kind::Pattern, b"*s", BOB);
        registry.add(Kind::Shard, b"news", BOB);
        for core in [3, 3, 4] {
            registry.note(core, Kind::Channel, b"news", true);
        }
        registry.note(3, Kind::Pattern, b"n*", true);
        let audience = registry.audience(b"news", false);
        assert_eq!((audience.count, audience.cores), (7, vec![3, 4]));
        assert_eq!(registry.audience(b"nest", false).count, 2);
        assert_eq!(registry.audience(b"news", true), Audience { count: 1, cores: vec![] });
        assert_eq!(registry.own_count(), 4);
        let patterns: BTreeSet<&[u8]> =
            registry.own_patterns(b"news").map(|(pattern, _)| pattern).collect();
        assert_eq!(patterns, BTreeSet::from([&b"*s"[..], b"n*"]));
    }

    #[test]
    fn who_goes_leaves_nothing_behind() {
        let mut registry = Registry::default();
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            registry.add(kind, b"a", ANN);
            registry.note(1, kind, b"a", true);
            registry.note(1, kind, b"a", true);
            registry.remove(kind, b"a", BOB);
            registry.remove(kind, b"a", ANN);
            registry.remove(kind, b"a", ANN);
            registry.note(1, kind, b"a", false);
            assert_eq!(registry.count(kind, b"a"), 1);
            registry.note(2, kind, b"a", false);
            registry.note(1, kind, b"a", false);
            registry.note(1, kind, b"a", false);
        }
        assert!(registry.is_empty());
        assert_eq!(registry.own_count(), 0);
    }
}
