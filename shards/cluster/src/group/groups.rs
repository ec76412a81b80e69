//! Owns all groups of one core, driven together.

use std::collections::VecDeque;

use hyperion_model::GroupId;
use raft::eraftpb::Message;

use super::calm::{Beat, BeatOut};
use super::conf::{Change, Conf};
use super::drive::Turn;
use super::effect::{Effect, GroupState, Ticket};
use super::error::{GroupError, Refusal};
use super::lease::Lease;
use super::limits::{Bounds, GROUPS_MAX};
use super::planted::Planted;
use super::recovered::{Position, RecoveredGroup};
use super::replica::Group;
use super::timing::{STALL_NS, TICK_NS};

/// The groups of one core.
///
/// One turn: take the frames that have come, then read the clock; `begin`, `step` for each message, `tick`, then client
/// batches (`next_position`, `propose`), then `ready`. Send what is to be sent at once, append and sync once, `persisted`,
/// and `ready` again. `applied` may come at any time after its `Apply`.
pub struct Groups {
    node: u64,
    seed: u64,
    bounds: Bounds,
    is_last: bool,
    groups: Vec<Option<Box<Group>>>,
    dirty: Vec<GroupId>,
    /// Effects of calls outside `ready`.
    early: Vec<Effect>,
    beats: Vec<BeatOut>,
    now_ns: u64,
    ticked_ns: u64,
    ticket_next: u64,
    /// Tickets under way, with the groups that wait for each.
    waiting: VecDeque<(Ticket, Vec<GroupId>)>,
    stalls: u64,
    planted: Planted,
}

impl Groups {
    /// No groups yet. `node` is this node's id, from 1; `seed` spreads election timeouts and differs between nodes.
    ///
    /// # Panics
    /// When `node` is 0.
    #[must_use]
    pub fn new(node: u64, seed: u64, bounds: Bounds) -> Self {
        assert_ne!(node, raft::INVALID_ID, "node ids start at 1");
        Self {
            node,
            seed,
            bounds,
            is_last: false,
            groups: Vec::new(),
            dirty: Vec::new(),
            early: Vec::new(),
            beats: Vec::new(),
            now_ns: 0,
            ticked_ns: 0,
            ticket_next: 1,
            waiting: VecDeque::new(),
            stalls: 0,
            planted: Planted::default(),
        }
    }

    /// Replicas that are added from now on campaign behind all others: this node keeps logs alone, and leads where its log is ahead of
    /// theirs, to hand its entries on.
    pub fn be_last(&mut self) {
        self.is_last = true;
    }

    /// Adds a group; it refuses votes for one quiet time from `now_ns` on.
    ///
    /// # Errors
    /// When it is there already, or what was recovered contradicts itself.
    pub fn add(
        &mut self,
        id: GroupId,
        recovered: RecoveredGroup,
        now_ns: u64,
    ) -> Result<(), GroupError> {
        let at = id.0 as usize;
        if at >= GROUPS_MAX || self.get(id).is_some() {
            return Err(GroupError::CannotAdd(id));
        }
        let mut group = Group::restore(id, self.node, recovered, self.bounds, self.seed, now_ns)?;
        group.planted = self.planted;
        if self.is_last {
            group.election.be_last();
        }
        if at >= self.groups.len() {
            self.groups.resize_with(at + 1, || None);
        }
        self.groups[at] = Some(Box::new(group));
        self.dirty.push(id);
        Ok(())
    }

    /// From now on all groups do this wrong; for simulations alone.
    #[doc(hidden)]
    pub fn plant(&mut self, planted: Planted) {
        self.planted = planted;
        self.groups.iter_mut().flatten().for_each(|group| group.planted = planted);
    }

    /// Drops a group. What it asked to be stored may still be reported.
    pub fn remove(&mut self, id: GroupId) {
        if let Some(slot) = self.groups.get_mut(id.0 as usize) {
            *slot = None;
        }
    }

