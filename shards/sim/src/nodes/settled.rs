//! Owns what must hold of the members: one config an epoch, votes for those alone who have the data, and after healing everything where the
//! cluster wants it, within a time.

use super::node::Node;
use super::world::World;
use super::{MS, Violation};
use hyperion_cluster::NodeId;
use hyperion_cluster::config::Leaving;
use hyperion_cluster::placement::Replicas;
use hyperion_cluster::state::ClusterState;
use hyperion_engine::GroupReport;
use hyperion_model::GroupId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long everything that moves may take once all has healed: a handover that failed alone is tried again after 10 s.
const MOVES_NS: u64 = 60_000 * MS;

/// Which config was in force in each epoch, and who voted where.
#[derive(Debug, Default)]
pub(super) struct Epochs {
    hashes: BTreeMap<u64, (u32, String)>,
    /// The voters of each group as of its newest change.
    voters: BTreeMap<GroupId, (u64, Vec<u32>)>,
}

impl Epochs {
    /// A node holds this.
    pub(super) fn note(&mut self, node: u32, state: &ClusterState) -> Result<(), Violation> {
        let epoch = state.config().epoch;
        let hash = || (node, state.hash().to_owned());
        let (other, known) = self.hashes.entry(epoch).or_insert_with(hash);
        if known != state.hash() {
            return Err(format!("nodes {other} and {node} hold two configs of epoch {epoch}"));
        }
        Ok(())
    }
}

impl World {
    /// The newest config that anybody holds who is up.
    pub(super) fn newest(&self) -> Option<Arc<ClusterState>> {
        let known = self.nodes.iter().filter(|node| !node.member.is_gone);
        let held = known.filter_map(|node| node.cores.first()?.known.clone());
        held.chain(self.formed.clone()).max_by_key(|state| state.config().epoch)
    }

    /// Who has got a vote has the data.
    pub(super) fn check_promoted(&mut self, report: &GroupReport) -> Result<(), Violation> {
        let GroupReport { group, conf_index, voters, .. } = report;
        let first = (0, voters.clone());
        let (index, known) = self.epochs.voters.entry(*group).or_insert(first);
        if conf_index <= index {
            return Ok(());
        }
        let known = std::mem::replace(known, voters.clone());
        *index = *conf_index;
        for &new in voters.iter().filter(|node| !known.contains(node)) {
            let node = &self.nodes[super::peers::place_of(new)];
            let core = group.partition().map_or(0, |it| usize::from(node.map.owner(it).0));
            let Some(core) = node.cores.get(core) else { continue };
            if core.engine.is_replicated() && core.engine.store().applied(*group).0 == 0 {
                return Err(format!("node {new} has a vote in {group:?} and none of its data"));
            }
        }
        Ok(())
    }

    /// Whether a node is not to be started any more: it has left, or the others have given it up.
    pub(super) fn stays_away(&self, node: usize) -> bool {
        let Node { id, member, .. } = &self.nodes[node];
        let given_up = self.newest().is_some_and(|state| {
            let entry = state.config().node(NodeId(*id));
            entry.is_none_or(|entry| entry.leaving.is_some_and(Leaving::is_gone))
        });
        member.is_gone || member.is_lost && given_up
    }

    /// Everything is where the cluster wants it, within a time; who is lost may be needed for that.
    pub(super) fn must_settle(&mut self) -> Result<(), Violation> {
        if !self.settings.members {
            return Ok(());
        }
        if self.run_until(MOVES_NS, |world| world.unsettled().is_none())? {
            return Ok(());
        }
        // A machine that was lost may have had what no other one has: the rules do not let it be given up then.
        let lost: Vec<usize> =
            (0..self.nodes.len()).filter(|&node| self.nodes[node].member.is_lost).collect();
        for node in lost {
            // One that was given up with its data is gone, unless that did not come to be.
            if self.nodes[node].member.is_given_up {
                if self.stays_away(node) {
                    continue;
                }
                self.keeps_data(node);
            }
            self.report.found += 1;
            self.come_back(node)?;
        }
        if self.run_until(MOVES_NS, |world| world.unsettled().is_none())? {
            return Ok(());
        }
        let why = self.unsettled().unwrap_or_default();
        Err(format!("{} s after all has healed {why}", 2 * MOVES_NS / MS / 1_000))
    }

