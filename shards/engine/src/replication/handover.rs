//! Owns the handing over of a lead: what was taken is finished first, so that nobody who waits for an answer loses it.

use super::Replication;
use crate::engine::Engine;
use crate::serving::Leader;
use hyperion_model::GroupId;

/// How long the next leader may take to have all, and then to lead.
const DRAIN_NS: u64 = 400_000_000;
const TAKE_NS: u64 = 1_500_000_000;
/// How long a lead that was not taken stays where it is.
const PATIENCE_NS: u64 = 10_000_000_000;
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

impl Replication {
    /// Who is to lead a group next, while it takes nothing new here.
    pub(super) fn handing_over_to(&self, group: GroupId) -> Option<u64> {
        self.handover.filter(|it| it.group == group).map(|it| it.to)
    }

    pub(super) fn is_handing_over(&self, group: GroupId) -> bool {
        self.handing_over_to(group).is_some()
    }

    /// Begins to hand a lead over, one at a time, and not soon again to who did not take it.
    pub(super) fn begin_handover(&mut self, group: GroupId, to: u64) {
        let is_patient = self.patience_ns.get(&group).is_some_and(|until| self.now_ns < *until);
        if self.handover.is_some() || is_patient || !self.groups.may_lead(group, to) {
            return;
        }
        self.handover = Some(Handover { group, to, since_ns: self.now_ns, asked: None });
    }
}

impl Engine {
    /// Goes on with the handover under way.
    pub(super) fn tick_handover(&mut self) {
        let Some(replication) = &mut self.replication else { return };
        let Some(handover) = replication.handover else { return };
        let Handover { group, to, since_ns, asked } = handover;
        let waited_ns = replication.now_ns.saturating_sub(since_ns);
        let leads = replication.groups.serves(group);
        match asked {
            Some(term) if !leads || replication.groups.term(group) != term => {
                replication.handover = None;
            }
            _ if !leads => replication.handover = None,
            Some(_) if waited_ns < DRAIN_NS + TAKE_NS => {}
            Some(_) => {
                // Whoever was told to campaign may do so late: there are no leases in this term any more.
                replication.groups.step_down(group);
                replication.give_up_handover(group);
            }
            None if waited_ns > DRAIN_NS => replication.give_up_handover(group),
            None => {
                let is_drained = self.store.oldest_unapplied([group]).is_none();
                if is_drained && replication.groups.has_all(group, to) {
                    let asked = Some(replication.groups.term(group));
                    match replication.groups.transfer_leader(group, to) {
                        Ok(()) => replication.handover = Some(Handover { asked, ..handover }),
                        Err(_) => replication.give_up_handover(group),
                    }
                }
            }
        }
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
    fn give_up_handover(&mut self, group: GroupId) {
        self.handover = None;
        self.patience_ns.insert(group, self.now_ns + PATIENCE_NS);
    }
}
