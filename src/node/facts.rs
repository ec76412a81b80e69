//! Owns what nodes tell each other of themselves every second, for warnings: how far clocks are apart, and what memory each has.

use std::collections::{BTreeMap, VecDeque};

use hyperion_cluster::NodeId;
use hyperion_cluster::config::lint_clock;
use hyperion_wire::peer::{Body, Kind, NodeFacts};

use super::core::NodeCore;
use super::members::LOOKS_A_TELLING;
use super::messages::Mail;
use super::start::unix_ms;
use crate::cluster::NodeFigures;

/// Times that are remembered of a node, and from how many on they count: a frame may have waited, and comes late then, never early.
const SAMPLES: usize = 8;
const SAMPLES_MIN: usize = 3;
/// For tests: so many ms are added to the clock that the others are told. Debug builds alone.
const CLOCK_AHEAD: &str = "HYPERION_TEST_CLOCK_AHEAD_MS";

/// What another node has told of itself.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Its clock less this one's when it was heard, in ms; the newest last.
    ahead_ms: VecDeque<i64>,
    memory_bytes: u64,
    /// It was said that the clocks are apart.
    is_apart: bool,
}

impl Told {
    fn hear(&mut self, ahead_ms: i64, memory_bytes: u64) {
        self.memory_bytes = memory_bytes;
        if self.ahead_ms.len() == SAMPLES {
            self.ahead_ms.pop_front();
        }
        self.ahead_ms.push_back(ahead_ms);
    }

    /// How far its clock is from this one's: by the frame that waited least.
    fn clock_ahead_ms(&self) -> Option<i64> {
        self.ahead_ms.iter().max().copied().filter(|_| self.ahead_ms.len() >= SAMPLES_MIN)
    }
}

impl NodeCore {
    /// Tells all nodes of this one; to be called ten times a second, and done every tenth time by the first core.
    pub(super) fn tell_facts(&mut self) {
        if self.index != 0 || !self.members.looks.is_multiple_of(LOOKS_A_TELLING) {
            return;
        }
        let nodes = self.view.iter().flat_map(|view| &view.nodes).map(|node| node.id);
        let nodes: Vec<u32> = nodes.collect();
        let memory_bytes = self.config.memory_bytes_max;
        let facts =
            NodeFacts { unix_ms: unix_ms().saturating_add_signed(pretended_ms()), memory_bytes };
        let Some(peers) = &mut self.peers else { return };
        for node in nodes {
            peers.queue_from(node, Kind::NodeFacts.protocol(), |out| {
                let _ = facts.encode(out);
            });
        }
    }

    /// Another node tells of itself, to whichever core it has a link to.
    pub(super) fn take_facts(&mut self, from: u32, facts: NodeFacts) {
        let ahead_ms = facts.unix_ms.cast_signed().saturating_sub(unix_ms().cast_signed());
        if self.index == 0 {
            self.hear_facts(from, ahead_ms, facts.memory_bytes);
        } else {
            let mail = Mail::Facts { node: from, ahead_ms, memory_bytes: facts.memory_bytes };
            self.links[0].backlog.push_back(mail);
        }
    }

    /// The first core keeps it, and says when clocks part and when they agree again.
    pub(super) fn hear_facts(&mut self, from: u32, ahead_ms: i64, memory_bytes: u64) {
        let told = self.members.facts.entry(from).or_default();
        told.hear(ahead_ms, memory_bytes);
        let Some(ahead_ms) = told.clock_ahead_ms() else { return };
        let lint = lint_clock(NodeId(from), ahead_ms);
        if told.is_apart != lint.is_some() {
            told.is_apart = lint.is_some();
            match lint {
                Some(sentence) => tracing::warn!("{sentence}"),
                None => tracing::info!("the clock of node {from} agrees with this one's again"),
            }
        }
    }

    /// The link to a node is gone: how far its clock is apart is not known any more.
    pub(super) fn forget_clock(&mut self, node: u32) {
        if let Some(told) = self.members.facts.get_mut(&node) {
            told.ahead_ms.clear();
        }
    }

    /// What is known of each node, this one too.
    pub(super) fn node_figures(&self) -> BTreeMap<u32, NodeFigures> {
        let own = NodeFigures { clock_ahead_ms: None, memory_bytes: self.config.memory_bytes_max };
        let others = self.members.facts.iter().map(|(node, told)| {
            let (clock_ahead_ms, memory_bytes) = (told.clock_ahead_ms(), told.memory_bytes);
            (*node, NodeFigures { clock_ahead_ms, memory_bytes })
        });
        others.chain([(self.config.node().id.0, own)]).collect()
    }
}

/// What a test adds to this node's clock.
fn pretended_ms() -> i64 {
    let told = cfg!(debug_assertions).then(|| std::env::var(CLOCK_AHEAD).ok()).flatten();
    told.and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_frame_that_waited_least() {
        let mut told = Told::default();
        for (ahead_ms, expected) in [(-3, None), (-900, None), (-40, Some(-3))] {
            told.hear(ahead_ms, 7);
            assert_eq!(told.clock_ahead_ms(), expected, "{ahead_ms}");
        }
        // It is put back by two seconds: seen when nothing from before is left.
        for _ in 0..SAMPLES {
            told.hear(-2_001, 9);
        }
        assert_eq!((told.clock_ahead_ms(), told.memory_bytes), (Some(-2_001), 9));
        // And put right: seen at once.
        told.hear(-1, 9);
        assert_eq!(told.clock_ahead_ms(), Some(-1));
    }
}
