//! Owns one group: raft's state machine and what this driver knows beside it.

use std::collections::VecDeque;

use hyperion_model::GroupId;
use raft::eraftpb::{Entry, HardState, Message};
use raft::{Config, RawNode, ReadOnlyOption, StateRole};

use super::calm::Calm;
use super::conf::Change;
use super::doubt::Doubt;
use super::effect::{GroupState, Ticket};
use super::election::Election;
use super::error::GroupError;
use super::lease::Acks;
use super::limits::{Bounds, INFLIGHT_MESSAGES_MAX, MEMBERS_MAX, MESSAGE_BYTES_MAX};
use super::planted::Planted;
use super::reads::Reads;
use super::recovered::{Position, RecoveredGroup};
use super::repaired::Repaired;
use super::rest::Rest;
use super::tail::Tail;
use super::timing::{ELECTION_TICKS_END, ELECTION_TICKS_MIN, HEARTBEAT_TICKS};

/// What a turn handed out to be stored, and the messages that wait for it.
#[derive(Debug)]
pub(super) struct Outstanding {
    pub(super) ticket: Ticket,
    /// Raft's number of the last ready that belongs to it.
    pub(super) number: u64,
    /// Term that is durable with it.
    pub(super) term: u64,
    /// Index of the members that are durable with it.
    pub(super) conf: u64,
    pub(super) held: Vec<Message>,
}

/// Proposals that the store has staged and raft has not seen: they go in together.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Where the first of them stands.
    pub(super) first: Position,
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: usize,
}

/// What the last `ready` told the outside about leadership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// Leader and term.
    pub(super) leader: (u64, u64),
    /// Term in which this replica was elected, told or not.
    pub(super) leads: Option<u64>,
    /// `BecameLeader` was told for `leads`.
    pub(super) serves: bool,
}

/// One replica of one group.
pub(super) struct Group {
    pub(super) id: GroupId,
    pub(super) node: u64,
    pub(super) raw: RawNode<Tail>,
    pub(super) bounds: Bounds,
    pub(super) election: Election,
    pub(super) acks: Acks,
    pub(super) calm: Calm,
    pub(super) reads: Reads,
    pub(super) queue: Queue,
    pub(super) change: Option<Vec<Change>>,
    /// Indexes and term of entries that raft has and the store had before.
    pub(super) staged: Option<(u64, u64, u64)>,
    /// Number of raft's last ready.
    pub(super) number: u64,
    /// The snapshot whose records are coming in.
    pub(super) incoming: Option<Position>,
    /// End of the log that was dropped for a snapshot: what was acknowledged there may be committed, so this replica votes
    /// as if it still had it. Without it two voters could not elect the one that sends the snapshot.
    pub(super) floor: Position,
    /// Last index that the store has been given.
    pub(super) stored: u64,
    /// Last index that was handed out to be applied.
    pub(super) handed: u64,
    /// Last index that the store has applied.
    pub(super) applied: u64,
    /// Bytes of own proposals that are not committed.
    pub(super) uncommitted_bytes: usize,
    pub(super) outstanding: VecDeque<Outstanding>,
    /// Messages whose wait is over.
    pub(super) released: Vec<Message>,
    /// Term whose record is durable.
    pub(super) durable_term: u64,
    /// Index of the members that the store was given last, and of those whose record is durable.
    pub(super) conf_recorded: u64,
    /// Term of the last change of members that was made here since the start.
    pub(super) named_term: u64,
    /// The last term that it led since its start.
    pub(super) led_term: u64,
    pub(super) conf_durable: u64,
    pub(super) told: Told,
    pub(super) installing: bool,
    /// A leader has contradicted what was committed here.
    pub(super) is_overtaken: bool,
    /// The log may have lost its end, and the replica has not caught up since.
    pub(super) doubt: Option<Doubt>,
    /// It was saved out of damaged files, and has not caught up since.
    pub(super) repaired: Option<Repaired>,
    /// It came to lead with what was saved, and nobody was told.
    pub(super) led_repaired: bool,
    /// Term and vote that the store was given last.
    pub(super) recorded: (u64, u64),
    /// The state must be stored with the next append, and before it.
    pub(super) state_due: bool,
    /// Since when the recorded commit or truncation index is behind.
    pub(super) unrecorded_since: Option<u64>,
    /// Entries that all members have, as the leader says.
    pub(super) everywhere: u64,
    pub(super) dirty: bool,
    /// The tick up to which raft has counted.
    pub(super) seen_tick: u64,
    pub(super) rest: Rest,
    pub(super) planted: Planted,
    #[cfg(test)]
    pub(super) faults: super::tests::faults::Faults,
}

