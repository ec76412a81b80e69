//! Owns what a core does about the cluster's members: it follows what group 0 holds, tells where the groups are that it leads, and on the
//! node that leads group 0 lets the map follow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyperion_cluster::NodeId;
use hyperion_cluster::start::is_given_up;
use hyperion_cluster::state::ClusterState;
use hyperion_engine::{GroupReport, ReportMark};
use hyperion_model::{CoreId, GroupId, PartitionId};
use hyperion_wire::peer::{Body, GroupReport as WireReport, GroupReports, Kind, ReportsAsOf};

use super::Io;
use super::commit::die;
use super::core::NodeCore;
use super::facts::Told;
use super::messages::{Mail, Note};
use super::settling::{LOOKS_A_TAKE, refuse};
use crate::cluster::{Known, Seen};

/// Looks of 100 ms between two tellings of all groups; those that have changed are told at once.
pub(super) const LOOKS_A_TELLING: u32 = 10;
/// Looks for which a removed node sends its clients to the others: 30 s.
const REMOVED_LOOKS: u32 = 300;
/// Looks for which a node that has given everything up waits to hear that it is removed: 10 s.
const UNHEARD_LOOKS: u32 = 100;

/// A peer of an older protocol does not say which config it goes by: it is believed to be the newest.
pub(super) const ANY_EPOCH: u64 = u64::MAX;

/// What a core knows and has told of the cluster's members.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// What was told last of each led group.
    told: BTreeMap<GroupId, ReportMark>,
    /// Term of each led group, as nodes without a copy were told last.
    pub(super) told_leads: BTreeMap<PartitionId, u64>,
    pub(super) looks: u32,
    /// What was last handed to the thread that keeps the config.
    handed: Option<Arc<ClusterState>>,
    /// What group 0 holds.
    pub(super) state: Option<Arc<ClusterState>>,
    /// The epoch whose nodes are followed.
    pub(super) followed: u64,
    groups_moving_max: usize,
    /// What other nodes tell of themselves.
    pub(super) facts: BTreeMap<u32, Told>,
    /// The node that was said last to have no memory for more of what is led here.
    pub(super) full: Option<u32>,
    /// How often a partition has got another leader, or one again.
    pub(super) lead_changes: u64,
    /// What was shown last: what group 0 held, how often reports had changed, who led group 0, and what is seen of nodes and leads.
    shown: Option<(Arc<ClusterState>, u64, Option<u32>, Seen)>,
    /// Looks since this node is none of the cluster's any more.
    removed: Option<u32>,
    /// Who says that it is none.
    removed_by: BTreeSet<u32>,
    /// By node, the epoch of the config by which it goes, as it says.
    epochs: BTreeMap<u32, u64>,
    /// The epoch that the others were told last.
    told_epoch: u64,
    /// Looks since it has given everything up and knows no leader.
    unheard: u32,
}

impl NodeCore {
    /// This core holds group 0, which holds something else now: all cores are told, and the config comes into force.
    pub(super) fn cluster_changed(&mut self, io: &mut Io, state: &Arc<ClusterState>) {
        for link in self.links.iter_mut().skip(1) {
            link.backlog.push_back(Mail::Cluster(Arc::clone(state)));
        }
        let before = self.members.state.as_ref().map(|before| before.config().epoch);
        let epoch = state.config().epoch;
        if let Some(before) = before.filter(|before| *before < epoch) {
            let entries = state.history().entries().iter().filter(|entry| entry.epoch > before);
            for (epoch, note) in entries.filter_map(|it| Some((it.epoch, it.note.as_ref()?))) {
                tracing::warn!("the config of epoch {epoch}: {note}");
            }
        }
        self.follow_cluster(io, state);
        self.tell_reports(false);
        self.show_cluster();
        self.keep_cluster();
    }

    /// Follows what group 0 holds.
    pub(super) fn follow_cluster(&mut self, io: &mut Io, state: &Arc<ClusterState>) {
        self.engine.set_cluster(Arc::clone(state));
        self.members.state = Some(Arc::clone(state));
        self.follow_nodes(io);
    }

    /// What group 0 holds is written down: as what is agreed, and as the config in force, unless this node is none of its nodes.
    fn keep_cluster(&mut self) {
        let (Some(jobs), Some(member)) = (&self.shared.jobs, self.shared.member()) else { return };
        let Some(state) = self.members.state.clone() else { return };
        let agreed = member.agreed.get();
        let epoch = state.config().epoch;
        if agreed.as_ref().is_some_and(|agreed| agreed.config().epoch > epoch) {
            // The start has it from others, and group 0 tells it here in a moment.
            return;
        }
        if is_given_up(state.config(), &member.uuid) {
            refuse(
                "the cluster goes on without this node and what it has, as a person said (GET /config/history): wipe its data and let it join with a new uuid",
            );
        }
        let is_removed = !state.config().nodes.iter().any(|node| node.uuid == member.uuid);
        if is_removed || self.settling.is_some() {
            // While a start is under way, the table says what becomes of the file.
            if agreed.is_none_or(|agreed| agreed.config().epoch < epoch)
                && let Err(error) = member.agreed.set(state.as_ref().clone())
            {
                die(&format!("keeping cluster.json failed: {error}"));
            }
            if is_removed {
                self.is_removed();
            }
            return;
        }
        let members = &mut self.members;
        let is_handed = members.handed.as_ref().is_some_and(|handed| Arc::ptr_eq(handed, &state));
        let is_kept = || {
            self.shared.published.get().hash == state.hash()
                && agreed.as_ref().is_some_and(|agreed| **agreed == *state)
        };
        if is_handed && (!members.looks.is_multiple_of(LOOKS_A_TAKE) || is_kept()) {
            return;
        }
        // Where too much waits, it is handed on with the next look.
        members.handed = jobs.learn(Arc::clone(&state), false).is_ok().then_some(state);
    }