    /// What is not as it should be yet.
    fn unsettled(&self) -> Option<String> {
        let Some(newest) = self.newest() else { return Some("nobody knows a config".to_owned()) };
        let config = newest.config();
        for node in &self.nodes {
            let Node { id, member, .. } = node;
            if !member.is_named_by(&newest) {
                let is_new = member.agreed.is_none();
                if node.is_up() {
                    let what = if is_new { "has not joined" } else { "was removed and is up" };
                    return Some(format!("node {id} {what}"));
                }
                continue;
            }
            let known = node.cores.first().and_then(|core| core.known.as_ref());
            if !member.is_lost && known.is_none_or(|known| known.hash() != newest.hash()) {
                let epoch = known.map(|known| known.config().epoch);
                return Some(format!(
                    "node {id} knows epoch {epoch:?} and others {}",
                    config.epoch
                ));
            }
        }
        if let Some(node) = config.nodes.iter().find(|node| node.leaving.is_some()) {
            return Some(format!("node {} is still leaving", node.id));
        }
        let leaders = self.nodes.iter().filter_map(|node| node.cores.first());
        let mut leaders = leaders.filter(|core| core.engine.leads_cluster());
        let Some(state) = leaders.next().and_then(|core| core.engine.cluster()) else {
            return Some("nobody leads group 0".to_owned());
        };
        let moving: Vec<u32> = state.moving().collect();
        if !moving.is_empty() {
            return Some(format!("groups {moving:?} still move: {}", self.tell_groups(&moving)));
        }
        state.target().numbered().find_map(|(group, wanted)| self.misplaced(state, group, wanted))
    }

    /// How the replicas of a group differ from what is wanted.
    fn misplaced(&self, state: &ClusterState, group: u32, wanted: &Replicas) -> Option<String> {
        let group = GroupId(group);
        let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<BTreeSet<u32>>();
        let wanted = ids(&wanted.voters);
        let reports = self.reports_of(group);
        let [report] = reports.as_slice() else {
            return Some(format!("{} nodes lead {group:?}", reports.len()));
        };
        let voters: BTreeSet<u32> = report.voters.iter().copied().collect();
        let learners: BTreeSet<u32> = report.learners.iter().copied().collect();
        let mut listeners = BTreeSet::new();
        if group == GroupId::METADATA {
            let all = state.config().nodes.iter().map(|node| node.id.0);
            listeners.extend(all.filter(|node| !wanted.contains(node)));
        }
        if voters != wanted || learners != listeners || report.is_changing {
            return Some(format!("{group:?} is {report:?}, wanted are {wanted:?}"));
        }
        let partition = group.partition()?;
        self.nodes.iter().filter(|node| node.is_up()).find_map(|node| {
            let core = &node.cores[usize::from(node.map.owner(partition).0)];
            let (is_here, id) = (!core.engine.is_elsewhere(partition), node.id);
            let verb = if is_here { "has" } else { "lacks" };
            (is_here != wanted.contains(&id))
                .then(|| format!("node {id} {verb} a replica of {group:?}, wanted are {wanted:?}"))
        })
    }

    fn reports_of(&self, group: GroupId) -> Vec<GroupReport> {
        let cores = self.nodes.iter().flat_map(|node| &node.cores);
        cores.flat_map(|core| core.engine.reports(|it, _| it == group)).collect()
    }

    fn tell_groups(&self, groups: &[u32]) -> String {
        let told: Vec<String> =
            groups.iter().map(|&group| format!("{:?}", self.reports_of(GroupId(group)))).collect();
        told.join("; ")
    }
}
