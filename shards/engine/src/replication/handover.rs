//! Owns the handing over of leads: what was taken is finished first, so that nobody who waits for an answer loses it.

use super::Replication;
use crate::engine::Engine;
use crate::serving::Leader;
use hyperion_model::GroupId;
use std::collections::BTreeMap;

/// How long the next leader may take to have all, and then to lead.
const DRAIN_NS: u64 = 400_000_000;
const TAKE_NS: u64 = 1_500_000_000;
/// How long a lead that was not taken stays where it is.
const PATIENCE_NS: u64 = 10_000_000_000;
/// How long a lead is not handed back for balance to who gave it away: longer than a node takes to stop.
const GIVEN_NS: u64 = 8_000_000_000;
/// How long commands wait for the next leader.
const CHANGING_NS: u64 = 2_000_000_000;

/// A lead on its way to another node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handover {
    pub(super) group: GroupId,
    to: u64,
    since_ns: u64,
    /// The term in which the other one was told to take the lead.
    asked: Option<u64>,
}

/// Leads on their way, and to whom none is to go.
#[derive(Debug, Default)]
pub(super) struct Handovers {
    pub(super) under_way: Vec<Handover>,
    /// Until when no lead of these groups is handed over just for balance: it was tried and came to nothing.
    patience_ns: BTreeMap<GroupId, u64>,
    /// Until when other nodes take no lead, because they are about to stop.
    leaving_ns: BTreeMap<u64, u64>,
    /// Who gave the lead of a group to this node, and until when it is not handed back there.
    given: BTreeMap<GroupId, (u64, u64)>,
    /// All nodes say so when they are about to stop: then who gave a lead away may have it again, for balance or on the way of a move.
    pub(super) do_all_tell: bool,
}

impl Handovers {
    pub(super) fn drop_group(&mut self, group: GroupId) {
        self.under_way.retain(|it| it.group != group);
        self.given.remove(&group);
    }

    /// A node is gone: when it comes back, it is as any other.
    pub(super) fn forget_node(&mut self, node: u64) {
        self.given.retain(|_, (from, _)| *from != node);
    }

    pub(super) fn is_leaving(&self, node: u64, now_ns: u64) -> bool {
        self.leaving_ns.get(&node).is_some_and(|until_ns| now_ns < *until_ns)
    }
}

impl Replication {
    /// Who is to lead a group next, while it takes nothing new here.
    pub(super) fn handing_over_to(&self, group: GroupId) -> Option<u64> {
        let under_way = &self.handovers.under_way;
        under_way.iter().find(|it| it.group == group).map(|it| it.to)
    }

    pub(super) fn is_handing_over(&self, group: GroupId) -> bool {
        self.handing_over_to(group).is_some()
    }

    /// Begins to hand a lead over for balance or for a move, one at a time, and not soon again to who did not take it.
    pub(super) fn begin_handover(&mut self, group: GroupId, to: u64) {
        let (now_ns, handovers) = (self.now_ns, &self.handovers);
        let is_patient = handovers.patience_ns.get(&group).is_some_and(|until| now_ns < *until);
        let given = handovers.given.get(&group);
        let is_given = !handovers.do_all_tell
            && given.is_some_and(|&(from, until_ns)| from == to && now_ns < until_ns);
        let is_busy = !handovers.under_way.is_empty();
        if is_busy || is_patient || is_given || handovers.is_leaving(to, now_ns) {
            return;
        }
        self.start_handover(group, to);
    }

    /// Begins to hand a lead over, if the other one can take it now.
    pub(super) fn start_handover(&mut self, group: GroupId, to: u64) -> bool {
        let may_lead = self.groups.may_lead(group, to);
        if may_lead {
            let handover = Handover { group, to, since_ns: self.now_ns, asked: None };
            self.handovers.under_way.push(handover);
        }
        may_lead
    }

    /// Another node has given this one the lead of a group.
    pub(super) fn note_given(&mut self, group: GroupId, from: u64) {
        self.handovers.given.insert(group, (from, self.now_ns + GIVEN_NS));
    }
}

impl Engine {
    /// Another node is about to stop: for so long, unless it says so again, it is handed no lead.
    pub fn node_leaves(&mut self, node: u32, valid_ns: u64) {
        if let Some(replication) = &mut self.replication {
            let until_ns = replication.now_ns.saturating_add(valid_ns);
            replication.handovers.leaving_ns.insert(u64::from(node), until_ns);
        }
    }

    /// Whether all nodes tell when they are about to stop; at first they are taken not to, and who gave a lead away is left in peace.
    pub fn set_all_tell_leave(&mut self, do_all_tell: bool) {
        if let Some(replication) = &mut self.replication {
            replication.handovers.do_all_tell = do_all_tell;
        }
    }

    /// Goes on with the handovers under way.
    pub(super) fn tick_handovers(&mut self) {
        let Some(replication) = &mut self.replication else { return };
        let mut under_way = std::mem::take(&mut replication.handovers.under_way);
        under_way.retain_mut(|handover| {
            let is_drained = self.store.oldest_unapplied([handover.group]).is_none();
            replication.goes_on(handover, is_drained)
        });
        replication.handovers.under_way = under_way;
    }

    /// Partitions that wait too long for a leader have none.
    pub(super) fn tick_changing(&mut self) {
        let Some(replication) = &self.replication else { return };
        let since_ns = replication.now_ns.saturating_sub(CHANGING_NS);
        let Some(serving) = &mut self.serving else { return };
        for partition in serving.overdue(since_ns) {
            self.leader_changed(GroupId::of(partition), Leader::Nobody);
        }
    }
}

impl Replication {
    /// Takes a handover a step further; `false`: it is over. `is_drained`: all that the group has taken has taken effect.
    fn goes_on(&mut self, handover: &mut Handover, is_drained: bool) -> bool {
        let Handover { group, to, since_ns, asked } = *handover;
        let waited_ns = self.now_ns.saturating_sub(since_ns);
        let leads = self.groups.serves(group);
        match asked {
            Some(term) if !leads || self.groups.term(group) != term => false,
            _ if !leads => false,
            Some(_) if waited_ns < DRAIN_NS + TAKE_NS => true,
            Some(_) => {
                // Whoever was told to campaign may do so late: there are no leases in this term any more.
                self.groups.step_down(group);
                self.be_patient(group);
                false
            }
            None if waited_ns > DRAIN_NS => {
                self.be_patient(group);
                false
            }
            None if is_drained && self.groups.has_all(group, to) => {
                let term = self.groups.term(group);
                let is_told = self.groups.transfer_leader(group, to).is_ok();
                if is_told {
                    handover.asked = Some(term);
                } else {
                    self.be_patient(group);
                }
                is_told
            }
            None => true,
        }
    }

    fn be_patient(&mut self, group: GroupId) {
        self.handovers.patience_ns.insert(group, self.now_ns + PATIENCE_NS);
    }
}
