//! Owns what group 0 holds, and what a command makes of it: the same on every node.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::NodeId;
use crate::change::table::{Column, sort};
use crate::change::{Anew, Compared, Left, Standing, compare, finish_leaving, left_of, note};
use crate::config::{Config, Leaving, Node, Usage, between, try_hash};
use crate::placement::{Placement, Plan, Seen, Step, initial, next_steps, plan, target};

use super::command::{Command, CommandError, Outcome};
use super::history::{EpochEntry, History};

/// What group 0 holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    pub(super) config: Config,
    pub(super) hash: String,
    pub(super) history: History,
    placement: Placement,
    target: Placement,
    id_last: NodeId,
    /// Groups that go on at one node without what was given up with others, until that node has told that they do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    anew: BTreeMap<u32, Anew>,
}

impl ClusterState {
    /// The command that forms a cluster of a config that has been checked.
    #[must_use]
    pub fn form_command(config: &Config) -> Command {
        Command::Form { config: Box::new(config.clone()), placement: initial(config) }
    }

    /// What the first entry makes; `None` when it is another command, or its config has no hash.
    #[must_use]
    pub fn form(command: &Command) -> Option<Self> {
        let Command::Form { config, placement } = command else { return None };
        let hash = try_hash(config)?;
        let mut history = History::default();
        history.push(entry(config, &hash, None));
        Some(Self {
            id_last: id_last(config),
            config: Config::clone(config),
            hash,
            history,
            placement: placement.clone(),
            target: placement.clone(),
            anew: BTreeMap::new(),
        })
    }

    /// Does what a command says.
    pub fn apply(&mut self, command: &Command) -> Outcome {
        match command {
            Command::Form { config, .. } if **config == self.config => Outcome::Same,
            Command::Form { config, .. } => match compare(&self.config, &self.hash, config) {
                Compared::Stale(stale) => Outcome::Stale(stale),
                // Nothing but the next config follows the first one.
                _ => Outcome::Unfit(
                    "the cluster is formed already; POST /config changes it".to_owned(),
                ),
            },
            Command::SetConfig { config, target, note } => self.set(config, target, note.clone()),
            Command::Stepped { step } => match self.placement.apply(*step) {
                Ok(()) => {
                    self.placement.adopt_order(&self.target);
                    Outcome::Stepped
                }
                Err(error) => Outcome::Unfit(error.to_string()),
            },
            Command::Found { groups } => {
                let index = |group: u32| usize::try_from(group).unwrap_or(usize::MAX);
                let is_unknown =
                    |(group, _): &&(u32, _)| index(*group) >= self.placement.groups.len();
                if let Some((group, _)) = groups.iter().find(is_unknown) {
                    return Outcome::Unfit(format!("there is no group {group}"));
                }
                for (group, replicas) in groups {
                    self.placement.groups[index(*group)].clone_from(replicas);
                    self.anew.remove(group);
                }
                self.placement.adopt_order(&self.target);
                Outcome::Stepped
            }
        }
    }

    fn set(&mut self, config: &Config, target: &Placement, note: Option<String>) -> Outcome {
        match compare(&self.config, &self.hash, config) {
            Compared::Same => return Outcome::Same,
            Compared::Stale(stale) => return Outcome::Stale(stale),
            Compared::Child => {}
        }
        if target.groups.len() != self.placement.groups.len() {
            return Outcome::Unfit(format!(
                "the target has {} groups and the cluster {}",
                target.groups.len(),
                self.placement.groups.len()
            ));
        }
        let Some(hash) = try_hash(config) else {
            return Outcome::Unfit("the config holds a number that JSON cannot hold".to_owned());
        };
        self.hash = hash;
        self.history.push(entry(config, &self.hash, note));
        self.id_last = self.id_last.max(id_last(config));
        self.config = config.clone();
        self.target = target.clone();
        self.go_on_without_lost();
        self.placement.adopt_order(&self.target);
        Outcome::Set { epoch: config.epoch, hash: self.hash.clone() }
    }

    /// Groups that have no majority without what the config gives up are at one node from now on.
    fn go_on_without_lost(&mut self) {
        let lost: BTreeSet<NodeId> = self
            .config
            .nodes
            .iter()
            .filter(|node| node.leaving == Some(Leaving::Lost))
            .map(|node| node.id)
            .collect();
        for (group, left) in left_of(&self.placement, &self.target, &self.config) {
            let at = usize::try_from(group).unwrap_or(usize::MAX);
            let (Some(node), Some(now)) = (left.node(), self.placement.groups.get_mut(at)) else {
                continue;
            };
            if !now.voters.iter().any(|voter| lost.contains(voter)) {
                continue;
            }
            now.voters = vec![node];
            now.learners.retain(|learner| *learner != node && !lost.contains(learner));
            self.anew.insert(group, Anew { node, epoch: self.config.epoch });
        }
    }

