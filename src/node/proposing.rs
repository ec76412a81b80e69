//! Owns the way of a config to the leader of group 0, its judgement there, and the answer back.

use hyperion_cluster::change::{Author, Effects, Refusal, announced_by, check_change};
use hyperion_cluster::config::{Config, Problem, fields_above, parse};
use hyperion_cluster::state::ClusterState;
use hyperion_engine::Eviction;
use hyperion_wire::peer::{Body, ConfigPropose, ConfigProposed};

use super::core::NodeCore;

/// The number of a config in which a node says of itself what it is, and the number of one that was sent on: who is not the leader sends an
/// announcement on once. A person's configs have other numbers.
pub(super) const ANNOUNCED: u64 = 0;
const SENT_ON: u64 = u64::MAX;

impl NodeCore {
    /// A config that this node was given, or another one: the leader of group 0 judges it and proposes it. Who asked hears a refusal by
    /// [`NodeCore::judged`], and that it is in force by what group 0 holds; who hears nothing asks again.
    pub(super) fn propose(&mut self, from: Option<u32>, number: u64, config: &[u8]) {
        let own = self.config.node().id.0;
        let leader = self.engine.cluster_leader();
        let Some(state) = self.engine.cluster().filter(|_| leader == Some(own)).cloned() else {
            let request = match (from, number) {
                (Some(_), ANNOUNCED) => SENT_ON,
                (None, _) => number,
                _ => return,
            };
            let (Some(leader), Some(peers)) = (leader, &mut self.peers) else { return };
            let propose = ConfigPropose { request, config: config.into() };
            peers.queue(leader, |out| {
                let _ = propose.encode(out);
            });
            return;
        };
        let is_announced = [ANNOUNCED, SENT_ON].contains(&number);
        match self.judge(&state, is_announced, config) {
            Ok((_, Effects { is_same: true, .. })) => {
                self.tell_judgement(from, number, 200, Vec::new());
            }
            // Who cannot take it now is asked again.
            Ok((config, _)) => {
                let _ = self.engine.propose_cluster(&state.set_command(config, None));
            }
            Err(refusal) => {
                if is_announced {
                    tracing::warn!("what a node says of itself is not taken: {refusal:?}");
                }
                let status = if matches!(refusal, Refusal::Stale(_)) { 409 } else { 422 };
                let body = serde_json::to_vec(&refusal).expect("a refusal has text keys alone");
                self.tell_judgement(from, number, status, body);
            }
        }
    }

    /// Holds a config against what group 0 holds.
    fn judge(
        &self,
        state: &ClusterState,
        is_announced: bool,
        config: &[u8],
    ) -> Result<(Config, Effects), Refusal> {
        let config = parse(config).map_err(|error| Refusal::Invalid(vec![error.into_problem()]))?;
        let unknown = self.unknown_fields(state.config(), &config);
        if !unknown.is_empty() {
            return Err(Refusal::Invalid(unknown));
        }
        let usage = self.shared.cluster.get().map(|known| known.usage()).unwrap_or_default();
        let evictions: Vec<&str> = Eviction::ALL.iter().map(|it| it.name()).collect();
        let announcer = config
            .nodes
            .iter()
            .find(|node| is_announced && announced_by(state.config(), &config, &node.uuid));
        let author = announcer.map_or(Author::Person, |node| Author::Node(&node.uuid));
        let effects = check_change(state.standing(&usage, &evictions), &config, author)?;
        Ok((config, effects))
    }

    /// The new fields of a config that not every node is known to know.
    fn unknown_fields(&self, now: &Config, next: &Config) -> Vec<Problem> {
        let Some(peers) = &self.peers else { return Vec::new() };
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
                format!(
                    "not every node knows it: the cluster is at version {level} of the protocol"
                ),
                "bring all nodes to a newer version of the program, then send this again",
            )
        };
        let fields = fields_above(level, now, next);
        fields.into_iter().map(|field| Problem::at(field, problem.clone(), hint)).collect()
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
