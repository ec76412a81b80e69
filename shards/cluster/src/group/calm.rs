//! Owns beats: heartbeats of groups in which nothing goes on, of many groups in one frame, past raft.
//!
//! A group is calm when all members have all entries and all are committed. Its leader then says so instead of sending raft's heartbeats,
//! and followers that see the same answer. To both it means what a heartbeat and its answer mean: the follower keeps silent for the quiet
//! time, the leader counts its lease from the time of sending. Whoever sees anything else does not answer, and the leader's next beat is
//! raft's heartbeat, which sorts it out. A beat costs some hundred nanoseconds, a heartbeat some microseconds.

use hyperion_model::GroupId;
use raft::{ProgressState, StateRole};

use super::replica::Group;
use super::timing::{CALM_BEATS, CALM_HEARTBEAT_TICKS, HEARTBEAT_TICKS};

/// The first beat of a group follows its last heartbeat no sooner than so: the answer is still on its way.
const BEAT_TICKS_MIN: usize = 3;

/// The beat of a calm group, or the answer to it, which has the same fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    /// The group.
    pub group: GroupId,
    /// The leader's term.
    pub term: u64,
    /// The last index, which is committed, and which all members have.
    pub commit: u64,
    /// CLOCK_BOOTTIME of the leader when it was sent, in ns.
    pub stamp_ns: u64,
}

/// A beat on its way to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeatOut {
    /// Node id.
    pub to: u64,
    /// The beat.
    pub beat: Beat,
}

/// Where a leader is with its beats.
#[derive(Debug, Default)]
pub(super) struct Calm {
    /// Ticks since the last heartbeat of either kind.
    ticks: usize,
    /// When the last one was sent.
    beat_ns: u64,
    /// The group was calm when the last one was due: until the next one raft counts no ticks.
    is_on: bool,
    /// Beats since the last entry.
    beats: usize,
    /// The index that they told.
    told: u64,
}

impl Calm {
    /// Ticks from a beat to the next.
    fn every(&self) -> usize {
        if self.beats < CALM_BEATS { HEARTBEAT_TICKS } else { CALM_HEARTBEAT_TICKS }
    }

    /// Whether a beat is due in this tick, or the question whether the group is calm. All groups of a core beat in the same ticks: what
    /// leaves a node together costs it one frame.
    fn is_due(&self, tick: u64) -> bool {
        if self.is_on {
            tick.is_multiple_of(self.every() as u64) && self.ticks + 1 >= BEAT_TICKS_MIN
        } else {
            self.ticks + 1 >= HEARTBEAT_TICKS
        }
    }

    /// Ticks behind this one in which no beat is due.
    pub(super) fn rests(&self, tick: u64) -> usize {
        let every = self.every() as u64;
        let left = every - 1 - tick % every;
        if self.is_on { usize::try_from(left).expect("it is short") } else { 0 }
    }

    /// Ticks in which the group was left alone.
    pub(super) fn missed(&mut self, ticks: usize) {
        self.ticks += ticks;
    }

    fn note_beat(&mut self, index: u64) {
        self.beats = if index == self.told { self.beats + 1 } else { 0 };
        self.told = index;
        self.ticks = 0;
    }
}

