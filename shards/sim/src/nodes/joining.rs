//! Owns how a node comes to a cluster: it asks those that it knows, says what it is, and its groups begin when it is named.

use super::core::{Frame, Place};
use super::node::Node;
use super::world::{Event, World};
use super::{MS, Violation, founding};
use hyperion_cluster::change::announce;
use hyperion_cluster::state::ClusterState;
use hyperion_engine::ANNOUNCED;
use std::sync::Arc;

/// Looks of 100 ms between two announcements.
const LOOKS_AN_ANNOUNCEMENT: u32 = 10;

impl World {
    /// A machine comes that is to be a node.
    pub(super) fn add_node(&mut self) -> Result<(), Violation> {
        let Some(newest) = self.newest() else { return Ok(()) };
        let id = u32::try_from(self.nodes.len()).expect("nodes are few") + 1;
        let cores = u16::try_from(1 + self.random.index(3)).expect("cores are few");
        let mut node =
            Node::new(id, cores, self.settings.partitions, self.now_ns, &mut self.random);
        node.member.heard = Some(newest);
        self.nodes.push(node);
        self.report.joins += 1;
        self.start(self.nodes.len() - 1)
    }

    /// A node that is none of the cluster's yet asks what is agreed, and now and then says that it wants to be one.
    pub(super) fn announce(&mut self, at: Place, look: u32) {
        let Node { id, core_count, member, .. } = &self.nodes[at.node];
        if member.agreed.is_some() {
            return;
        }
        let child = look.is_multiple_of(LOOKS_AN_ANNOUNCEMENT).then_some(()).and_then(|()| {
            let entry = founding::entry(*id, *core_count);
            announce(member.heard.as_ref()?.config(), entry).ok()
        });
        for to in member.peers.clone() {
            self.send(at, to, false, Frame::Ask);
            if let Some(child) = &child {
                let text = child.to_text().into_bytes();
                self.send(at, to, false, Frame::Propose(ANNOUNCED, text));
            }
        }
    }

    /// A node is asked what is agreed, and answers on the same connection.
    pub(super) fn asked(&mut self, at: Place, from: u32) {
        let Some(state) = self.nodes[at.node].member.agreed.clone() else { return };
        let (own, asker) = (self.nodes[at.node].id, super::peers::place_of(from));
        if !self.network.joins(own, from) {
            return;
        }
        let at_ns = self.out_ns + self.weather.pace.draw(&mut self.random);
        let (to, life) = (Place { node: asker, core: 0 }, self.nodes[asker].life);
        self.push(at_ns, Event::Stale { at: to, life, from: own, frame: Frame::Agreed(state) });
    }

    /// A node hears what is agreed.
    pub(super) fn told_agreed(
        &mut self,
        at: Place,
        state: Arc<ClusterState>,
    ) -> Result<(), Violation> {
        let known = self.known_by(at.node).map_or(0, |known| known.config().epoch);
        let member = &mut self.nodes[at.node].member;
        let is_named = member.is_named_by(&state);
        let is_older = if member.agreed.is_some() {
            known >= state.config().epoch || !is_named
        } else {
            known > state.config().epoch
        };
        if is_older {
            return Ok(());
        }
        member.heard = Some(Arc::clone(&state));
        if member.agreed.is_some() {
            member.agreed = Some(state);
        } else if is_named {
            self.say(|_| format!("node {} belongs to the cluster", at.node + 1));
            self.nodes[at.node].member.agreed = Some(state);
            let mut cores = std::mem::take(&mut self.nodes[at.node].cores);
            for (core, made) in cores.iter_mut().enumerate() {
                self.begin_members(at.node, core, &mut made.engine, Vec::new())?;
            }
            self.nodes[at.node].cores = cores;
        }
        self.follow_peers(at.node);
        Ok(())
    }

    /// Whether a node that belongs to the cluster knows of no such other one.
    pub(super) fn is_stranger(&self, node: usize, other: u32) -> bool {
        let Node { id, member, .. } = &self.nodes[node];
        member.agreed.is_some() && other != *id && !member.peers.contains(&other)
    }

    /// Makes a node's connections to one other.
    pub(super) fn dial_node(&mut self, node: usize, to: u32) {
        let Node { id: from, core_count, .. } = self.nodes[node];
        for core in 0..core_count {
            for is_bulk in [false, true] {
                let id = crate::network::LinkId { from, core, to, is_bulk };
                self.network.link(id).close();
                let after_ns = MS + self.random.below(5 * MS);
                self.push(self.now_ns + after_ns, Event::Dial(id));
            }
        }
    }
}
