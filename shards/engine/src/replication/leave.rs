//! Owns the leave of a node that is about to stop or cannot write: every lead that another node can take goes over, several at a time.

use super::Replication;
use crate::engine::Engine;
use hyperion_cluster::NodeId;
use hyperion_cluster::config::Role;
use hyperion_cluster::placement::META;
use hyperion_model::GroupId;
use std::collections::{BTreeMap, BTreeSet};

/// Leads of one core that are on their way at the same time: commands about their partitions wait meanwhile.
const HANDOVERS_MAX: usize = 16;

/// What a leave has come to so far.
#[derive(Debug, Default)]
pub(super) struct Leave {
    /// Groups whose lead was to go over.
    begun: BTreeSet<GroupId>,
    /// How many were given to each node: they are spread evenly.
    given: BTreeMap<u64, usize>,
}

/// Where a leave stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaveProgress {
    /// Leads that have gone over to other nodes.
    pub handed: usize,
    /// Leads that another node is to take and has not taken yet.
    pub left: usize,
    /// Groups that this core leads and that nobody else can lead: there is no other copy, or those who have one are about to stop too.
    pub alone: usize,
}

impl Replication {
    /// Who may lead a group next, whether or not it can right now; nobody while this node does not lead it.
    fn heirs(&self, group: GroupId) -> Vec<u64> {
        let Some(conf) = self.groups.conf(group) else { return Vec::new() };
        let config = self.known.as_ref().map(|state| state.config());
        // Who votes and keeps no data leads no partition.
        let keeps_data = |node: &u64| {
            let node = u32::try_from(*node).ok().and_then(|node| config?.node(NodeId(node)));
            group.0 == META || node.is_none_or(|node| node.role != Role::Voter)
        };
        let (own, now_ns) = (u64::from(self.node), self.now_ns);
        let others = conf.voters.iter().copied().filter(|node| *node != own);
        others.filter(|node| !self.handovers.is_leaving(*node, now_ns)).filter(keeps_data).collect()
    }

    fn leads(&self, group: GroupId) -> bool {
        self.groups.leader(group) == Some(u64::from(self.node))
    }

    /// Begins what handovers there is room for.
    fn leave_on(&mut self) {
        let Some(mut leave) = self.leave.take() else { return };
        let waiting: Vec<GroupId> = self
            .hosted
            .iter()
            .copied()
            .filter(|group| self.groups.serves(*group) && !self.is_handing_over(*group))
            .collect();
        for group in waiting {
            if self.handovers.under_way.len() >= HANDOVERS_MAX {
                break;
            }
            let mut heirs = self.heirs(group);
            heirs.sort_by_key(|node| leave.given.get(node).copied().unwrap_or(0));
            let taker = heirs.into_iter().find(|heir| self.start_handover(group, *heir));
            if let Some(taker) = taker {
                leave.begun.insert(group);
                *leave.given.entry(taker).or_default() += 1;
            }
        }
        self.leave = Some(leave);
    }
}

impl Engine {
    /// This node is about to stop, or cannot write: from now on it hands every lead over that another one can take, whenever it gets one.
    pub fn leave(&mut self) {
        if let Some(replication) = &mut self.replication {
            replication.leave.get_or_insert_default();
            replication.leave_on();
        }
    }

    /// This node stays after all.
    pub fn stay(&mut self) {
        if let Some(replication) = &mut self.replication {
            replication.leave = None;
        }
    }

    /// Where the leave stands; nothing before there is one.
    #[must_use]
    pub fn leave_progress(&self) -> Option<LeaveProgress> {
        let replication = self.replication.as_ref()?;
        let leave = replication.leave.as_ref()?;
        let led = replication.hosted.iter().copied().filter(|group| replication.leads(*group));
        let mut progress = LeaveProgress::default();
        for group in led {
            if replication.heirs(group).is_empty() {
                progress.alone += 1;
            } else {
                progress.left += 1;
            }
        }
        let has_gone = |group: &&GroupId| !replication.leads(**group);
        progress.handed = leave.begun.iter().filter(has_gone).count();
        Some(progress)
    }

    /// Goes on with the leave.
    pub(super) fn tick_leave(&mut self) {
        if let Some(replication) = &mut self.replication {
            replication.leave_on();
        }
    }
}