    /// Groups that go on at one node without what was given up with others, by number, while that node has not told yet that they do.
    #[must_use]
    pub fn anew(&self) -> &BTreeMap<u32, Anew> {
        &self.anew
    }

    /// What a checked config loses for good, for a person; nothing where that is nothing.
    #[must_use]
    pub fn loss_of(&self, config: &Config) -> Option<String> {
        let is_new = |node: &Node| {
            node.leaving == Some(Leaving::Lost)
                && self.config.node(node.id).is_some_and(|old| old.leaving != node.leaving)
        };
        config
            .nodes
            .iter()
            .any(is_new)
            .then(|| note(&self.placement, &self.target_of(config), config))?
    }

    /// The partitions that a checked config leaves without a majority of their voters, by their groups' numbers, and what is left of each.
    #[must_use]
    pub fn left_by(&self, config: &Config) -> Vec<(u32, Left)> {
        left_of(&self.placement, &self.target_of(config), config)
    }

    /// The command that puts a checked config in force.
    #[must_use]
    pub fn set_command(&self, config: Config, note: Option<String>) -> Command {
        let target = self.target_of(&config);
        let note = note.or_else(|| self.loss_of(&config));
        Command::SetConfig { config: Box::new(config), target, note }
    }

    /// The command that ends the removal of nodes that have given everything up. `is_told`: whether the leader of a group has said that no change
    /// of its members is under way, going by this very config; by an older one it may still give a vote to who leaves.
    #[must_use]
    pub fn finish_command(&self, is_told: impl Fn(u32) -> bool) -> Option<Command> {
        if !self.anew.is_empty() || !self.placement.numbered().all(|(group, _)| is_told(group)) {
            return None;
        }
        let config = finish_leaving(&self.config, &self.placement)?;
        // Nobody moves: what the nodes had is with the others already.
        let target = self.target.clone();
        Some(Command::SetConfig { config: Box::new(config), target, note: None })
    }

    /// What a checked config would move.
    #[must_use]
    pub fn plan_of(&self, config: &Config) -> Plan {
        plan(&self.placement, config)
    }

    /// The steps that may be done now.
    #[must_use]
    pub fn next_steps(&self, seen: Seen<'_>) -> Vec<Step> {
        next_steps(&self.placement, &self.target, &self.config, seen)
    }

    /// Groups that are not where they should be yet.
    pub fn moving(&self) -> impl Iterator<Item = u32> + '_ {
        let pairs = self.placement.numbered().zip(&self.target.groups);
        pairs
            .filter(|((_, now), wanted)| !now.learners.is_empty() || !now.same_voters(wanted))
            .map(|((group, _), _)| group)
    }

    /// Only what moves something makes another target: a setting leaves what is on its way alone.
    fn target_of(&self, config: &Config) -> Placement {
        let differences = between(&self.config, config);
        let moves = !sort(Column::Cluster, None, &differences).moves.is_empty();
        if moves { target(&self.placement, config) } else { self.target.clone() }
    }

    /// What a change is held against.
    #[must_use]
    pub fn standing<'a>(&'a self, usage: &'a Usage, evictions: &'a [&'a str]) -> Standing<'a> {
        Standing {
            config: &self.config,
            hash: &self.hash,
            placement: &self.placement,
            target: &self.target,
            id_last: self.id_last,
            usage,
            evictions,
        }
    }

    /// The config in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its hash.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The epochs before it.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Where the replicas are.
    #[must_use]
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// Where they should be.
    #[must_use]
    pub fn target(&self) -> &Placement {
        &self.target
    }

    /// The highest id that a node has had.
    #[must_use]
    pub fn id_last(&self) -> NodeId {
        self.id_last
    }

    /// The bytes of a snapshot of group 0.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("the state has text keys alone")
    }

    /// Reads a snapshot.
    ///
    /// Errors: [`CommandError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CommandError> {
        serde_json::from_slice(bytes).map_err(|error| CommandError::of(&error))
    }
}

pub(super) fn entry(config: &Config, hash: &str, note: Option<String>) -> EpochEntry {
    EpochEntry { epoch: config.epoch, hash: hash.to_owned(), parent: config.parent.clone(), note }
}

fn id_last(config: &Config) -> NodeId {
    config.nodes.iter().map(|node| node.id).max().unwrap_or_default()
}