    /// This node is none of the cluster's any more.
    fn is_removed(&mut self) {
        if self.members.removed.is_none() {
            tracing::info!(
                "this node was removed from the cluster: clients are sent to the others for 30 s, then it ends"
            );
            self.members.removed = Some(0);
            self.shared.is_removed.store(true, Ordering::Relaxed);
        }
    }

    /// Another node says that this one was removed: more than half of those that vote on that are believed. Links end with a removal, maybe
    /// before group 0 has told of it here.
    pub(super) fn told_removed(&mut self, by: u32) {
        // One that group 0 has not reached yet knows what was agreed.
        let Some(state) = self.newest() else { return };
        self.members.removed_by.insert(by);
        let voters = state.placement().group(0).map_or(&[][..], |meta| &meta.voters);
        let say = voters.iter().filter(|node| self.members.removed_by.contains(&node.0)).count();
        if say * 2 > voters.len() {
            self.is_removed();
        }
    }

    /// A replica of a partition of this core began or went.
    pub(super) fn hosted_changed(&mut self, partition: PartitionId, is_here: bool) {
        let own = usize::from(self.index);
        for (core, link) in self.links.iter_mut().enumerate() {
            if core != own {
                link.backlog.push_back(Mail::Hosted(partition, is_here));
            }
        }
        self.note_hosted(partition, is_here);
    }

    /// Another core, or this one, has a replica of a partition, or has none any more.
    pub(super) fn note_hosted(&mut self, partition: PartitionId, is_here: bool) {
        self.foreign_terms.remove(&partition);
        if self.engine.map().owner(partition) != CoreId(self.index) {
            self.engine.set_hosted(partition, is_here);
        }
    }

    /// To be called ten times a second.
    pub(super) fn tend_members(&mut self) {
        if !self.engine.is_replicated() {
            return;
        }
        self.members.looks += 1;
        self.tell_reports(self.members.looks.is_multiple_of(LOOKS_A_TELLING));
        self.tell_facts();
        if self.index == 0 {
            self.engine.tend_cluster();
            self.show_cluster();
            self.keep_cluster();
            self.leave_when_removed();
        }
    }

    /// Tells all nodes, and all cores of this one, where the groups are that this core leads; the first core also by which config the node goes,
    /// where there are none.
    fn tell_reports(&mut self, tells_all: bool) {
        let told = &mut self.members.told;
        let reports =
            self.engine.reports(|group, now| told.insert(group, now) != Some(now) || tells_all);
        let epoch = match reports.first() {
            Some(first) => first.epoch,
            None if self.index > 0 => return,
            None => self.members.state.as_ref().map_or(0, |state| state.config().epoch),
        };
        if reports.is_empty() && epoch == self.members.told_epoch && !tells_all {
            return;
        }
        self.members.told_epoch = epoch;
        let frame = ReportsAsOf { epoch, reports: reports.iter().map(to_wire).collect() };
        let older = GroupReports { reports: frame.reports.clone() };
        let nodes: Vec<u32> =
            self.view.iter().flat_map(|view| &view.nodes).map(|node| node.id).collect();
        if let Some(peers) = &mut self.peers {
            for node in nodes {
                let is_older = peers.protocol(node) < Some(Kind::ReportsAsOf.protocol());
                if is_older && older.reports.is_empty() {
                    continue;
                }
                peers.queue(node, |out| {
                    let _ = if is_older { older.encode(out) } else { frame.encode(out) };
                });
            }
        }
        self.spread_reports(reports);
    }

    /// A peer says by which config it goes.
    pub(super) fn take_epoch(&mut self, from: u32, epoch: u64) {
        if self.index > 0 {
            self.links[0].backlog.push_back(Mail::Epoch(from, epoch));
            return;
        }
        // Its cores hear of it one after the other.
        let known = self.members.epochs.entry(from).or_default();
        if epoch > *known {
            *known = epoch;
            self.show_cluster();
        }
    }

    /// A peer says where the groups are that it leads.
    pub(super) fn take_reports(&mut self, epoch: u64, told: Vec<WireReport>) {
        self.spread_reports(told.into_iter().map(|report| from_wire(epoch, report)).collect());
    }

