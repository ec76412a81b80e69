//! Owns what is different on the node that keeps logs alone, and what others do for it: it votes, keeps the entries that some replica may
//! lack, and neither holds nor serves keys.
//!
//! An entry of a partition is kept in the log until the group's driver keeps it for nobody any more, which is when all members have it or
//! when what is kept is too much; then it goes, without effect. So this node can hand on all that a majority with it has acknowledged: where
//! its log is ahead of that of the replica which is left, it is elected, replicates, and hands the lead over before anything is served.

use super::Replication;
use crate::engine::Engine;
use hyperion_cluster::NodeId;
use hyperion_cluster::config::Role;
use hyperion_cluster::group::Bounds;
use hyperion_model::GroupId;

/// Which part of its memory a node that keeps logs alone may use for what others may lack.
const KEPT_PART: usize = 4;
/// Ticks of 10 ms for which the log may have no room for what is to be appended, until half of what is kept for others goes: room that comes
/// by itself, by the disk, is waited for.
const STUCK_TICKS_MAX: u32 = 500;

impl Replication {
    /// Whether another node keeps logs alone: it gets no keys.
    pub(super) fn is_log_only(&self, node: u32) -> bool {
        self.log_node() == Some(u64::from(node))
    }

    /// The node that keeps logs alone, if there is one.
    pub(super) fn log_node(&self) -> Option<u64> {
        let config = self.known.as_ref()?.config();
        let node = config.nodes.iter().find(|node| node.role == Role::Voter)?;
        let NodeId(id) = node.id;
        Some(u64::from(id))
    }
}

impl Engine {
    /// What is kept for others here: as much as elsewhere, and of a small memory a part, because the log holds what is kept as well.
    pub(super) fn log_only_bounds(&self, bounds: Bounds) -> Bounds {
        if !self.store.is_log_only() {
            return bounds;
        }
        let memory = usize::try_from(self.settings().memory_bytes_max).unwrap_or(usize::MAX);
        let core_bytes = bounds.core_bytes.min(memory / KEPT_PART);
        Bounds { core_bytes, tail_bytes: bounds.tail_bytes.min(core_bytes / 2), ..bounds }
    }

    /// Lets entries go that are kept for nobody, and hands on every lead that came here. To be called every tick.
    pub(super) fn tick_log_only(&mut self) {
        if !self.store.is_log_only() {
            return;
        }
        let Some(replication) = self.replication.as_deref_mut() else { return };
        replication.stuck_ticks =
            if replication.work.is_empty() { 0 } else { replication.stuck_ticks + 1 };
        if replication.stuck_ticks >= STUCK_TICKS_MAX {
            // Old entries of groups that rest may hold segments that nothing else is in: better none of them than no more of any.
            replication.stuck_ticks = 0;
            replication.groups.forget_half();
        }
        for &group in &replication.hosted {
            if group != GroupId::METADATA {
                let kept_for_nobody =
                    replication.groups.truncated(group).min(self.store.last_index(group));
                // What finds no room for the word of it goes later.
                let _ = self.store.apply(group, kept_for_nobody);
            }
            if replication.groups.next_position(group).is_err() {
                continue;
            }
            let Some(conf) = replication.groups.conf(group) else { continue };
            let own = u64::from(replication.node);
            let mut others = conf.voters.iter().copied().filter(|&node| node != own);
            if let Some(to) = others.find(|&node| replication.groups.has_all(group, node)) {
                // Who does not take it is asked again when this term has a leader still.
                let _ = replication.groups.transfer_leader(group, to);
            }
        }
    }
}