impl Group {
    /// One tick of a leader. True when raft has something to do.
    pub(super) fn tick_leader(&mut self, now_ns: u64, beats: &mut Vec<BeatOut>) -> bool {
        let tick = self.seen_tick;
        let raft = &self.raw.raft;
        let is_due = self.calm.is_due(tick);
        let looks_calm = raft.raft_log.committed == raft.raft_log.last_index();
        let was_on = self.calm.is_on;
        self.calm.is_on = looks_calm && if is_due { self.is_calm() } else { was_on };
        if !self.calm.is_on {
            self.calm.beats = 0;
            let is_late = was_on && self.calm.ticks + 1 >= HEARTBEAT_TICKS;
            if is_late {
                // Raft's own count does not know that the last beat is so long ago.
                self.raw.ping();
                self.calm.beat_ns = now_ns;
            }
            let is_ready = self.raw.tick() | is_late;
            let ticks = self.raw.raft.heartbeat_elapsed();
            if ticks == 0 {
                self.calm.beat_ns = now_ns;
            }
            self.calm.ticks = ticks;
            return is_ready;
        }
        self.calm.ticks += 1;
        let raft = &mut self.raw.raft;
        let mut is_ready = false;
        if raft.election_elapsed + 1 >= raft.election_timeout() {
            // Raft looks whether a majority was there.
            is_ready = self.raw.tick();
        } else {
            raft.election_elapsed += 1;
        }
        if !is_due || !self.is_leader() {
            return is_ready;
        }
        let (term, commit) = (self.raw.raft.term, self.raw.raft.raft_log.committed);
        self.calm.note_beat(commit);
        let since_ns = std::mem::replace(&mut self.calm.beat_ns, now_ns);
        let members = || self.raw.raft.prs().iter().map(|(id, _)| *id);
        let is_other = |id: &u64| *id != self.node;
        let is_silent = |id: u64| !self.acks.has_since(term, id, since_ns);
        if members().filter(is_other).any(is_silent) {
            self.calm.beats = 0;
            self.raw.ping();
            return true;
        }
        let beat = Beat { group: self.id, term, commit, stamp_ns: now_ns };
        beats.extend(members().filter(is_other).map(|to| BeatOut { to, beat }));
        // All were there since the last beat: raft need not look for a majority.
        self.raw.raft.election_elapsed = 0;
        self.note_everywhere(commit, now_ns);
        is_ready
    }

    /// Whether nothing goes on in a group that this replica leads.
    fn is_calm(&self) -> bool {
        let raft = &self.raw.raft;
        let last = raft.raft_log.last_index();
        let has_all = |matched: u64, state: ProgressState| {
            matched == last && state != ProgressState::Snapshot
        };
        self.told.serves
            && self.told.leads == Some(raft.term)
            && self.durable_term == raft.term
            && raft.lead_transferee.is_none()
            && self.reads.len() == 0
            && self.queue.entries.is_empty()
            && self.change.is_none()
            && !self.tail().conf().is_joint()
            && raft.prs().iter().all(|(id, it)| *id == self.node || has_all(it.matched, it.state))
    }

    /// A beat of `from`: whether it is to be answered.
    pub(super) fn hear_beat(&mut self, from: u64, beat: &Beat, now_ns: u64) -> bool {
        let raft = &mut self.raw.raft;
        let log = &raft.raft_log;
        let agrees = raft.state == StateRole::Follower
            && (raft.term, raft.leader_id) == (beat.term, from)
            && (log.committed, log.last_index()) == (beat.commit, beat.commit)
            // An answer must not be forgotten: who comes back without it would vote in this term.
            && self.durable_term == beat.term
            && !self.installing;
        if agrees {
            raft.election_elapsed = 0;
            self.election.heard_leader(now_ns);
            self.note_everywhere(beat.commit, now_ns);
        }
        agrees
    }

    /// All members have the entries up to this one: where that is news, what is kept for them goes.
    fn note_everywhere(&mut self, index: u64, now_ns: u64) {
        if index > self.everywhere {
            self.everywhere = index;
            self.truncate(now_ns);
        }
    }

    /// An answer of `from` to a beat.
    pub(super) fn hear_answer(&mut self, from: u64, answer: &Beat, now_ns: u64) {
        #[cfg(test)]
        let answer = &Beat { stamp_ns: self.faults.receipt_ns(answer.stamp_ns, now_ns), ..*answer };
        let term = self.raw.raft.term;
        // Nobody can have answered what was not sent yet.
        if !self.is_leader() || answer.term != term || answer.stamp_ns > now_ns {
            return;
        }
        if let Some(progress) = self.raw.raft.mut_prs().get_mut(from) {
            progress.recent_active = true;
            progress.resume();
            self.acks.note(from, answer.stamp_ns, term);
        }
    }
}