    fn spread_reports(&mut self, reports: Vec<GroupReport>) {
        if reports.is_empty() {
            return;
        }
        let reports = Arc::new(reports);
        let own = usize::from(self.index);
        for (core, link) in self.links.iter_mut().enumerate() {
            if core != own {
                link.backlog.push_back(Mail::Reports(Arc::clone(&reports)));
            }
        }
        self.hear_reports(&reports);
    }

    pub(super) fn hear_reports(&mut self, reports: &[GroupReport]) {
        for report in reports {
            self.engine.hear_report(report);
        }
    }

    /// Shows the cluster to the side threads.
    fn show_cluster(&mut self) {
        let Some(state) = &self.members.state else { return };
        let (changes, leader) = (self.engine.report_changes(), self.engine.cluster_leader());
        let seen = self.seen();
        let is_shown = |shown: &(Arc<ClusterState>, u64, Option<u32>, Seen)| {
            Arc::ptr_eq(&shown.0, state) && (shown.1, shown.2, &shown.3) == (changes, leader, &seen)
        };
        if self.members.shown.as_ref().is_some_and(is_shown) {
            return;
        }
        self.members.shown = Some((Arc::clone(state), changes, leader, seen.clone()));
        let mut partition_bytes = vec![0; state.config().partitions as usize];
        let mut leaders = vec![None; partition_bytes.len()];
        for report in self.engine.heard_reports() {
            let Some(place) = report.group.partition().map(|it| usize::from(it.0)) else {
                continue;
            };
            if place < leaders.len() {
                (partition_bytes[place], leaders[place]) =
                    (report.bytes, report.voters.first().copied());
            }
        }
        let moving = state.moving().count();
        let most = &mut self.members.groups_moving_max;
        *most = if moving == 0 { 0 } else { moving.max(*most) };
        self.shared.cluster.show(Known {
            state: Arc::clone(state),
            partition_bytes,
            leaders,
            leader,
            seen,
            groups_moving_max: *most,
        });
    }

    /// What this core sees of nodes and leads.
    fn seen(&self) -> Seen {
        let is_removed = self.members.removed.is_some();
        let Some(view) = &self.view else { return Seen { is_removed, ..Seen::default() } };
        let own = view.nodes[view.own].id;
        let others = view.nodes.iter().filter(|node| node.is_up).map(|node| node.id);
        let own_epoch = self.members.state.as_ref().map(|state| (own, state.config().epoch));
        let led_by = |leader| view.partitions.iter().filter(|it| it.leader == leader).count();
        Seen {
            own,
            reached: others.chain([own]).collect(),
            led: led_by(Some(view.own)),
            leaderless: led_by(None),
            is_removed,
            lead_changes: self.members.lead_changes,
            nodes: self.node_figures(),
            epochs: self
                .members
                .epochs
                .iter()
                .map(|(node, at)| (*node, *at))
                .chain(own_epoch)
                .collect(),
        }
    }

    /// A node that was removed goes on for a while, so that clients hear where to go, and ends.
    fn leave_when_removed(&mut self) {
        let id = self.config.node().id;
        if self.members.removed.is_none() {
            let Some(state) = &self.members.state else { return };
            // Its links may have been cut before it could hear of its removal: it has nothing to lose by going.
            let leaves = state.config().node(id).is_some_and(|node| node.leaving.is_some());
            let has_all_given_up = leaves && state.placement().replicas_of(NodeId(id.0)) == 0;
            let is_alone = has_all_given_up && self.engine.cluster_leader().is_none();
            self.members.unheard = if is_alone { self.members.unheard + 1 } else { 0 };
            if self.members.unheard < UNHEARD_LOOKS {
                return;
            }
            tracing::info!(
                "this node has given everything up and the others are silent: it is taken to be removed, and ends in 30 s"
            );
        }
        let looks = self.members.removed.unwrap_or(0) + 1;
        self.members.removed = Some(looks);
        self.shared.is_removed.store(true, Ordering::Relaxed);
        if looks == REMOVED_LOOKS {
            tracing::info!("this node is none of the cluster's any more: it ends");
            for core in 0..self.shared.postboxes.cores() {
                // A full box is tried again with the next look.
                if self.shared.postboxes.to(core).post(Note::Stop).is_err() {
                    self.members.removed = Some(looks - 1);
                }
            }
        }
    }
}

fn to_wire(report: &GroupReport) -> WireReport {
    let GroupReport { group, term, conf_index, bytes, voters, learners, is_changing, .. } =
        report.clone();
    let group = group.0;
    WireReport { group, term, conf_index, bytes, voters, learners, is_joint: is_changing }
}

fn from_wire(epoch: u64, report: WireReport) -> GroupReport {
    let WireReport { group, term, conf_index, bytes, voters, learners, is_joint } = report;
    let (group, is_changing) = (GroupId(group), is_joint);
    GroupReport { group, term, conf_index, bytes, voters, learners, is_changing, epoch }
}
