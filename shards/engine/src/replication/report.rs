//! Owns what leaders say of their groups: members and size, for whoever keeps the map of the cluster and for replicas that are out.

use crate::engine::Engine;
use hyperion_cluster::group::Conf;
use hyperion_model::{GroupId, PartitionId};
use hyperion_store::{Store, StoreFigures};

/// What the leader of a group says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupReport {
    /// The group.
    pub group: GroupId,
    /// The leader's term.
    pub term: u64,
    /// The index of the last change of members that is committed.
    pub conf_index: u64,
    /// Bytes of one copy of what it holds, about.
    pub bytes: u64,
    /// Those that vote, the leader first; of both sets while a change is under way.
    pub voters: Vec<u32>,
    /// Those that follow without a vote.
    pub learners: Vec<u32>,
    /// Whether a change is under way.
    pub is_changing: bool,
    /// The epoch of the config that its leader went by: no change that follows is one of an older config's.
    pub epoch: u64,
}

/// What of a report is told as soon as it is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportMark {
    term: u64,
    conf_index: u64,
    epoch: u64,
    is_changing: bool,
}

impl GroupReport {
    /// Whether a node is a member.
    #[must_use]
    pub fn names(&self, node: u32) -> bool {
        self.voters.contains(&node) || self.learners.contains(&node)
    }

    /// Which of two reports of one group was made later.
    fn age(&self) -> (u64, u64, u64) {
        (self.term, self.conf_index, self.epoch)
    }
}

impl Engine {
    /// Of the groups that this core leads, where they are, once that is durable: replicas that are out go by it. Of those that `is_told` names.
    #[must_use]
    pub fn reports(
        &self,
        mut is_told: impl FnMut(GroupId, ReportMark) -> bool,
    ) -> Vec<GroupReport> {
        let Some(replication) = &self.replication else { return Vec::new() };
        let groups = &replication.groups;
        let epoch = replication.known.as_ref().map_or(0, |known| known.config().epoch);
        // As of now, for all of them; asked for when the first one is told.
        let mut figures = None;
        let is_led = |group: &&GroupId| groups.serves(**group) && groups.has_durable_conf(**group);
        let led = replication.hosted.iter().filter(is_led);
        led.filter_map(|&group| {
            let conf = groups.conf(group)?;
            let (term, is_changing) = (groups.term(group), groups.is_changing(group));
            if !is_told(group, ReportMark { term, conf_index: conf.index, epoch, is_changing }) {
                return None;
            }
            let (voters, learners) = members(conf, replication.node);
            Some(GroupReport {
                group,
                term,
                conf_index: conf.index,
                bytes: group.partition().map_or(0, |it| {
                    let figures = figures.get_or_insert_with(|| self.store.figures());
                    bytes_within(figures, &self.store, it)
                }),
                voters,
                learners,
                is_changing,
                epoch,
            })
        })
        .collect()
    }

    /// Takes what the leader of a group says of it, unless that is older than what is known.
    pub fn hear_report(&mut self, report: &GroupReport) {
        let Some(replication) = &mut self.replication else { return };
        let known = replication.reports.get(&report.group);
        if known.is_none_or(|known| known.age() <= report.age() && known != report) {
            replication.reports.insert(report.group, report.clone());
            replication.report_changes += 1;
        }
    }

    /// Counts the changes of what [`Engine::heard_reports`] gives.
    #[must_use]
    pub fn report_changes(&self) -> u64 {
        self.replication.as_ref().map_or(0, |replication| replication.report_changes)
    }

    /// What is known of all groups, by what their leaders said last.
    pub fn heard_reports(&self) -> impl Iterator<Item = &GroupReport> {
        self.replication.iter().flat_map(|replication| replication.reports.values())
    }
}

/// Bytes of one copy of a partition, about: a key is taken to be as long as any other on this core.
pub(super) fn bytes_of(store: &Store, partition: PartitionId) -> u64 {
    bytes_within(&store.figures(), store, partition)
}

fn bytes_within(figures: &StoreFigures, store: &Store, partition: PartitionId) -> u64 {
    let keys = u128::from(store.partition_keys(partition));
    let bytes = u128::from(figures.live_bytes) * keys / u128::from(figures.keys.max(1));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Voters, `leader` first, and learners.
pub(super) fn members(conf: &Conf, leader: u32) -> (Vec<u32>, Vec<u32>) {
    let node = |id: &u64| u32::try_from(*id).expect("nodes are counted in 32 bits");
    let mut voters: Vec<u32> = conf.voters.iter().chain(&conf.voters_outgoing).map(node).collect();
    voters.sort_unstable_by_key(|it| (*it != leader, *it));
    voters.dedup();
    let learners = conf.learners.iter().chain(&conf.learners_next).map(node);
    (voters, learners.collect())
}
