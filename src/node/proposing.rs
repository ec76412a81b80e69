//! Owns the way of a config to the leader of group 0, and the answer back.

use hyperion_cluster::change::Refusal;
use hyperion_engine::Proposed;
use hyperion_wire::peer::{Body, ConfigPropose, ConfigProposed};

use super::core::NodeCore;

pub(super) use hyperion_engine::ANNOUNCED;

impl NodeCore {
    /// A config that this node was given, or another one: the leader of group 0 judges it and proposes it. Who asked hears a refusal by
    /// [`NodeCore::judged`], and that it is in force by what group 0 holds; who hears nothing asks again.
    pub(super) fn propose(&mut self, from: Option<u32>, number: u64, config: &[u8]) {
        let usage = self.shared.cluster.get().map(|known| known.usage()).unwrap_or_default();
        match self.engine.propose_config(from.is_some(), number, config, &usage) {
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
