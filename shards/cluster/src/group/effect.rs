//! Owns what the groups ask for.

use super::conf::Conf;
use super::recovered::Position;
use hyperion_model::GroupId;
use raft::eraftpb::{Entry, Message};

/// Names what one call of `ready` asked to be stored; it goes back with `persisted` once that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What the store keeps of a group beside its entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupState {
    /// Current term.
    pub term: u64,
    /// Node that got this replica's vote in `term`; 0: none.
    pub vote: u64,
    /// Commit index, as far as known here.
    pub commit: u64,
    /// Entries up to here are not kept for followers any more; the cleaner may move their records.
    pub truncated: Position,
    /// Members.
    pub conf: Conf,
    /// A snapshot is on its way in: what is stored is no state of the group.
    pub installing: bool,
    /// End of the log that was dropped for a snapshot: votes go to logs that end there or later.
    pub floor: Position,
    /// What is stored was saved out of damaged files and has not been replaced since.
    pub repaired: bool,
}

/// Of the term in the bytes of a floor: the replica was repaired. A version that does not know it finds a floor that no log reaches, and does
/// not vote.
const REPAIRED: u64 = 1 << 63;

impl GroupState {
    /// The floor, the mark of a repair and the members, as bytes that the store keeps and does not read: floor index u64 and term u64, whose
    /// highest bit is the mark, then [`Conf::encode`].
    #[must_use]
    pub fn encode_members(&self) -> Vec<u8> {
        let mut bytes = self.floor.index.to_le_bytes().to_vec();
        let mark = if self.repaired { REPAIRED } else { 0 };
        bytes.extend((self.floor.term | mark).to_le_bytes());
        bytes.extend(self.conf.encode());
        bytes
    }

    /// What [`Self::encode_members`] wrote, and the bytes behind it, which are the caller's; `None` when it is anything else.
    #[must_use]
    pub fn decode_members(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (index, rest) = bytes.split_first_chunk()?;
        let (term, rest) = rest.split_first_chunk()?;
        let (index, term) = (u64::from_le_bytes(*index), u64::from_le_bytes(*term));
        let floor = Position { index, term: term & !REPAIRED };
        let (conf, rest) = Conf::decode_first(rest)?;
        Some((Self { floor, repaired: term & REPAIRED != 0, conf, ..Self::default() }, rest))
    }
}

/// Work of one turn. Within a group the order is to be kept, and what is to be stored goes into the log in it.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Store the group's state. It stands before the entries of the same turn, and must lie before them in the log:
    /// a change of members must not be there after a crash without the commit index that was known when it came.
    State {
        /// The group.
        group: GroupId,
        /// What to store.
        state: GroupState,
        /// Whether the ticket's sync must cover it. Otherwise it may be lost.
        must_sync: bool,
    },
    /// The store's log has these entries already, from `propose`: they only have to become durable.
    Staged {
        /// The group.
        group: GroupId,
        /// First index.
        first: u64,
        /// Last index.
        last: u64,
        /// Their term.
        term: u64,
    },
    /// Append entries that the store has not seen: a leader's, when this replica follows; on a leader those that Raft
    /// made itself.
    Append {
        /// The group.
        group: GroupId,
        /// Entries from here on are void, and out of the overlay, before `entries` are appended.
        cut_from: Option<u64>,
        /// New entries, in order; may be empty when there is only something to cut.
        entries: Vec<Entry>,
    },
    /// Send at once: before the append is durable. What must wait for that is held back inside.
    Send {
        /// The group.
        group: GroupId,
        /// Node id.
        to: u64,
        /// The message.
        message: Box<Message>,
    },
    /// Entries up to here are committed: apply them, release the replies that wait for them, and say `applied`.
    Apply {
        /// The group.
        group: GroupId,
        /// Last index.
        up_to: u64,
    },
    /// The group's members changed.
    Members {
        /// The group.
        group: GroupId,
        /// Members from now on.
        conf: Conf,
    },
    /// A follower lags behind what is kept: stream it the live records, which are at `at` or later, then
    /// `message`; then say `snapshot_done`.
    SnapshotWanted {
        /// The group.
        group: GroupId,
        /// Node id of the follower.
        to: u64,
        /// Index and term that the records must have reached.
        at: Position,
        /// Members at that index.
        conf: Conf,
        /// What the follower steps after the last record.
        message: Box<Message>,
    },
    /// The snapshot whose records were installed is the group's state: end the installation under the ticket.
    InstallSnapshot {
        /// The group.
        group: GroupId,
        /// Index and term of the snapshot.
        at: Position,
        /// Members at that index.
        conf: Conf,
    },
    /// This replica leads, an entry of its own term is committed and everything before it is in an `Apply`.
    BecameLeader {
        /// The group.
        group: GroupId,
        /// Its term.
        term: u64,
    },
    /// This replica led and does so no more: close the clients that wait. Entries up to `last` that are past
    /// `commit` stay pending: a later `Apply` or `cut_from` decides about each.
    LostLeader {
        /// The group.
        group: GroupId,
        /// The term in which it led.
        term: u64,
        /// Commit index.
        commit: u64,
        /// Last index that stays.
        last: u64,
    },
    /// Another node leads, or none is known.
    LeaderIs {
        /// The group.
        group: GroupId,
        /// Node id of the leader.
        leader: Option<u64>,
        /// The term.
        term: u64,
    },
    /// A read may be answered from a state that has applied `index`.
    ReadAt {
        /// The group.
        group: GroupId,
        /// What `read_index` was given.
        token: u64,
        /// Index to have applied.
        index: u64,
    },
    /// A read cannot be answered here.
    ReadLost {
        /// The group.
        group: GroupId,
        /// What `read_index` was given.
        token: u64,
    },
}
