//! Owns what a group starts from.

use super::conf::Conf;
use raft::eraftpb::{Entry, EntryType};

/// An entry's place: index and term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Index, from 1.
    pub index: u64,
    /// Term of the entry there.
    pub term: u64,
}

impl Position {
    /// By which raft compares the ends of logs.
    pub(super) fn log_order(self) -> (u64, u64) {
        (self.term, self.index)
    }
}

/// What the store found of a group, or what a new group begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecoveredGroup {
    /// Current term.
    pub term: u64,
    /// Node that got the vote in `term`; 0: none.
    pub vote: u64,
    /// Commit index, as far as it was recorded.
    pub commit: u64,
    /// Index up to which entries have taken effect.
    pub applied: u64,
    /// The place before the first entry.
    pub truncated: Position,
    /// Members as recorded; changes of members among `entries` that are committed are applied again.
    pub conf: Conf,
    /// A snapshot was on its way in: nothing of the log counts, and the replica does not campaign until one is installed.
    pub installing: bool,
    /// The log may have lost its end: the replica does not vote by it until it has caught up.
    pub may_be_cut: bool,
    /// As recorded; see `GroupState`.
    pub floor: Position,
    /// What is here was saved out of damaged files: it counts for nothing before a leader has replaced it, or nobody has better.
    pub repaired: bool,
    /// Entries after `truncated`, without gaps.
    pub entries: Vec<Entry>,
}

impl RecoveredGroup {
    /// A group that is founded: each of its voters starts with the same records at version `index`, at least 1, in term 1.
    /// A follower that starts from nothing therefore always needs a snapshot.
    #[must_use]
    pub fn founded(voters: &[u64], index: u64) -> Self {
        let index = index.max(1);
        Self {
            term: 1,
            commit: index,
            applied: index,
            truncated: Position { index, term: 1 },
            conf: Conf::of_voters(voters),
            ..Self::default()
        }
    }

    /// A group that begins anew with one voter and nothing, at this index and term, because no copy of it is left: past all that replicas may
    /// have that were out of reach.
    #[must_use]
    pub fn anew(voter: u64, at: u64) -> Self {
        Self {
            term: at,
            commit: at,
            applied: at,
            truncated: Position { index: at, term: at },
            conf: Conf { index: at, ..Conf::of_voters(&[voter]) },
            ..Self::default()
        }
    }

    /// A replica that joins a group and knows nothing of it yet.
    #[must_use]
    pub fn joining() -> Self {
        Self::default()
    }
}

/// An entry as the store keeps it: `kind` is 0 for changes, 1 and 2 for changes of members.
#[must_use]
pub fn entry(index: u64, term: u64, kind: u8, payload: Vec<u8>) -> Entry {
    let mut entry = Entry { index, term, data: payload.into(), ..Entry::default() };
    entry.set_entry_type(match kind {
        1 => EntryType::EntryConfChange,
        2 => EntryType::EntryConfChangeV2,
        _ => EntryType::EntryNormal,
    });
    entry
}
