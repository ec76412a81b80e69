//! Owns the way of the groups that this core leads from where their replicas are to where the cluster wants them, a step at a time.
//!
//! Nothing of a move is remembered: each step follows from the group's own members and the target that group 0 holds, so that whoever leads
//! after a crash goes on where the last one stopped.

use super::Replication;
use super::report::{GroupReport, bytes_of, members};
use crate::engine::Engine;
use hyperion_cluster::NodeId;
use hyperion_cluster::config::Leaving;
use hyperion_cluster::group::{Change, Conf};
use hyperion_cluster::placement::{META, Replicas, Step, next_meta_step, next_step};
use hyperion_cluster::state::{ClusterState, Command};
use hyperion_model::GroupId;

/// Groups that one core lets others catch up with at the same time, however large they are.
const MOVES_A_CORE: usize = 2;
/// The same for groups that hold little: steps take their time even where there is nothing to send.
const SMALL_MOVES_A_CORE: usize = 12;
/// What all groups on the move hold together, about, beyond [`MOVES_A_CORE`].
const SMALL_MOVES_BYTES: u64 = 8 << 20;
/// Calls that are passed over after one in which all was as it should be, unless the cluster wants something else meanwhile.
const SETTLED_CALLS: u32 = 9;
/// How long a node that is out of the config may take to hear of it.
const GONE_NS: u64 = 5_000_000_000;

impl Replication {
    /// What the leader of `group` does next; `None` when all is as it should be, or somebody has to catch up first.
    fn next(&self, group: GroupId, conf: &Conf, state: &ClusterState) -> Option<Step> {
        let wanted = state.target().group(group.0)?;
        let (voters, learners) = members(conf, self.node);
        let nodes = |list: Vec<u32>| list.into_iter().map(NodeId).collect();
        let now = Replicas { voters: nodes(voters), learners: nodes(learners) };
        let (leader, config) = (NodeId(self.node), state.config());
        let caught_up = |node: NodeId| self.groups.is_caught_up(group, u64::from(node.0));
        if group.0 != META {
            return next_step(group.0, &now, wanted, leader, config, caught_up);
        }
        let may_go = |node: NodeId| {
            let since_ns = self.gone_since_ns.get(&u64::from(node.0));
            let is_late = since_ns.is_some_and(|since_ns| self.now_ns > since_ns + GONE_NS);
            is_late || self.groups.has_all(group, u64::from(node.0))
        };
        next_meta_step(&now, wanted, leader, config, caught_up, may_go)
    }

    /// Notes since when members of group 0 are out of the config.
    fn note_gone(&mut self, conf: &Conf, state: &ClusterState) {
        let is_out = |node: &u64| {
            u32::try_from(*node).is_ok_and(|node| state.config().node(NodeId(node)).is_none())
        };
        self.gone_since_ns.retain(|node, _| conf.is_member(*node) && is_out(node));
        for node in conf.learners.iter().filter(|node| is_out(node)) {
            self.gone_since_ns.entry(*node).or_insert(self.now_ns);
        }
    }

    /// Begins a step of a group; one that is not to be had now comes up again.
    fn begin_step(&mut self, step: Step, state: &ClusterState) {
        let id = |node: NodeId| u64::from(node.0);
        // Who stays in the config goes on listening to group 0.
        let leave = |group: u32, node: NodeId| {
            let listens = group == META && state.config().node(node).is_some();
            if listens { Change::Learner(id(node)) } else { Change::Remove(id(node)) }
        };
        let changes = match step {
            Step::AddLearner { node, .. } => vec![Change::Learner(id(node))],
            Step::Promote { group, node, instead_of } => {
                let left = instead_of.map(|old| leave(group, old));
                std::iter::once(Change::Voter(id(node))).chain(left).collect()
            }
            Step::Remove { group, node } => vec![leave(group, node)],
            Step::Transfer { group, to } => return self.begin_handover(GroupId(group), id(to)),
        };
        let _ = self.groups.propose_conf_change(GroupId(step.group()), &changes);
    }
}

