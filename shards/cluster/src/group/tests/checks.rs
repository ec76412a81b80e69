//! Owns what must hold whatever happens.

use std::collections::BTreeMap;

use hyperion_model::GroupId;

use crate::group::Entry;

/// What the world has seen so far, and what was wrong with it.
#[derive(Debug, Default)]
pub(super) struct Checks {
    leaders: BTreeMap<(GroupId, u64), u64>,
    committed: BTreeMap<(GroupId, u64), (u64, Vec<u8>)>,
    acknowledged: BTreeMap<GroupId, u64>,
    pub(super) violations: Vec<String>,
    pub(super) lease_reads: u64,
    pub(super) index_reads: u64,
    pub(super) writes: u64,
    pub(super) beats: u64,
    pub(super) snapshots: u64,
    pub(super) changes: u64,
}

impl Checks {
    pub(super) fn wrong(&mut self, what: String) {
        self.violations.push(what);
    }

    /// One leader a term.
    pub(super) fn leads(&mut self, group: GroupId, term: u64, node: u64) {
        let first = *self.leaders.entry((group, term)).or_insert(node);
        if first != node {
            self.wrong(format!("{group:?}: nodes {first} and {node} both lead term {term}"));
        }
    }

    /// What one replica applies, all apply, in its place.
    pub(super) fn applies(&mut self, group: GroupId, node: u64, entry: &Entry) {
        let new = (entry.term, entry.data.to_vec());
        let first = self.committed.entry((group, entry.index)).or_insert_with(|| new.clone());
        if *first != new {
            let what = format!("{group:?}: node {node} applies another entry {}", entry.index);
            self.wrong(what);
        }
    }

    /// A write was answered: from now on every read sees it.
    pub(super) fn acknowledge(&mut self, group: GroupId, index: u64) {
        self.writes += 1;
        let newest = self.acknowledged.entry(group).or_default();
        *newest = index.max(*newest);
    }

    pub(super) fn acknowledged(&self, group: GroupId) -> u64 {
        self.acknowledged.get(&group).copied().unwrap_or(0)
    }

    /// A read that began when `acknowledged` was answered sees what is applied up to `seen`.
    pub(super) fn read(
        &mut self,
        what: &str,
        group: GroupId,
        node: u64,
        acknowledged: u64,
        seen: u64,
    ) {
        if seen < acknowledged {
            self.wrong(format!(
                "{group:?}: {what} read on node {node} sees {seen} and misses {acknowledged}"
            ));
        }
    }
}
