//! Owns the virtual network: connections that keep their order, delay what they carry, stand still and break.

mod link;

pub use link::{Link, LinkId, Standing};

use crate::random::Random;
use std::collections::{BTreeMap, BTreeSet};

/// How long things take, in ns.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The shortest way of a frame.
    pub least_ns: u64,
    /// The longest way of most frames.
    pub most_ns: u64,
    /// The longest way of a frame that is held up.
    pub late_ns: u64,
    /// Parts of 1000 of frames that are held up; what follows on the connection waits behind them.
    pub late_parts: u64,
}

impl Pace {
    /// How long one frame takes.
    pub fn draw(&self, random: &mut Random) -> u64 {
        let most_ns = if random.chance(self.late_parts) { self.late_ns } else { self.most_ns };
        self.least_ns + random.below(most_ns.max(1))
    }
}

/// All connections between the nodes, carrying frames of `T`.
#[derive(Debug)]
pub struct Network<T> {
    links: BTreeMap<LinkId, Link<T>>,
    /// Directions, from and to, in which nothing arrives.
    blocked: BTreeSet<(u32, u32)>,
}

impl<T> Default for Network<T> {
    fn default() -> Self {
        Self { links: BTreeMap::new(), blocked: BTreeSet::new() }
    }
}

impl<T> Network<T> {
    /// The connection of that name, which is down when it was never asked for.
    pub fn link(&mut self, id: LinkId) -> &mut Link<T> {
        self.links.entry(id).or_default()
    }

    /// All connections that `is_meant` chooses, by name.
    pub fn names(&self, is_meant: impl Fn(&LinkId) -> bool) -> Vec<LinkId> {
        self.links.keys().filter(|id| is_meant(id)).copied().collect()
    }

    /// Nothing arrives from one at the other.
    pub fn block(&mut self, from: u32, to: u32) {
        self.blocked.insert((from, to));
    }

    /// Directions, from and to, in which nothing arrives.
    #[must_use]
    pub fn blocked(&self) -> &BTreeSet<(u32, u32)> {
        &self.blocked
    }

    /// Whether a direction is open.
    #[must_use]
    pub fn passes(&self, from: u32, to: u32) -> bool {
        !self.blocked.contains(&(from, to))
    }

    /// Whether two nodes can make a connection.
    #[must_use]
    pub fn joins(&self, one: u32, other: u32) -> bool {
        self.passes(one, other) && self.passes(other, one)
    }

    /// All directions are open again. Gives the connections on which something waits.
    pub fn heal(&mut self) -> Vec<LinkId> {
        self.blocked.clear();
        self.links.iter().filter(|(_, link)| !link.is_empty()).map(|(id, _)| *id).collect()
    }

    /// The next frame of a connection, if it is due and may pass.
    pub fn arrive(&mut self, id: LinkId, now_ns: u64) -> Option<T> {
        let passes = self.passes(id.from, id.to);
        self.links.get_mut(&id).filter(|_| passes)?.take(now_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: LinkId = LinkId { from: 1, core: 0, to: 2, is_bulk: false };

    #[test]
    fn a_connection_keeps_its_order_and_stands_still_while_its_direction_is_blocked() {
        let mut network = Network::default();
        network.link(ID).open(0);
        assert_eq!(network.link(ID).send('a', 50), Some(50));
        assert_eq!(network.link(ID).send('b', 10), Some(50), "it does not overtake");
        assert_eq!(network.arrive(ID, 49), None);
        network.block(1, 2);
        assert_eq!(network.arrive(ID, 60), None);
        assert_eq!(network.heal(), [ID]);
        assert_eq!((network.arrive(ID, 60), network.arrive(ID, 60)), (Some('a'), Some('b')));
    }

    #[test]
    fn what_was_under_way_when_a_connection_broke_does_not_come_over_the_next_one() {
        let mut network = Network::default();
        network.link(ID).open(0);
        network.link(ID).send('a', 50);
        assert_eq!(network.link(ID).cut(), [(50, 'a')]);
        assert_eq!(network.link(ID).send('b', 50), None, "it is broken");
        network.link(ID).open(1);
        assert_eq!(network.arrive(ID, 90), None);
    }
}
