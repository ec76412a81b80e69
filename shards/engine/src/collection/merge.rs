//! Owns changes of many entries of a section that is in the order of its keys: each chunk that they fall into is gone through once.

use super::Section;
use super::chunk::{self, HEAD_BYTES, span};
use super::edit::{Bias, Edit, NEW_CHUNKS};
use super::view::View;

/// Changes of one chunk that are made one by one, at most; beyond, as long as they are few beside its entries.
const SINGLE_MAX: usize = 4;
/// So many entries for each.
const SINGLE_ENTRIES: usize = 8;

/// A key and the value that it has then; `None`: its entry goes.
pub type MergeChange<'a> = (&'a [u8], Option<&'a [u8]>);

impl Edit<'_, '_> {
    /// Puts entries in, replaces the values of those that are there, and takes entries out, of a collection that is not packed. The changes
    /// are in the order of their keys, each key once; what goes need not be there. Gives how many of the keys were there.
    ///
    /// Time: a step for each change, and for each entry of a chunk into which many of them fall.
    pub fn merge(&mut self, section: Section, mut changes: &[MergeChange<'_>]) -> usize {
        debug_assert!(!self.is_packed(), "a packed collection is in the order of arrival");
        debug_assert!(changes.is_sorted_by(|left, right| left.0 < right.0), "sorted, each once");
        let mut found = 0;
        while let Some((key, _)) = changes.first() {
            let (chunk, run) = match self.view().seek_chunk(section, key) {
                Some(chunk) => (chunk, self.view().run_of(section, chunk, changes)),
                None if changes.iter().all(|(_, value)| value.is_none()) => break,
                None => (NEW_CHUNKS + usize::from(section), changes.len()),
            };
            let (now, behind) = changes.split_at(run);
            found += self.merge_chunk(section, chunk, now);
            changes = behind;
        }
        found
    }

    fn merge_chunk(
        &mut self,
        section: Section,
        chunk: usize,
        changes: &[MergeChange<'_>],
    ) -> usize {
        let view = self.view();
        let before = view.chunk_count(chunk);
        if changes.len() <= SINGLE_MAX.max(before / SINGLE_ENTRIES) {
            let changes = changes.iter();
            return changes.filter(|(key, value)| self.merge_one(section, key, *value)).count();
        }
        let entries = view.entries(chunk);
        let puts = || changes.iter().filter_map(|(key, value)| Some((key, (*value)?)));
        let put_bytes: usize = puts().map(|(key, value)| key.len() + value.len() + 16).sum();
        let mut merged = Vec::with_capacity(HEAD_BYTES + entries.len() + put_bytes);
        merged.extend_from_slice(&[0; HEAD_BYTES]);
        let (mut copied, mut at, mut found) = (0, 0, 0);
        for (key, value) in changes {
            let mut place = span(&entries, at);
            while let Some(span_below) = place
                && entries[span_below.key.0..span_below.key.1] < **key
            {
                at = span_below.end;
                place = span(&entries, at);
            }
            merged.extend_from_slice(&entries[copied..at]);
            if let Some(there) = place.filter(|it| entries[it.key.0..it.key.1] == **key) {
                at = there.end;
                found += 1;
            }
            copied = at;
            if let Some(value) = value {
                chunk::push(&mut merged, key, value);
            }
        }
        merged.extend_from_slice(&entries[copied..]);
        let (added, is_new) = (puts().count(), entries.is_empty());
        drop(entries);
        if found + added > 0 {
            let dirty = self.dirty(chunk, section);
            dirty.bias = if is_new { Bias::Back } else { Bias::Middle };
            dirty.rewrite(merged, before + added - found);
        }
        found
    }

    /// Makes one change. `true`: the key was there.
    fn merge_one(&mut self, section: Section, key: &[u8], value: Option<&[u8]>) -> bool {
        let place = self.view().seek(section, key);
        match (place, value) {
            (Ok(cursor), Some(value)) => self.replace(section, cursor, value),
            (Ok(cursor), None) => self.remove(section, cursor),
            (Err(at), Some(value)) => drop(self.insert(section, at, key, value)),
            (Err(_), None) => {}
        }
        place.is_ok()
    }
}

impl View<'_> {
    /// How many of the changes, from the first on, which does, belong to a chunk. Time: logarithmic in it.
    fn run_of(&self, section: Section, chunk: usize, changes: &[MergeChange<'_>]) -> usize {
        let belongs = |change: &MergeChange<'_>| self.seek_chunk(section, change.0) == Some(chunk);
        let mut most = 1;
        while most < changes.len() && belongs(&changes[most]) {
            most *= 2;
        }
        let least = most / 2;
        least + changes[least..most.min(changes.len())].partition_point(belongs)
    }
}