impl Engine {
    /// Brings replicas a step nearer to where the cluster wants them; to be called some ten times a second.
    pub fn reconcile(&mut self) {
        let Some(replication) = &mut self.replication else { return };
        if replication.settled_calls > 0 {
            replication.settled_calls -= 1;
            return;
        }
        let is_placed = self.go_on_without_lost() & self.host_wanted() & self.drop_unwanted();
        if self.store.is_log_only() {
            // Whoever leads next does what is to be done.
            return;
        }
        let Some(replication) = &mut self.replication else { return };
        if replication.leave.is_some() {
            // What is to be done goes on where the leads go.
            return;
        }
        let Some(state) = replication.known.clone() else { return };
        let led: Vec<(GroupId, Conf)> = replication
            .hosted
            .iter()
            .filter(|group| replication.groups.serves(**group))
            .filter_map(|group| Some((*group, replication.groups.conf(*group)?.clone())))
            .collect();
        let mut is_settled = is_placed;
        let bytes_of = |group: GroupId| group.partition().map_or(0, |it| bytes_of(&self.store, it));
        let moves = |(group, conf): &&(GroupId, Conf)| group.0 != META && !conf.learners.is_empty();
        let mut open = 0;
        let mut open_bytes = 0;
        for (group, _) in led.iter().filter(moves) {
            open += 1;
            open_bytes += bytes_of(*group);
        }
        for (group, conf) in led {
            if group.0 == META {
                replication.note_gone(&conf, &state);
            }
            is_settled &= !conf.is_joint() && (group.0 == META || conf.learners.is_empty());
            if conf.is_joint() || replication.is_handing_over(group) {
                continue;
            }
            let Some(step) = replication.next(group, &conf, &state) else { continue };
            is_settled = false;
            if group.0 != META
                && conf.learners.is_empty()
                && matches!(step, Step::AddLearner { .. })
            {
                let bytes = open_bytes + bytes_of(group);
                let is_small = bytes <= SMALL_MOVES_BYTES && open < SMALL_MOVES_A_CORE;
                if open >= MOVES_A_CORE && !is_small {
                    continue;
                }
                open += 1;
                open_bytes = bytes;
            }
            replication.begin_step(step, &state);
        }
        is_settled &= replication.gone_since_ns.is_empty();
        replication.settled_calls = if is_settled { SETTLED_CALLS } else { 0 };
    }

    /// Of group 0, on the core that leads it: what its map is to learn of where groups are, and that a node which leaves is gone.
    pub fn tend_cluster(&mut self) {
        if !self.leads_cluster() {
            return;
        }
        let Some(replication) = &mut self.replication else { return };
        let now = (replication.meta.index, replication.report_changes);
        if replication.tended == Some(now) {
            return;
        }
        let Some(state) = replication.meta.state.clone() else { return };
        let mut found: Vec<(u32, Replicas)> = Vec::new();
        // Who was given up may have said it last: the others go on without that.
        let is_gone = |node: &u32| {
            let node = state.config().node(NodeId(*node));
            node.is_some_and(|node| node.leaving == Some(Leaving::Lost))
        };
        let is_led = |report: &&GroupReport| !report.voters.first().is_some_and(is_gone);
        let settled = replication.reports.values().filter(|report| !report.is_changing);
        for report in settled.filter(is_led) {
            let Some(known) = state.placement().group(report.group.0) else { continue };
            let anew = state.anew().get(&report.group.0);
            if anew
                .is_some_and(|anew| report.epoch < anew.epoch || report.voters.iter().any(is_gone))
            {
                continue;
            }
            let nodes = |list: &[u32]| list.iter().copied().map(NodeId).collect::<Vec<_>>();
            let mut now = Replicas { voters: nodes(&report.voters), learners: Vec::new() };
            if report.group.0 != META {
                now.learners = nodes(&report.learners);
            }
            let mut learners = known.learners.clone();
            learners.sort_unstable();
            now.learners.sort_unstable();
            if anew.is_some() || !now.same_voters(known) || now.learners != learners {
                found.push((report.group.0, now));
            }
        }
        let command = if found.is_empty() {
            state.finish_command(|group| {
                let report = replication.reports.get(&GroupId(group));
                report.is_some_and(|it| !it.is_changing && it.epoch >= state.config().epoch)
            })
        } else {
            Some(Command::Found { groups: found })
        };
        match command {
            // Who cannot take it now is asked again.
            Some(command) => drop(self.propose_cluster(&command)),
            None => replication.tended = Some(now),
        }
    }
}
