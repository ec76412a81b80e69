//! Owns what a node knows and tells of the cluster's members, as `src/node/members.rs` does it around the engine.

use super::core::{Core, Frame, Mail, Place};
use super::node::Node;
use super::world::{Event, World};
use super::{MS, Violation};
use hyperion_cluster::change::Refusal;
use hyperion_cluster::config::Usage;
use hyperion_cluster::group::Conf;
use hyperion_cluster::state::ClusterState;
use hyperion_engine::{GroupReport, Leader, Proposed};
use hyperion_model::{CoreId, GroupId, PartitionId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ticks of 10 ms between two looks at where replicas should be, and between two looks at all else.
const RECONCILE_TICKS: u32 = 5;
const LOOK_TICKS: u32 = 10;
/// Looks between two tellings of all groups.
const LOOKS_A_TELLING: u32 = 10;
/// Looks for which a removed node goes on: shorter than a real one does.
const REMOVED_LOOKS: u32 = 10;
/// Looks for which a node that has given everything up waits to hear that it is removed.
const UNHEARD_LOOKS: u32 = 100;

/// What a node is in the cluster.
#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) uuid: String,
    /// What it has written down as agreed; none before it belongs to the cluster.
    pub(super) agreed: Option<Arc<ClusterState>>,
    /// The newest that another node told it.
    pub(super) heard: Option<Arc<ClusterState>>,
    pub(super) is_founder: bool,
    /// Nodes that it makes connections to.
    pub(super) peers: BTreeSet<u32>,
    /// Who says that it is no member any more, and looks since it believes that.
    removed_by: BTreeSet<u32>,
    removed: Option<u32>,
    unheard: u32,
    /// It has left the cluster, and its process does not come back.
    pub(super) is_gone: bool,
    /// Its machine is lost, maybe for good.
    pub(super) is_lost: bool,
    /// A person has asked to go on without it and its data.
    pub(super) is_given_up: bool,
    /// The members of its groups when it ended last.
    pub(super) confs: BTreeMap<GroupId, Conf>,
}

impl Member {
    /// Of a machine that has just come.
    pub(super) fn of(uuid: String) -> Self {
        Self { uuid, ..Self::default() }
    }

    /// Its process starts.
    pub(super) fn begin(&mut self) {
        (self.removed, self.unheard) = (None, 0);
        self.removed_by.clear();
    }

    /// Whether a state has it among the nodes.
    pub(super) fn is_named_by(&self, state: &ClusterState) -> bool {
        state.config().nodes.iter().any(|node| node.uuid == self.uuid)
    }
}

impl World {
    /// The newest that a node knows of the cluster.
    pub(super) fn known_by(&self, node: usize) -> Option<&Arc<ClusterState>> {
        let node = &self.nodes[node];
        let held = node.cores.first().and_then(|core| core.known.as_ref());
        let epoch = |state: &&Arc<ClusterState>| state.config().epoch;
        let member = &node.member;
        held.into_iter().chain(&member.agreed).chain(&member.heard).max_by_key(epoch)
    }

    // ---- what group 0 holds

    /// The core that holds group 0 tells what that holds now.
    pub(super) fn cluster_changed(
        &mut self,
        at: Place,
        state: &Arc<ClusterState>,
    ) -> Result<(), Violation> {
        let id = self.nodes[at.node].id;
        self.say(|_| {
            let config = state.config();
            let nodes: Vec<_> = config.nodes.iter().map(|node| (node.id.0, node.leaving)).collect();
            let moving: Vec<u32> = state.moving().collect();
            format!(
                "node {id} holds epoch {}, {} copies, nodes {nodes:?}, moving {moving:?}",
                config.epoch, config.replication
            )
        });
        self.epochs.note(id, state)?;
        for other in 1..self.nodes[at.node].cores.len() {
            self.post(at, other, Mail::Cluster(Arc::clone(state)));
        }
        self.follow_cluster(at, state);
        // The thread that writes may be late.
        if self.random.chance(700) {
            self.keep(at.node);
        }
        Ok(())
    }

    pub(super) fn follow_cluster(&mut self, at: Place, state: &Arc<ClusterState>) {
        let core = &mut self.nodes[at.node].cores[at.core];
        core.engine.set_cluster(Arc::clone(state));
        core.known = Some(Arc::clone(state));
        if at.core == 0 {
            self.follow_peers(at.node);
        }
    }

