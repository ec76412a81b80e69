//! Owns all groups of one core, driven together.

use std::collections::VecDeque;

use hyperion_model::GroupId;
use raft::eraftpb::Message;

use super::calm::{Beat, BeatOut};
use super::conf::Change;
use super::drive::Turn;
use super::effect::{Effect, Ticket};
use super::error::{GroupError, Refusal};
use super::limits::{Bounds, GROUPS_MAX};
use super::pace::Pace;
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
    pub(super) node: u64,
    seed: u64,
    bounds: Bounds,
    is_last: bool,
    pub(super) groups: Vec<Option<Box<Group>>>,
    pace: Pace,
    pub(super) dirty: Vec<GroupId>,
    /// Effects of calls outside `ready`.
    pub(super) early: Vec<Effect>,
    beats: Vec<BeatOut>,
    now_ns: u64,
    ticked_ns: u64,
    ticket_next: u64,
    /// Tickets under way, with the groups that wait for each.
    waiting: VecDeque<(Ticket, Vec<GroupId>)>,
    pub(super) stalls: u64,
    pub(super) planted: Planted,
    led_repaired: Vec<GroupId>,
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
            pace: Pace::default(),
            dirty: Vec::new(),
            early: Vec::new(),
            beats: Vec::new(),
            now_ns: 0,
            ticked_ns: 0,
            ticket_next: 1,
            waiting: VecDeque::new(),
            stalls: 0,
            planted: Planted::default(),
            led_repaired: Vec::new(),
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
        group.seen_tick = self.pace.tick();
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
            self.pace.forget(id.0 as usize);
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
    /// When the group is not here, no correct peer sends such a message, or the leader has lost what is here.
    pub fn step(&mut self, id: GroupId, message: Message) -> Result<(), GroupError> {
        let now_ns = self.now_ns;
        let group = self.group(id).ok_or(GroupError::Unknown(id))?;
        let stepped = group.step(message, now_ns);
        // Most answers to heartbeats change nothing.
        if group.raw.has_ready() || group.state_due {
            self.mark(id);
        }
        stepped
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
        self.pace.begin();
        let tick = self.pace.tick();
        for (at, slot) in self.groups.iter_mut().enumerate() {
            if !self.pace.is_due(at) {
                continue;
            }
            let Some(group) = slot else { continue };
            group.catch_up(tick - 1);
            group.seen_tick = tick;
            let due = group.tick(now_ns, &mut self.beats) | group.is_record_due(now_ns);
            if due && !group.dirty {
                group.dirty = true;
                self.dirty.push(group.id);
            }
            let rests = group.rests();
            if rests > 0 {
                group.rest();
            }
            self.pace.looked(at, rests, group.tail().bytes());
        }
        let bytes = self.pace.bytes();
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
        let at = beat.group.0 as usize;
        let Some(group) = self.groups.get_mut(at).and_then(Option::as_deref_mut) else {
            return false;
        };
        let agrees = group.hear_beat(from, beat, self.now_ns);
        if agrees {
            // It counts from here.
            group.seen_tick = self.pace.tick();
        }
        if group.unrecorded_since.is_some() {
            self.pace.wake(at);
        }
        agrees
    }

    /// Takes the answer of a member to a beat.
    pub fn hear_answer(&mut self, from: u64, answer: &Beat) {
        let group = self.groups.get_mut(answer.group.0 as usize).and_then(Option::as_deref_mut);
        if let Some(group) = group {
            group.hear_answer(from, answer, self.now_ns);
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
            if std::mem::take(&mut group.led_repaired) {
                self.led_repaired.push(id);
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
            if group.tail().conf().is_joint() || group.is_unnamed() {
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

    /// The stream that a `SnapshotWanted` asked for has ended, one way or the other.
    pub fn snapshot_done(&mut self, id: GroupId, to: u64) {
        if let Some(group) = self.group(id) {
            group.snapshot_done(to);
            self.mark(id);
        }
    }

    /// The connection to a node is dead. Groups that it led elect as soon as the quiet time allows, in order of rank.
    pub fn peer_lost(&mut self, node: u64) {
        let now_ns = self.now_ns;
        for (at, group) in self.groups.iter_mut().enumerate() {
            let Some(group) = group else { continue };
            if group.is_leader() {
                group.raw.report_unreachable(node);
                group.doubt_peer(node);
            } else if group.leader() == Some(node) {
                group.election.hurry(now_ns);
                self.pace.wake(at);
            }
        }
    }

    /// Whether a replica's log may lack what it has acknowledged.
    #[must_use]
    pub fn are_in_doubt(&self) -> bool {
        self.groups.iter().flatten().any(|group| group.doubt.is_some())
    }

    /// Groups that this node came to lead with what a repair had saved, because nobody has better, since the last call.
    pub fn take_led_repaired(&mut self) -> Vec<GroupId> {
        std::mem::take(&mut self.led_repaired)
    }

    /// Replicas that were saved out of damaged files and have not caught up.
    #[must_use]
    pub fn repaired(&self) -> usize {
        self.groups.iter().flatten().filter(|group| group.repaired.is_some()).count()
    }

    /// Makes this replica the only member of a group whose others are given up for good, with all that its log has. `false`: not now, or it
    /// leads, or it has no whole copy.
    pub fn go_on_alone(&mut self, id: GroupId) -> bool {
        let now_ns = self.now_ns;
        let is_done = self.group(id).is_some_and(|group| group.go_on_alone(now_ns));
        self.mark(id);
        is_done
    }

    /// Whether this replica is what is left of two voters, the other one given up for good, and knows all that they have committed.
    #[must_use]
    pub fn is_left_of_two(&self, id: GroupId, is_lost: impl Fn(u64) -> bool) -> bool {
        self.get(id).is_some_and(|group| group.is_left_of_two(is_lost))
    }

    /// Gives the lead up, to be elected anew in another term: after a handover that came to nothing, leases are not to be had in this one.
    pub fn step_down(&mut self, id: GroupId) {
        let now_ns = self.now_ns;
        if let Some(group) = self.group(id) {
            group.step_down(now_ns);
            self.mark(id);
        }
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

    pub(super) fn get(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(id.0 as usize)?.as_deref()
    }

    /// A group that something happens to.
    pub(super) fn group(&mut self, id: GroupId) -> Option<&mut Group> {
        let at = id.0 as usize;
        let group = self.groups.get_mut(at)?.as_deref_mut()?;
        group.catch_up(self.pace.tick());
        self.pace.wake(at);
        Some(group)
    }

    fn known(&mut self, id: GroupId) -> Result<&mut Group, Refusal> {
        self.group(id).ok_or(Refusal::Unknown(id))
    }
}
