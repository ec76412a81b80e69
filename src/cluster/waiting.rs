//! Owns what a move waits for: nodes that are not reached, and what a person can do then.

use hyperion_cluster::NodeId;
use hyperion_cluster::change::{Removal, remove};
use hyperion_cluster::config::{Config, Leaving, Node, Problem};
use hyperion_cluster::placement::Replicas;
use hyperion_engine::Eviction;

use super::board::Known;

/// The names of the eviction policies that this build has.
pub(crate) fn evictions() -> Vec<&'static str> {
    Eviction::ALL.iter().map(|eviction| eviction.name()).collect()
}

impl Known {
    pub(crate) fn is_reached(&self, node: NodeId) -> bool {
        self.seen.reached.contains(&node.0)
    }

    /// Why this node serves nothing: nobody leads any partition, and too few of those are reached that vote on the config.
    pub(crate) fn without_majority(&self) -> Option<String> {
        let voters = &self.state.placement().group(0)?.voters;
        let have = voters.iter().filter(|node| self.is_reached(**node)).count();
        let serves_nothing = self.seen.leaderless == self.leaders.len();
        (serves_nothing && have * 2 <= voters.len()).then(|| {
            let (all, need) = (voters.len(), voters.len() / 2 + 1);
            format!("waiting for majority: have {have} of {all}, {need} have to answer")
        })
    }

    /// The config in which a node begins to leave.
    ///
    /// Errors: every reason why it may not.
    pub(crate) fn removal(&self, removal: Removal<'_>) -> Result<Config, Vec<Problem>> {
        remove(self.state.standing(&self.usage(), &evictions()), removal)
    }

    /// Nodes that are not reached and without which what moves does not come to its end: those that are to get a copy, and those without which a
    /// group has no majority.
    pub(crate) fn waits_for(&self) -> Vec<&Node> {
        let none = Replicas::default();
        let mut missing: Vec<NodeId> = Vec::new();
        for group in self.state.moving() {
            let now = &self.state.placement().group(group).unwrap_or(&none).voters;
            let wanted = &self.state.target().group(group).unwrap_or(&none).voters;
            let away = |nodes: &[NodeId]| -> Vec<NodeId> {
                nodes.iter().copied().filter(|node| !self.is_reached(*node)).collect()
            };
            let lost = away(now);
            if (now.len() - lost.len()) * 2 <= now.len() {
                missing.extend(lost);
            }
            missing.extend(away(wanted));
        }
        let nodes = &self.state.config().nodes;
        nodes.iter().filter(|node| missing.contains(&node.id)).collect()
    }

    /// What a person can do about a move that waits; nothing where none does.
    pub(crate) fn way_out(&self) -> Option<String> {
        let nodes = self.waits_for();
        let first = nodes.first()?;
        let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
        let mut sentence =
            format!("{} is not reached, and what moves waits for that: start it", names.join(", "));
        if let Some(node) = nodes.iter().find(|node| node.leaving.is_some()) {
            sentence += &format!(
                "; or let it stay: POST /config with what GET /config?next=1 answers, without \"leaving\" in the entry of {:?}",
                node.name
            );
        }
        if self.removal(Removal { node: &first.name, leaving: Leaving::Dead }).is_ok() {
            sentence += &format!(
                "; or give it up, so that its copies are made anew from the others: POST /nodes/remove {{\"node\": {:?}, \"dead\": true}}",
                first.name
            );
        } else if self.removal(Removal { node: &first.name, leaving: Leaving::Lost }).is_ok() {
            sentence += &format!(
                "; or, if its disk is lost for good, give it up with all that it alone has: POST /nodes/remove {{\"node\": {:?}, \"dead\": true, \"lose_data\": true}}",
                first.name
            );
        }
        Some(sentence)
    }

    /// Why a node is not given up with what it has: it is there.
    pub(crate) fn is_there(&self, name: &str) -> Option<Problem> {
        let node = self.state.config().nodes.iter().find(|node| node.name == name)?;
        self.is_reached(node.id).then(|| {
            let text = format!("node {name:?} is reached, so what it has is not lost");
            let hint = format!(
                "{{\"node\": {name:?}}} alone moves it to the others; if the node is to be given up all the same, stop it first"
            );
            Problem::at("/node", text, hint)
        })
    }

    /// Why a node cannot give away what it has: it is not reached.
    pub(crate) fn cannot_drain(&self, name: &str) -> Option<Problem> {
        let node = self.state.config().nodes.iter().find(|node| node.name == name)?;
        if self.is_reached(node.id) {
            return None;
        }
        let text = format!("node {name:?} is not reached and can give nothing away");
        let dead = match self.removal(Removal { node: name, leaving: Leaving::Dead }) {
            Ok(_) => format!(
                "or POST /nodes/remove {{\"node\": {name:?}, \"dead\": true}}, so that its copies are made anew from the others"
            ),
            Err(problems) => {
                let why = problems.first().map_or("", |problem| problem.problem.as_str());
                let lost = self.removal(Removal { node: name, leaving: Leaving::Lost });
                let more = if lost.is_ok() {
                    "; if its disk is lost for good, \"dead\": true with \"lose_data\": true gives up what it alone has"
                } else {
                    ""
                };
                format!("\"dead\": true would be refused: {why}{more}")
            }
        };
        let hint = format!(
            "start it and send this again; {dead}; POST /nodes/remove with \"wait\": true begins all the same, and it leaves when it is back"
        );
        Some(Problem::at("/node", text, hint))
    }

    /// The same of each node that begins to give away what it has by a config.
    pub(crate) fn cannot_begin_to_drain(&self, config: &Config) -> Vec<Problem> {
        let places = config.nodes.iter().enumerate();
        let found = places.filter(|(_, node)| node.leaving == Some(Leaving::Drain));
        let problem = |(index, node): (usize, &Node)| {
            let now = self.state.config().node(node.id)?;
            let problem = self.cannot_drain(&now.name).filter(|_| now.leaving != node.leaving)?;
            Some(Problem { pointer: format!("/nodes/{index}/leaving"), ..problem })
        };
        found.filter_map(problem).collect()
    }
}