    /// Writes down what is agreed.
    fn keep(&mut self, node: usize) {
        let Node { cores, member, .. } = &mut self.nodes[node];
        let Some(state) = cores.first().and_then(|core| core.known.clone()) else { return };
        let epoch = |state: &Arc<ClusterState>| state.config().epoch;
        if member.agreed.as_ref().map(epoch) > Some(epoch(&state)) {
            return;
        }
        if !member.is_named_by(&state) {
            member.removed.get_or_insert(0);
        }
        member.agreed = Some(state);
    }

    /// Makes connections to the nodes that are agreed on, and ends those to others.
    pub(super) fn follow_peers(&mut self, node: usize) {
        let Some(state) = self.known_by(node).cloned() else { return };
        let (own, config) = (self.nodes[node].id, state.config());
        let wanted: BTreeSet<u32> =
            config.nodes.iter().map(|node| node.id.0).filter(|&id| id != own).collect();
        let old = std::mem::replace(&mut self.nodes[node].member.peers, wanted.clone());
        for &to in wanted.difference(&old) {
            self.dial_node(node, to);
        }
        let removed: BTreeSet<u32> = self
            .nodes
            .iter()
            .filter(|node| config.removed.contains(&node.member.uuid))
            .map(|node| node.id)
            .collect();
        let is_over = |link: &crate::network::LinkId| {
            link.from == own && !wanted.contains(&link.to)
                || link.to == own && removed.contains(&link.from)
        };
        for link in self.network.names(is_over) {
            let after_ns = self.random.below(5 * MS);
            self.break_link(link, self.now_ns + after_ns);
        }
    }

    /// Whether a node will not speak to another one, because that was removed.
    pub(super) fn refuses(&self, node: usize, other: usize) -> bool {
        let removed = self.known_by(node).map(|state| &state.config().removed);
        removed.is_some_and(|removed| removed.contains(&self.nodes[other].member.uuid))
    }

    /// Another node says that this one was removed: more than half of those that vote on that are believed.
    pub(super) fn told_removed(&mut self, node: usize, by: u32) {
        let Some(state) = self.known_by(node).cloned() else { return };
        let member = &mut self.nodes[node].member;
        member.removed_by.insert(by);
        let voters = state.placement().group(0).map_or(&[][..], |meta| &meta.voters);
        let say = voters.iter().filter(|node| member.removed_by.contains(&node.0)).count();
        if say * 2 > voters.len() {
            member.removed.get_or_insert(0);
        }
    }

    /// A node that was removed goes on for a while and ends.
    fn leave_when_removed(&mut self, at: Place) {
        let Node { id, cores, member, life, .. } = &mut self.nodes[at.node];
        let Core { engine, known, .. } = &cores[at.core];
        if member.removed.is_none() {
            let Some(state) = known else { return };
            let node = hyperion_cluster::NodeId(*id);
            let leaves = state.config().node(node).is_some_and(|node| node.leaving.is_some());
            let has_all_given_up = leaves && state.placement().replicas_of(node) == 0;
            let is_alone = has_all_given_up && engine.cluster_leader().is_none();
            member.unheard = if is_alone { member.unheard + 1 } else { 0 };
            if member.unheard < UNHEARD_LOOKS {
                return;
            }
        }
        let looks = member.removed.unwrap_or(0) + 1;
        member.removed = Some(looks);
        if looks == REMOVED_LOOKS {
            let event = Event::Leave { node: at.node, life: *life };
            self.push(self.now_ns, event);
        }
    }

    // ---- every tick

    /// What a core does about the members every 10 ms.
    pub(super) fn tick_members(&mut self, at: Place) -> Result<(), Violation> {
        let core = &mut self.nodes[at.node].cores[at.core];
        core.ticks += 1;
        let ticks = core.ticks;
        if ticks.is_multiple_of(RECONCILE_TICKS) {
            core.engine.reconcile();
        }
        if !ticks.is_multiple_of(LOOK_TICKS) {
            return Ok(());
        }
        if at.core == 0 {
            self.announce(at, ticks / LOOK_TICKS);
        }
        if at.core == 0 {
            self.leave_when_removed(at);
        }
        if !self.nodes[at.node].cores[at.core].engine.is_replicated() {
            return Ok(());
        }
        self.tell_leaders(at);
        self.tell_reports(at)?;
        if at.core == 0 {
            self.nodes[at.node].cores[at.core].engine.tend_cluster();
            self.keep(at.node);
        }
        Ok(())
    }

