//! Owns how much of the log stays in memory: what a member lacks, within bounds.

use raft::ProgressState;

use super::replica::Group;

/// A piece of the log that is shorter, in entries and in bytes, is not worth a change of the stored truncation index.
const TRUNCATE_ENTRIES_MIN: u64 = 64;
const TRUNCATE_BYTES_MIN: usize = 64 << 10;

impl Group {
    /// Forgets what all members have; past the bounds, what lies furthest back.
    pub(super) fn truncate(&mut self, now_ns: u64) {
        if self.is_leader() {
            self.everywhere = self.held_by_all();
        }
        let tail = self.tail();
        let first = tail.truncated().index;
        let mut index = self.everywhere;
        if index < first + TRUNCATE_ENTRIES_MIN && tail.bytes() < TRUNCATE_BYTES_MIN {
            index = first;
        }
        if tail.len() > self.bounds.tail_entries || tail.bytes() > self.bounds.tail_bytes {
            // A quarter at once, so that it is not every entry's work.
            let (entries, bytes) = (self.bounds.tail_entries, self.bounds.tail_bytes);
            index = index.max(tail.index_within(entries / 4 * 3, bytes / 4 * 3));
        }
        self.truncate_to(index, now_ns);
    }

    /// Forgets entries up to `index`, as far as they are applied and durable.
    pub(super) fn truncate_to(&mut self, index: u64, now_ns: u64) {
        let index = index.min(self.raw.raft.raft_log.applied).min(self.applied);
        if index > self.tail().truncated().index && self.raw.snap().is_none() {
            self.raw.mut_store().truncate(index);
            // The record follows with the next one: until then more is kept than must be.
            self.unrecorded_since.get_or_insert(now_ns);
        }
    }

    /// The index that every member has, or will have with the snapshot under way.
    fn held_by_all(&self) -> u64 {
        let prs = self.raw.raft.prs();
        let held = prs.iter().map(|(_, progress)| match progress.state {
            ProgressState::Snapshot => progress.pending_snapshot.max(progress.matched),
            _ => progress.matched,
        });
        held.min().unwrap_or(0)
    }
}
