//! Owns what may be asked of the groups of a core: nothing here changes one.

use hyperion_model::GroupId;

use super::conf::Conf;
use super::effect::GroupState;
use super::groups::Groups;
use super::lease::Lease;

impl Groups {
    /// Whether reads of a group may be answered here without asking: before the read, and again before the reply leaves,
    /// each with a fresh CLOCK_BOOTTIME.
    #[must_use]
    pub fn lease(&self, id: GroupId, now_ns: u64) -> Lease {
        self.get(id).map_or(Lease::Expired, |group| group.lease(now_ns))
    }

    /// Whether `node` has nearly all entries of a group that this replica leads: a learner may be promoted.
    #[must_use]
    pub fn is_caught_up(&self, id: GroupId, node: u64) -> bool {
        self.planted.learners_caught_up
            || self.get(id).is_some_and(|group| group.is_caught_up(node))
    }

    /// The last index of a group that this replica leads.
    #[must_use]
    pub fn last_led(&self, id: GroupId) -> Option<u64> {
        let group = self.get(id).filter(|group| group.is_leader())?;
        Some(group.raw.raft.raft_log.last_index())
    }

    /// Other members of a group, but `keeps_none`, that have acknowledged all entries up to `index`; `None` when this replica does not lead.
    #[must_use]
    pub fn copies_of(&self, id: GroupId, index: u64, keeps_none: Option<u64>) -> Option<u32> {
        let group = self.get(id).filter(|group| group.is_leader())?;
        let members = group.raw.raft.prs().iter();
        let others = members.filter(|(node, _)| **node != self.node && Some(**node) != keeps_none);
        let has = others.filter(|(_, one)| one.matched >= index);
        u32::try_from(has.count()).ok()
    }

    /// Whether `node` lacks little of a group that this replica leads, and was heard of lately: the lead may begin to go over.
    #[must_use]
    pub fn may_lead(&self, id: GroupId, node: u64) -> bool {
        self.get(id).is_some_and(|group| group.is_heard(node) && group.is_caught_up(node))
    }

    /// Whether `node` has all entries of a group that this replica leads, and was heard of lately: it may take the lead over at once, or go.
    #[must_use]
    pub fn has_all(&self, id: GroupId, node: u64) -> bool {
        self.get(id).is_some_and(|group| group.has_all(node))
    }

    /// Whether this replica leads a group and takes proposals, but for a handover or a full queue.
    #[must_use]
    pub fn serves(&self, id: GroupId) -> bool {
        self.get(id).is_some_and(|group| group.check_serving().is_ok())
    }

    /// Whether what this replica has of a group is no state that the group ever had: nothing, or a part of a copy that is being made.
    #[must_use]
    pub fn has_no_copy(&self, id: GroupId) -> bool {
        self.get(id).is_none_or(super::replica::Group::has_no_copy)
    }

    /// Whether what this replica has of a group was saved out of damaged files, and nobody has given or confirmed it since.
    #[must_use]
    pub fn is_worthless(&self, id: GroupId) -> bool {
        self.get(id).is_some_and(super::replica::Group::is_worthless)
    }

    /// The current term of a group.
    #[must_use]
    pub fn term(&self, id: GroupId) -> u64 {
        self.get(id).map_or(0, |group| group.raw.raft.term)
    }

    /// Node id of a group's leader, as far as known here.
    #[must_use]
    pub fn leader(&self, id: GroupId) -> Option<u64> {
        self.get(id)?.leader()
    }

    /// Whether the members of a group, as applied here, are found again after a crash: a start that does not know that a change was
    /// committed asks those for their votes who had one before it.
    #[must_use]
    pub fn has_durable_conf(&self, id: GroupId) -> bool {
        self.get(id).is_some_and(|group| group.conf_durable >= group.tail().conf().index)
    }

    /// Whether a change of a group's members is under way: proposed, joint, or in a log whose end is not applied yet.
    #[must_use]
    pub fn is_changing(&self, id: GroupId) -> bool {
        self.get(id).is_some_and(super::replica::Group::is_changing)
    }

    /// Members of a group, as applied here.
    #[must_use]
    pub fn conf(&self, id: GroupId) -> Option<&Conf> {
        Some(self.get(id)?.tail().conf())
    }

    /// State of a group as of now, for the cleaner's rewriting and for status.
    #[must_use]
    pub fn state(&self, id: GroupId) -> Option<GroupState> {
        Some(self.get(id)?.state())
    }

    /// The last entry of a group that is not kept for others any more.
    #[must_use]
    pub fn truncated(&self, id: GroupId) -> u64 {
        self.get(id).map_or(0, |group| group.tail().truncated().index)
    }

    /// Entries of a group that are in memory: count and bytes.
    #[must_use]
    pub fn tail_size(&self, id: GroupId) -> (usize, usize) {
        self.get(id).map_or((0, 0), |group| (group.tail().len(), group.tail().bytes()))
    }

    /// Whether a turn would find something to do, but for the clock.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.early.is_empty()
    }

    /// Gaps between turns of 100 ms or more: a metric.
    #[must_use]
    pub fn stalls(&self) -> u64 {
        self.stalls
    }
}