    fn tell_peers(&mut self, at: Place, frame: impl Fn() -> Frame) {
        for to in self.nodes[at.node].member.peers.clone() {
            self.send(at, to, false, frame());
        }
    }

    fn tell_leaders(&mut self, at: Place) {
        let led = Arc::new(self.nodes[at.node].cores[at.core].engine.led_terms());
        if !led.is_empty() {
            self.tell_peers(at, || Frame::Leaders(Arc::clone(&led)));
        }
    }

    fn tell_reports(&mut self, at: Place) -> Result<(), Violation> {
        let core = &mut self.nodes[at.node].cores[at.core];
        core.looks += 1;
        let tells_all = core.looks.is_multiple_of(LOOKS_A_TELLING);
        let told = &mut core.told;
        let reports =
            core.engine.reports(|group, now| told.insert(group, now) != Some(now) || tells_all);
        if reports.is_empty() {
            return Ok(());
        }
        reports.iter().try_for_each(|report| self.check_promoted(report))?;
        let reports = Arc::new(reports);
        self.tell_peers(at, || Frame::Reports(Arc::clone(&reports)));
        self.spread_reports(at, &reports);
        Ok(())
    }

    pub(super) fn spread_reports(&mut self, at: Place, reports: &Arc<Vec<GroupReport>>) {
        for other in (0..self.nodes[at.node].cores.len()).filter(|&other| other != at.core) {
            self.post(at, other, Mail::Reports(Arc::clone(reports)));
        }
        self.hear_reports(at, reports);
    }

    pub(super) fn hear_reports(&mut self, at: Place, reports: &[GroupReport]) {
        let engine = &mut self.nodes[at.node].cores[at.core].engine;
        reports.iter().for_each(|report| engine.hear_report(report));
    }

    /// A peer tells what it leads: of partitions that are not here that is all that is known.
    pub(super) fn hear_leaders(
        &mut self,
        at: Place,
        from: u32,
        led: &[(PartitionId, u64)],
    ) -> Result<(), Violation> {
        for &(partition, term) in led {
            let core = &mut self.nodes[at.node].cores[at.core];
            let known = core.foreign_terms.get(&partition).copied().unwrap_or(0);
            if !core.engine.is_elsewhere(partition) || term <= known {
                continue;
            }
            core.foreign_terms.insert(partition, term);
            self.leader_news(at, partition, Leader::Node(from))?;
        }
        Ok(())
    }

    /// A replica of a partition of this core began or went.
    pub(super) fn hosted_changed(&mut self, at: Place, partition: PartitionId, is_here: bool) {
        let id = self.nodes[at.node].id;
        self.say(|_| format!("node {id} holds partition {}: {is_here}", partition.0));
        self.report.hosted += u64::from(is_here);
        for other in (0..self.nodes[at.node].cores.len()).filter(|&other| other != at.core) {
            self.post(at, other, Mail::Hosted(partition, is_here));
        }
        self.note_hosted(at, partition, is_here);
    }

    pub(super) fn note_hosted(&mut self, at: Place, partition: PartitionId, is_here: bool) {
        let Node { cores, map, .. } = &mut self.nodes[at.node];
        let core = &mut cores[at.core];
        core.foreign_terms.remove(&partition);
        if map.owner(partition) != CoreId(u16::try_from(at.core).expect("cores are few")) {
            core.engine.set_hosted(partition, is_here);
        }
    }

    // ---- configs

    /// A config that this node was given, or another one.
    pub(super) fn propose(&mut self, at: Place, from: Option<u32>, number: u64, config: Vec<u8>) {
        let engine = &mut self.nodes[at.node].cores[at.core].engine;
        match engine
            .propose_config(from.is_some(), number, &config, &Usage::default(), |_, _| Vec::new())
        {
            Proposed::SendOn { to, number } => {
                self.send(at, to, false, Frame::Propose(number, config));
            }
            Proposed::Asked => self.report.configs += 1,
            Proposed::Refused { refusal, .. } => {
                self.report.refused += 1;
                self.say(|_| {
                    let pointers: Vec<_> = match &refusal {
                        Refusal::Stale(stale) => vec![format!("stale, {}", stale.epoch)],
                        Refusal::Invalid(all) => all.iter().map(|it| it.pointer.clone()).collect(),
                    };
                    format!("node {} refuses a config: {pointers:?}", at.node + 1)
                });
            }
            Proposed::Same | Proposed::Dropped => {}
        }
    }
}