    /// A turn begins. `now_ns` is CLOCK_BOOTTIME, read after the turn's messages were received: what a leader counts on
    /// must not have been sent later.
    pub fn begin(&mut self, now_ns: u64) {
        if self.now_ns != 0 && now_ns > self.now_ns + STALL_NS {
            self.stalls += 1;
        }
        self.now_ns = self.now_ns.max(now_ns);
    }

    /// Takes a message of a peer.
    ///
    /// # Errors
    /// When the group is not here, or no correct peer sends such a message.
    pub fn step(&mut self, id: GroupId, message: Message) -> Result<(), GroupError> {
        let now_ns = self.now_ns;
        let group = self.group(id).ok_or(GroupError::Unknown(id))?;
        group.step(message, now_ns)?;
        // Most answers to heartbeats change nothing.
        if group.raw.has_ready() {
            self.mark(id);
        }
        Ok(())
    }

    /// At most one tick, however late the turn is: otherwise a healthy follower would campaign after a stall. After the
    /// steps, because heartbeats may lie among them. True when there was one.
    pub fn tick(&mut self) -> bool {
        if self.now_ns < self.ticked_ns + TICK_NS {
            return false;
        }
        // A late tick does not bring the next one forward, an early one does not push it back.
        let late = self.now_ns - self.ticked_ns >= 2 * TICK_NS;
        self.ticked_ns = if late { self.now_ns } else { self.ticked_ns + TICK_NS };
        let now_ns = self.now_ns;
        let mut bytes = 0;
        for group in self.groups.iter_mut().flatten() {
            let due = group.tick(now_ns, &mut self.beats) | group.is_record_due(now_ns);
            if due && !group.dirty {
                group.dirty = true;
                self.dirty.push(group.id);
            }
            bytes += group.tail().bytes();
        }
        if bytes > self.bounds.core_bytes {
            self.shrink(bytes, self.bounds.core_bytes / 4 * 3);
        }
        true
    }

    /// Moves the beats of the last ticks into `out`; to be sent at once, or not at all.
    pub fn take_beats(&mut self, out: &mut Vec<BeatOut>) {
        out.append(&mut self.beats);
    }

    /// Takes a beat of the node that leads its group. True when it is to be answered with the same beat; whoever is silent is asked by raft.
    pub fn hear_beat(&mut self, from: u64, beat: &Beat) -> bool {
        let now_ns = self.now_ns;
        self.group(beat.group).is_some_and(|group| group.hear_beat(from, beat, now_ns))
    }

    /// Takes the answer of a member to a beat.
    pub fn hear_answer(&mut self, from: u64, answer: &Beat) {
        let now_ns = self.now_ns;
        if let Some(group) = self.group(answer.group) {
            group.hear_answer(from, answer, now_ns);
        }
    }

    /// Where the next proposal of a group will stand: what the store begins an entry with.
    ///
    /// # Errors
    /// When this replica does not take proposals now.
    pub fn next_position(&self, id: GroupId) -> Result<Position, Refusal> {
        self.get(id).ok_or(Refusal::Unknown(id))?.next_position()
    }

    /// Proposes an entry that the store has staged at the returned place.
    ///
    /// # Errors
    /// When this replica does not take proposals now.
    pub fn propose(&mut self, id: GroupId, payload: Vec<u8>) -> Result<Position, Refusal> {
        let position = self.known(id)?.propose(payload)?;
        self.mark(id);
        Ok(position)
    }

    /// Changes members: one at once, several by a joint configuration, which is left by itself.
    ///
    /// # Errors
    /// When this replica does not take proposals now, or a change is under way.
    pub fn propose_conf_change(&mut self, id: GroupId, changes: &[Change]) -> Result<(), Refusal> {
        self.known(id)?.propose_change(changes)?;
        self.mark(id);
        Ok(())
    }