impl Group {
    /// Starts a replica from what the store found.
    pub(super) fn restore(
        id: GroupId,
        node: u64,
        recovered: RecoveredGroup,
        bounds: Bounds,
        seed: u64,
        now_ns: u64,
    ) -> Result<Self, GroupError> {
        check(id, &recovered)?;
        let (installing, floor) = (recovered.installing, recovered.floor);
        let conf_index = recovered.conf.index;
        let repaired = recovered.repaired.then_some(Repaired::Saved);
        let doubt = if repaired.is_some() {
            Some(Doubt::default())
        } else {
            Doubt::at_start(recovered.may_be_cut, node, &recovered.conf.voters)
        };
        let (tail, commit, applied, raft_applied) = tail_of(recovered);
        let raw = new_raw(node, tail, raft_applied)?;
        let mut group = Self {
            id,
            node,
            bounds,
            election: Election::new(id, node, seed, now_ns),
            acks: Acks::default(),
            calm: Calm::default(),
            reads: Reads::default(),
            queue: Queue::default(),
            change: None,
            staged: None,
            number: 0,
            incoming: None,
            floor,
            stored: raw.store().last(),
            handed: applied,
            applied,
            uncommitted_bytes: 0,
            outstanding: VecDeque::new(),
            released: Vec::new(),
            durable_term: raw.raft.term,
            conf_recorded: conf_index,
            named_term: 0,
            led_term: 0,
            conf_durable: conf_index,
            told: Told::default(),
            installing,
            is_overtaken: false,
            doubt,
            repaired,
            led_repaired: false,
            recorded: (raw.raft.term, raw.raft.vote),
            state_due: false,
            unrecorded_since: None,
            everywhere: 0,
            seen_tick: 0,
            rest: Rest::default(),
            dirty: true,
            planted: Planted::default(),
            raw,
            #[cfg(test)]
            faults: super::tests::faults::Faults::default(),
        };
        assert!(commit >= applied, "commit {commit} is behind applied {applied}");
        group.raw.mut_store().set_applied(applied);
        group.election.set_rank(group.raw.store().conf());
        if !installing && repaired.is_none() && group.raw.store().conf().voters == [node] {
            group.election.alone(now_ns);
        }
        group.after_raft();
        Ok(group)
    }

    /// Starts again with an empty log: a snapshot is on its way in.
    pub(super) fn restart_empty(&mut self) -> Result<(), GroupError> {
        let (term, vote) = (self.raw.raft.term, self.raw.raft.vote);
        let conf = self.raw.store().conf().clone();
        if self.last().log_order() > self.floor.log_order() {
            self.floor = self.last();
        }
        let mut state = HardState::default();
        (state.term, state.vote) = (term, vote);
        let tail = Tail::new(Position::default(), Vec::new(), conf, state);
        self.raw = new_raw(self.node, tail, 0)?;
        self.outstanding.clear();
        self.released.clear();
        (self.stored, self.handed, self.applied, self.number) = (0, 0, 0, 0);
        (self.staged, self.installing, self.state_due) = (None, true, true);
        self.after_raft();
        Ok(())
    }

