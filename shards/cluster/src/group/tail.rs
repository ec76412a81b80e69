//! Owns the end of a group's log in memory: what followers may still ask for, and what is not applied yet.

use std::collections::VecDeque;

use raft::eraftpb::{Entry, HardState, Snapshot};
use raft::{Error, GetEntriesContext, RaftState, Result, Storage, StorageError};

use super::conf::Conf;
use super::recovered::Position;

/// What an entry costs beside its payload.
const ENTRY_OVERHEAD_BYTES: usize = 128;

/// Entries after the truncation index, with the state that raft reads at a start.
#[derive(Debug, Default)]
pub(super) struct Tail {
    entries: VecDeque<Entry>,
    bytes: usize,
    truncated: Position,
    hard_state: HardState,
    conf: Conf,
    /// Index up to which the store has applied: what a snapshot taken now contains.
    applied: u64,
}

pub(super) fn entry_bytes(entry: &Entry) -> usize {
    entry.data.len() + ENTRY_OVERHEAD_BYTES
}

impl Tail {
    pub(super) fn new(
        truncated: Position,
        entries: Vec<Entry>,
        conf: Conf,
        state: HardState,
    ) -> Self {
        let bytes = entries.iter().map(entry_bytes).sum();
        Self {
            entries: entries.into(),
            bytes,
            truncated,
            hard_state: state,
            conf,
            applied: truncated.index,
        }
    }

    pub(super) fn truncated(&self) -> Position {
        self.truncated
    }

    pub(super) fn last(&self) -> u64 {
        self.truncated.index + self.entries.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn conf(&self) -> &Conf {
        &self.conf
    }

    pub(super) fn set_conf(&mut self, conf: Conf) {
        self.conf = conf;
    }

    pub(super) fn set_hard_state(&mut self, state: HardState) {
        self.hard_state = state;
    }

    pub(super) fn set_applied(&mut self, index: u64) {
        self.applied = index;
    }

    /// Takes entries in; those that were at or past the first one's index are void.
    pub(super) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        assert!(
            first.index > self.truncated.index && first.index <= self.last() + 1,
            "entry {} does not follow on {}..={}",
            first.index,
            self.truncated.index,
            self.last()
        );
        while self.last() >= first.index {
            let dropped = self.entries.pop_back().expect("the last index is past the truncation");
            self.bytes -= entry_bytes(&dropped);
        }
        self.bytes += entries.iter().map(entry_bytes).sum::<usize>();
        self.entries.extend(entries.iter().cloned());
    }

    /// Forgets the entries up to `index`.
    pub(super) fn truncate(&mut self, index: u64) {
        assert!(index <= self.last(), "truncation at {index} is past the end {}", self.last());
        while self.truncated.index < index {
            let dropped = self.entries.pop_front().expect("the index is not past the end");
            self.bytes -= entry_bytes(&dropped);
            self.truncated = Position { index: dropped.index, term: dropped.term };
        }
        if self.entries.is_empty() && self.entries.capacity() > 256 {
            self.entries = VecDeque::new();
        }
    }

    /// Gives back room for entries that are not there.
    pub(super) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// Entries that it has room for beside those that are there.
    #[cfg(test)]
    pub(super) fn spare(&self) -> usize {
        self.entries.capacity() - self.entries.len()
    }

    /// Index to truncate at so that no more than so many entries and bytes stay.
    pub(super) fn index_within(&self, entries_max: usize, bytes_max: usize) -> u64 {
        let mut index = self.truncated.index;
        let (mut count, mut bytes) = (self.entries.len(), self.bytes);
        for entry in &self.entries {
            if count <= entries_max && bytes <= bytes_max {
                break;
            }
            count -= 1;
            bytes -= entry_bytes(entry);
            index = entry.index;
        }
        index
    }

    /// Starts again after a snapshot.
    pub(super) fn restart(&mut self, at: Position, conf: Conf) {
        self.entries.clear();
        self.bytes = 0;
        self.truncated = at;
        self.applied = at.index;
        self.conf = conf;
    }

    fn offset(&self, index: u64) -> usize {
        usize::try_from(index - self.truncated.index - 1).expect("entries are in memory")
    }
}

impl Storage for Tail {
    fn initial_state(&self) -> Result<RaftState> {
        Ok(RaftState::new(self.hard_state.clone(), self.conf.to_raft()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        if low <= self.truncated.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        assert!(high <= self.last() + 1, "entries up to {high} of {}", self.last());
        let bytes_max = max_size.into().unwrap_or(u64::MAX);
        let mut bytes = 0;
        let range = self.entries.range(self.offset(low)..self.offset(high));
        Ok(range
            .enumerate()
            .take_while(|(at, entry)| {
                bytes += entry_bytes(entry) as u64;
                *at == 0 || bytes <= bytes_max
            })
            .map(|(_, entry)| entry.clone())
            .collect())
    }

    fn term(&self, index: u64) -> Result<u64> {
        if index == self.truncated.index {
            return Ok(self.truncated.term);
        }
        if index < self.truncated.index {
            return Err(Error::Store(StorageError::Compacted));
        }
        let entry = self.entries.get(self.offset(index));
        entry.map(|entry| entry.term).ok_or(Error::Store(StorageError::Unavailable))
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.truncated.index + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.last())
    }

    /// Only what a snapshot would be of; the records are streamed beside raft.
    fn snapshot(&self, request_index: u64, _to: u64) -> Result<Snapshot> {
        // The members must be those of the index: a change that is not applied to the records yet would be made twice.
        let early = self.applied < self.conf.index || self.applied < request_index;
        let term = match self.term(self.applied) {
            Ok(term) if !early && self.applied > 0 => term,
            _ => return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable)),
        };
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        metadata.index = self.applied;
        metadata.term = term;
        metadata.set_conf_state(self.conf.to_raft());
        Ok(snapshot)
    }
}