    /// Hands leadership to another voter. Lease reads stop at once, and once the other was told to campaign they do not
    /// come back in this term.
    ///
    /// # Errors
    /// When this replica does not lead, or `to` is no other voter.
    pub fn transfer_leader(&mut self, id: GroupId, to: u64) -> Result<(), Refusal> {
        let mut early = std::mem::take(&mut self.early);
        let outcome = self.known(id).and_then(|group| group.transfer(to, &mut early));
        self.early = early;
        self.mark(id);
        outcome
    }

    /// Asks a majority for the index that a read must have applied; `ReadAt` or `ReadLost` answers with `token`.
    ///
    /// # Errors
    /// When this replica does not lead, or too many wait.
    pub fn read_index(&mut self, id: GroupId, token: u64) -> Result<(), Refusal> {
        self.known(id)?.read_index(token)?;
        self.mark(id);
        Ok(())
    }

    /// Whether reads of a group may be answered here without asking: before the read, and again before the reply leaves,
    /// each with a fresh CLOCK_BOOTTIME.
    #[must_use]
    pub fn lease(&self, id: GroupId, now_ns: u64) -> Lease {
        self.get(id).map_or(Lease::Expired, |group| group.lease(now_ns))
    }

    /// What is to be done now, for the groups that something happened to. Effects of several groups may be carried out
    /// together; those of one keep their order. A ticket when something has to become durable.
    pub fn ready(&mut self, effects: &mut Vec<Effect>) -> Option<Ticket> {
        effects.append(&mut self.early);
        let ticket = Ticket(self.ticket_next);
        let mut waiting = Vec::new();
        let mut turn = Turn { now_ns: self.now_ns, ticket, effects };
        for id in std::mem::take(&mut self.dirty) {
            let Some(group) = self.groups.get_mut(id.0 as usize).and_then(Option::as_mut) else {
                continue;
            };
            group.dirty = false;
            if group.drive(&mut turn) {
                waiting.push(id);
            }
        }
        if waiting.is_empty() {
            return None;
        }
        self.ticket_next += 1;
        self.waiting.push_back((ticket, waiting));
        Some(ticket)
    }

    /// All that was asked for up to `ticket` is durable; `ready` has the rest.
    pub fn persisted(&mut self, ticket: Ticket) {
        while self.waiting.front().is_some_and(|(first, _)| *first <= ticket) {
            let (_, ids) = self.waiting.pop_front().expect("just looked at");
            for id in ids {
                if let Some(group) = self.group(id) {
                    group.persisted(ticket);
                    self.mark(id);
                }
            }
        }
    }

    /// The store has applied a group's entries up to `index`.
    ///
    /// # Panics
    /// When no `Apply` was that far.
    pub fn applied(&mut self, id: GroupId, index: u64) {
        if let Some(group) = self.group(id) {
            group.applied(index);
            if group.tail().conf().is_joint() {
                self.mark(id);
            }
        }
    }

    /// The first records of a snapshot are here: may the store drop what it has? `header` is the message of the leader's
    /// `SnapshotWanted`, which is stepped after the last record. Store the state that `ready` asks for first.
    ///
    /// # Errors
    /// When the replica does not need it.
    pub fn install_begin(&mut self, id: GroupId, header: &Message) -> Result<(), GroupError> {
        self.group(id).ok_or(GroupError::Unknown(id))?.install_begin(header)?;
        self.mark(id);
        Ok(())
    }

    /// The stream that a `SnapshotWanted` asked for has ended.
    pub fn snapshot_done(&mut self, id: GroupId, to: u64, ok: bool) {
        if let Some(group) = self.group(id) {
            group.snapshot_done(to, ok);
            self.mark(id);
        }
    }