    pub(super) fn is_leader(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    /// Node id of the leader, as far as known.
    pub(super) fn leader(&self) -> Option<u64> {
        Some(self.raw.raft.leader_id).filter(|leader| *leader != raft::INVALID_ID)
    }

    /// End of the log.
    pub(super) fn last(&self) -> Position {
        let log = &self.raw.raft.raft_log;
        Position { index: log.last_index(), term: log.last_term() }
    }

    pub(super) fn tail(&self) -> &Tail {
        self.raw.store()
    }

    /// What the store is to keep now.
    pub(super) fn state(&self) -> GroupState {
        let state = self.raw.raft.hard_state();
        GroupState {
            term: state.term,
            vote: state.vote,
            commit: state.commit,
            truncated: self.tail().truncated(),
            conf: self.tail().conf().clone(),
            installing: self.installing,
            floor: self.floor,
            repaired: self.repaired.is_some(),
        }
    }

    /// To be called after every call into raft: elections, and what raft drew by chance.
    pub(super) fn after_raft(&mut self) {
        let raft = &mut self.raw.raft;
        self.election.after_raft(raft);
        self.acks.note_transfer(raft);
        if raft.state == StateRole::Leader {
            // Its log was the longest of all.
            self.doubt = None;
            self.led_term = raft.term;
            self.lead_repaired();
        }
    }
}

fn new_raw(node: u64, tail: Tail, applied: u64) -> Result<RawNode<Tail>, GroupError> {
    let config = Config {
        id: node,
        election_tick: ELECTION_TICKS_MIN,
        min_election_tick: ELECTION_TICKS_MIN,
        max_election_tick: ELECTION_TICKS_END,
        heartbeat_tick: HEARTBEAT_TICKS,
        applied,
        max_size_per_msg: MESSAGE_BYTES_MAX,
        max_inflight_msgs: INFLIGHT_MESSAGES_MAX,
        check_quorum: true,
        pre_vote: true,
        read_only_option: ReadOnlyOption::Safe,
        // Raft 0.7 joins entries onto an empty append that stands at another index; see `batch`.
        batch_append: false,
        ..Config::default()
    };
    let log = slog::Logger::root(slog::Discard, slog::o!());
    RawNode::new(&config, tail, &log)
        .map_err(|error| GroupError::Damaged { group: GroupId::default(), what: error.to_string() })
}

/// What is recovered comes from a checked log, but a file may have been put together by hand.
fn check(group: GroupId, recovered: &RecoveredGroup) -> Result<(), GroupError> {
    let damaged = |what: String| Err(GroupError::Damaged { group, what });
    let mut before = recovered.truncated;
    for entry in &recovered.entries {
        if entry.index != before.index + 1 || entry.term < before.term {
            let (index, term) = (entry.index, entry.term);
            return damaged(format!("entry {index} of term {term} stands after {before:?}"));
        }
        before = Position { index: entry.index, term: entry.term };
    }
    if before.term > recovered.term {
        return damaged(format!("last entry {before:?} is past the term {}", recovered.term));
    }
    let conf = &recovered.conf;
    let lists = [&conf.voters, &conf.learners, &conf.voters_outgoing, &conf.learners_next];
    if lists.iter().map(|list| list.len()).sum::<usize>() > MEMBERS_MAX {
        return damaged(format!("more than {MEMBERS_MAX} members"));
    }
    if lists.iter().any(|list| list.contains(&raft::INVALID_ID)) {
        return damaged("node 0 is a member; node ids start at 1".to_owned());
    }
    Ok(())
}

/// The tail, the commit index, what the store has applied, and where raft begins to hand out.
fn tail_of(recovered: RecoveredGroup) -> (Tail, u64, u64, u64) {
    let mut state = HardState::default();
    (state.term, state.vote) = (recovered.term, recovered.vote);
    if recovered.installing {
        // Nothing of the log counts: what the store holds is no state of the group.
        return (Tail::new(Position::default(), Vec::new(), recovered.conf, state), 0, 0, 0);
    }
    let last = recovered.truncated.index + recovered.entries.len() as u64;
    let known = recovered.commit.max(recovered.applied).max(recovered.truncated.index);
    // The recorded commit index may be past a torn end: the entries come again.
    let commit = known.min(last);
    let applied = recovered.applied.max(recovered.truncated.index).min(commit);
    // Changes of members that are past the recorded ones go through raft again.
    let change = recovered.entries.iter().find(|entry| {
        entry.index > recovered.conf.index && entry.index <= applied && is_change(entry)
    });
    let raft_applied = change.map_or(applied, |entry| entry.index - 1);
    state.commit = commit;
    let tail = Tail::new(recovered.truncated, recovered.entries, recovered.conf, state);
    (tail, commit, applied, raft_applied)
}

pub(super) fn is_change(entry: &Entry) -> bool {
    entry.get_entry_type() != raft::eraftpb::EntryType::EntryNormal
}
