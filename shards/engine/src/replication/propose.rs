//! Owns the way of a config to the leader of group 0, and its judgement there.

use crate::Eviction;
use crate::engine::Engine;
use hyperion_cluster::change::{Author, Effects, Refusal, announced_by, check_change};
use hyperion_cluster::config::{Config, Problem, Usage, parse};
use hyperion_cluster::state::ClusterState;

/// The number of a config in which a node says of itself what it is, and the number of one that was sent on: who is not the leader sends an
/// announcement on once. A person's configs have other numbers.
pub const ANNOUNCED: u64 = 0;
const SENT_ON: u64 = u64::MAX;

/// What becomes of a config that is to be the cluster's next one.
#[derive(Debug)]
pub enum Proposed {
    /// Send it to this node, which leads group 0, under this number.
    SendOn {
        /// The node.
        to: u32,
        /// The number.
        number: u64,
    },
    /// It is the one in force already.
    Same,
    /// Group 0 is asked; who asked hears by what that holds. One that cannot be taken now is asked again by who wants it.
    Asked,
    /// The rules do not let it.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Whether a node said it of itself.
        is_announced: bool,
    },
    /// Nobody is known who could judge it: who wants it asks again.
    Dropped,
}

impl Engine {
    /// A config that this node was given, by a client or by a peer, on the core that holds group 0: its leader judges it and proposes it.
    /// `unknown` tells, of the config in force and the next one, which fields not every node knows.
    pub fn propose_config(
        &mut self,
        is_from_peer: bool,
        number: u64,
        config: &[u8],
        usage: &Usage,
        unknown: impl Fn(&Config, &Config) -> Vec<Problem>,
    ) -> Proposed {
        let Some(own) = self.replication.as_ref().map(|it| it.node) else {
            return Proposed::Dropped;
        };
        let leader = self.cluster_leader();
        let Some(state) = self.cluster().filter(|_| leader == Some(own)).cloned() else {
            let number = match (is_from_peer, number) {
                (true, ANNOUNCED) => SENT_ON,
                (false, _) => number,
                _ => return Proposed::Dropped,
            };
            return leader.map_or(Proposed::Dropped, |to| Proposed::SendOn { to, number });
        };
        let is_announced = [ANNOUNCED, SENT_ON].contains(&number);
        match judge(&state, is_announced, config, usage, unknown) {
            Ok((_, Effects { is_same: true, .. })) => Proposed::Same,
            Ok((config, _)) => {
                // Who cannot take it now is asked again.
                let _ = self.propose_cluster(&state.set_command(config, None));
                Proposed::Asked
            }
            Err(refusal) => Proposed::Refused { refusal, is_announced },
        }
    }
}

/// Holds a config against what group 0 holds.
fn judge(
    state: &ClusterState,
    is_announced: bool,
    config: &[u8],
    usage: &Usage,
    unknown: impl Fn(&Config, &Config) -> Vec<Problem>,
) -> Result<(Config, Effects), Refusal> {
    let config = parse(config).map_err(|error| Refusal::Invalid(vec![error.into_problem()]))?;
    let unknown = unknown(state.config(), &config);
    if !unknown.is_empty() {
        return Err(Refusal::Invalid(unknown));
    }
    let evictions: Vec<&str> = Eviction::ALL.iter().map(|it| it.name()).collect();
    let announcer = config
        .nodes
        .iter()
        .find(|node| is_announced && announced_by(state.config(), &config, &node.uuid));
    let author = announcer.map_or(Author::Person, |node| Author::Node(&node.uuid));
    let effects = check_change(state.standing(usage, &evictions), &config, author)?;
    Ok((config, effects))
}