    /// The connection to a node is dead. Groups that it led elect as soon as the quiet time allows, in order of rank.
    pub fn peer_lost(&mut self, node: u64) {
        let now_ns = self.now_ns;
        for group in self.groups.iter_mut().flatten() {
            if group.is_leader() {
                group.raw.report_unreachable(node);
            } else if group.leader() == Some(node) {
                group.election.hurry(now_ns);
            }
        }
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

    /// The current term of a group.
    #[must_use]
    pub fn term(&self, id: GroupId) -> u64 {
        self.get(id).map_or(0, |group| group.raw.raft.term)
    }

    /// Gives the lead up, to be elected anew in another term: after a handover that came to nothing, leases are not to be had in this one.
    pub fn step_down(&mut self, id: GroupId) {
        let now_ns = self.now_ns;
        if let Some(group) = self.group(id) {
            group.step_down(now_ns);
            self.mark(id);
        }
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

    #[cfg(test)]
    pub(super) fn set_faults(&mut self, faults: super::tests::faults::Faults) {
        for group in self.groups.iter_mut().flatten() {
            group.faults = faults;
        }
    }

    #[cfg(test)]
    pub(super) fn election_timeout_ticks(&self, id: GroupId) -> usize {
        self.get(id).map_or(0, |group| group.raw.raft.randomized_election_timeout())
    }

    #[cfg(test)]
    pub(super) fn force_pre_candidate(&mut self, id: GroupId) {
        let group = self.group(id).expect("the group is here");
        group.raw.raft.become_pre_candidate();
        group.after_raft();
    }

    /// As if raft had counted a whole election timeout.
    #[cfg(test)]
    pub(super) fn hasten(&mut self, id: GroupId) {
        let raft = &mut self.group(id).expect("the group is here").raw.raft;
        raft.election_elapsed = raft.randomized_election_timeout();
    }

    /// All about a group, for a test that fails.
    #[cfg(test)]
    pub(super) fn tell(&self, id: GroupId) -> String {
        let Some(group) = self.get(id) else { return String::new() };
        let (raft, log) = (&group.raw.raft, &group.raw.raft.raft_log);
        format!(
            "node {} {:?} leader {} term {} last {} {} commit {} persisted {} applied {} handed {} timeout {}/{} {:?} {:?} {:?} pending conf {} progress {:?}",
            self.node,
            raft.state,
            raft.leader_id,
            raft.term,
            log.last_index(),
            log.last_term(),
            log.committed,
            log.persisted,
            log.applied,
            group.handed,
            raft.election_elapsed,
            raft.randomized_election_timeout(),
            group.state(),
            group.told,
            group.election,
            raft.pending_conf_index,
            raft.prs().iter().map(|(id, one)| (*id, one.state, one.matched)).collect::<Vec<_>>(),
        )
    }

    /// Forgets half of what is kept of logs for members that lag: there is no room for more. Who lacks it gets a snapshot, from who can
    /// send one.
    pub fn forget_half(&mut self) {
        let bytes = self.groups.iter().flatten().map(|group| group.tail().bytes()).sum();
        self.shrink(bytes, bytes / 2);
    }

    /// Brings the tails of all groups within `goal` bytes, the largest first.
    fn shrink(&mut self, mut bytes: usize, goal: usize) {
        let mut sizes: Vec<(usize, usize)> = self
            .groups
            .iter()
            .enumerate()
            .filter_map(|(at, group)| Some((group.as_ref()?.tail().bytes(), at)))
            .collect();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        for (before, at) in sizes {
            if bytes <= goal {
                break;
            }
            if let Some(group) = &mut self.groups[at] {
                group.truncate_to(u64::MAX, self.now_ns);
                bytes -= before - group.tail().bytes();
            }
        }
    }

    fn mark(&mut self, id: GroupId) {
        if let Some(group) = self.groups.get_mut(id.0 as usize).and_then(Option::as_mut)
            && !group.dirty
        {
            group.dirty = true;
            self.dirty.push(id);
        }
    }

    fn get(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0 as usize)?.as_deref()
    }

    fn group(&mut self, id: GroupId) -> Option<&mut Group> {
        self.groups.get_mut(id.0 as usize)?.as_deref_mut()
    }

    fn known(&mut self, id: GroupId) -> Result<&mut Group, Refusal> {
        self.group(id).ok_or(Refusal::Unknown(id))
    }
}
