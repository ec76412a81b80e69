//! Owns the way of a config to the leader of group 0, and the answer back.

use hyperion_cluster::change::Refusal;
use hyperion_cluster::config::{Config, Leaving, Node, Problem, fields_above};
use hyperion_engine::Proposed;
use hyperion_wire::peer::{Body, ConfigPropose, ConfigProposed};

use super::core::NodeCore;
use crate::peers::Peers;

pub(super) use hyperion_engine::ANNOUNCED;

impl NodeCore {
    /// A config that this node was given, or another one: the leader of group 0 judges it and proposes it. Who asked hears a refusal by
    /// [`NodeCore::judged`], and that it is in force by what group 0 holds; who hears nothing asks again.
    pub(super) fn propose(&mut self, from: Option<u32>, number: u64, config: &[u8]) {
        let usage = self.shared.cluster.get().map(|known| known.usage()).unwrap_or_default();
        let peers = self.peers.as_ref();
        let view = self.view.as_deref();
        let is_up = |node: &Node| {
            let nodes = view.into_iter().flat_map(|view| &view.nodes);
            nodes.filter(|it| it.id == node.id.0).any(|it| it.is_up)
        };
        let unknown = |now: &Config, next: &Config| {
            let mut found = unknown_fields(peers, now, next);
            found.extend(lost_and_there(now, next, is_up));
            found
        };
        match self.engine.propose_config(from.is_some(), number, config, &usage, unknown) {
            Proposed::SendOn { to, number } => {
                let Some(peers) = &mut self.peers else { return };
                let propose = ConfigPropose { request: number, config: config.into() };
                peers.queue(to, |out| {
                    let _ = propose.encode(out);
                });
            }
            Proposed::Same => self.tell_judgement(from, number, 200, Vec::new()),
            Proposed::Asked | Proposed::Dropped => {}
            Proposed::Refused { refusal, is_announced } => {
                if is_announced {
                    tracing::warn!("what a node says of itself is not taken: {refusal:?}");
                }
                let status = if matches!(refusal, Refusal::Stale(_)) { 409 } else { 422 };
                let body = serde_json::to_vec(&refusal).expect("a refusal has text keys alone");
                self.tell_judgement(from, number, status, body);
            }
        }
    }

    fn tell_judgement(&mut self, from: Option<u32>, number: u64, status: u16, body: Vec<u8>) {
        let (Some(node), Some(peers)) = (from, &mut self.peers) else {
            return self.judged(number, status, body);
        };
        let answer = ConfigProposed { request: number, status, body: body.into() };
        peers.queue(node, |out| {
            let _ = answer.encode(out);
        });
    }

    /// What the leader of group 0 says of a config that this node was given.
    pub(super) fn judged(&mut self, number: u64, status: u16, body: Vec<u8>) {
        let Some(jobs) = &self.shared.jobs else { return };
        // One that finds no place is asked for again.
        let _ = jobs.judged(number, status, body);
    }
}

/// Nodes that a config gives up with their data, and that this one reaches: nothing has to be lost.
fn lost_and_there(now: &Config, next: &Config, is_up: impl Fn(&Node) -> bool) -> Vec<Problem> {
    let is_new = |node: &Node| {
        node.leaving == Some(Leaving::Lost)
            && now.node(node.id).is_some_and(|old| old.leaving != node.leaving)
    };
    let places = next.nodes.iter().enumerate();
    let there = places.filter(|(_, node)| is_new(node) && is_up(node));
    there
        .map(|(index, node)| {
            let text = format!("node {:?} is reached, so what it has is not lost", node.name);
            let hint = format!(
                "POST /nodes/remove {{\"node\": {:?}}} moves it to the others; if the node is to be given up all the same, stop it first",
                node.name
            );
            Problem::at(format!("/nodes/{index}/leaving"), text, hint)
        })
        .collect()
}

/// The new fields of a config that not every node is known to know.
fn unknown_fields(peers: Option<&Peers>, now: &Config, next: &Config) -> Vec<Problem> {
    let Some(peers) = peers else { return Vec::new() };
    let others = peers.nodes().map(|node| (node, peers.protocol(node).unwrap_or(0)));
    let Some((node, level)) = others.min_by_key(|(_, level)| *level) else { return Vec::new() };
    let level = level.min(peers.own_protocol());
    let name = |id: &u32| now.nodes.iter().find(|node| node.id.0 == *id).map(|it| &it.name);
    let name = name(&node).map_or("", String::as_str);
    let (problem, hint) = if level == 0 {
        (
            format!("whether node {name:?} knows it cannot be told, because it is not reached"),
            "start that node, or remove it, then send this again",
        )
    } else {
        (
            format!("not every node knows it: the cluster is at version {level} of the protocol"),
            "bring all nodes to a newer version of the program, then send this again",
        )
    };
    let fields = fields_above(level, now, next);
    fields.into_iter().map(|field| Problem::at(field, problem.clone(), hint)).collect()
}
