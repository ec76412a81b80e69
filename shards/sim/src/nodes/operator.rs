//! Owns what a person does to the cluster: nodes come and go, copies become more and fewer, machines are given up.

use super::core::{Item, Place};
use super::world::{Event, World};
use super::{MS, Violation, founding};
use crate::random::Random;
use hyperion_cluster::NodeId;
use hyperion_cluster::change::{Removal, remove};
use hyperion_cluster::config::{Config, Leaving, Mode, Usage};
use hyperion_cluster::state::ClusterState;
use std::sync::Arc;

/// Machines beyond the first ones that may come in one run.
const NEWCOMERS_MAX: usize = 3;
/// The number of a person's configs.
const BY_PERSON: u64 = 7;

impl World {
    /// A person does something, and the next thing is planned.
    pub(super) fn operate(&mut self) -> Result<(), Violation> {
        if !self.is_busy {
            return Ok(());
        }
        let after_ns = 100 * MS + self.random.below(1_200 * MS);
        self.push(self.now_ns + after_ns, Event::Operate);
        // Two persons may do something at the same time.
        let times = if self.random.chance(150) { 2 } else { 1 };
        for _ in 0..times {
            self.operate_once()?;
        }
        Ok(())
    }

    fn operate_once(&mut self) -> Result<(), Violation> {
        let what = self.random.below(100);
        self.note(&[self.now_ns, what, 99]);
        // By a node that serves, and by what that knows.
        let serving: Vec<usize> = (0..self.nodes.len())
            .filter(|&node| self.nodes[node].cores.first().is_some_and(|it| it.known.is_some()))
            .collect();
        if serving.is_empty() {
            return Ok(());
        }
        let by = serving[self.random.index(serving.len())];
        let Some(state) = self.nodes[by].cores[0].known.clone() else { return Ok(()) };
        let config = match what {
            0..24 => {
                let joins = |node: &super::node::Node| node.member.agreed.is_none();
                let most = usize::from(self.settings.nodes) + NEWCOMERS_MAX;
                if self.nodes.len() < most && !self.nodes.iter().any(joins) {
                    self.add_node()?;
                }
                None
            }
            24..44 => self.let_go(&state, false),
            44..60 => self.let_go(&state, true),
            60..84 => Some(copies(&state, &mut self.random)),
            84..92 => {
                let mut next = state.config().next();
                next.settings.sync_interval_ms = 10 + u32::try_from(what).expect("below 100");
                Some(next)
            }
            _ => stay(&state),
        };
        if let Some(config) = config {
            self.post_config(by, &config);
        }
        Ok(())
    }

    fn post_config(&mut self, by: usize, config: &Config) {
        self.say(|_| {
            let nodes: Vec<_> = config.nodes.iter().map(|node| (node.id.0, node.leaving)).collect();
            format!(
                "node {} is given epoch {}, {} copies, nodes {nodes:?}",
                by + 1,
                config.epoch,
                config.replication
            )
        });
        let at = Place { node: by, core: 0 };
        self.come(at, Item::Propose(BY_PERSON, config.to_text().into_bytes()));
    }

    /// A node is to go; one that is dead has most likely lost its machine before.
    fn let_go(&mut self, state: &Arc<ClusterState>, dead: bool) -> Option<Config> {
        let config = state.config();
        if config.data_nodes().count() < 3 {
            return None;
        }
        let lost = self.nodes.iter().find(|node| {
            node.member.is_lost
                && config.nodes.iter().any(|it| it.id.0 == node.id && it.leaving.is_none())
        });
        let any = &config.nodes[self.random.index(config.nodes.len())];
        let entry =
            lost.filter(|_| dead).and_then(|lost| config.node(NodeId(lost.id))).unwrap_or(any);
        let (usage, evictions) = (Usage::default(), founding::evictions());
        let leaving = if dead { Leaving::Dead } else { Leaving::Drain };
        let removal = Removal { node: &entry.name, leaving };
        let next = remove(state.standing(&usage, &evictions), removal);
        let node = super::peers::place_of(entry.id.0);
        let Ok(next) = next else {
            return if dead { self.lose_data(state, node) } else { None };
        };
        if dead && self.random.chance(850) && !self.nodes[node].member.is_lost {
            self.lose_machine(node);
            if self.random.chance(400) {
                let after_ns = self.random.below(4_000 * MS);
                self.push(self.now_ns + after_ns, Event::Return(node));
            }
        }
        Some(next)
    }

    /// A machine that was lost is found.
    pub(super) fn come_back(&mut self, node: usize) -> Result<(), Violation> {
        let comes = self.settings.wrong == super::Wrong::LostComesBack;
        if self.nodes[node].member.is_given_up && !comes
            || !std::mem::take(&mut self.nodes[node].member.is_lost)
        {
            return Ok(());
        }
        self.say(|_| format!("the machine of node {} is found", node + 1));
        self.start(node)
    }
}

/// Another number of copies.
fn copies(state: &ClusterState, random: &mut Random) -> Config {
    let mut next = state.config().next();
    let nodes = next.data_nodes().count();
    next.replication = u32::try_from(1 + random.index(nodes.min(4))).expect("nodes are few");
    Mode::fitting(nodes, next.replication).as_str().clone_into(&mut next.mode);
    next
}

/// A node that leaves is to stay.
fn stay(state: &ClusterState) -> Option<Config> {
    let mut next = state.config().next();
    let leaving = next.nodes.iter_mut().find(|node| node.leaving.is_some())?;
    leaving.leaving = None;
    let nodes = next.data_nodes().count();
    Mode::fitting(nodes, next.replication).as_str().clone_into(&mut next.mode);
    Some(next)
}
