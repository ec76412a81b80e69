//! Owns eviction: which keys may go, and the way in which one goes.
//!
//! Candidates are drawn by chance, bucket by bucket as they lie in memory, and the best are kept from one eviction to the next, as
//! Redis does. An evicted key gets a tombstone like a deleted one, so that a start does not bring it back.

use super::Store;
use super::gone::GoneWhy;
use super::policy::{Order, Policy};
use crate::error::StoreError;
use crate::index::{Entry, Index, Spot};
use crate::limits::{
    CANDIDATES_MAX, EVICTION_DRAW_BUCKETS, EVICTION_DRAWS_MAX, EVICTION_SAMPLES,
    EVICTION_SEARCH_SEGMENTS,
};
use hyperion_model::DatabaseId;
use hyperion_model::limits::DATABASES;

/// What one step of eviction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evicted {
    /// A key went.
    One,
    /// No key may go by the policy.
    Nothing,
    /// None was found in a bounded search, which goes on with the next call.
    NotYet,
    /// The log has no room for the tombstone.
    NoRoom,
}

/// A key that may go next, and its order among the others: the lowest goes first.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    rank: u64,
    database: u8,
    spot: Spot,
    entry: Entry,
}

/// Where the search in order stands.
#[derive(Clone, Copy, Debug, Default)]
struct Search {
    database: u8,
    local: u16,
    place: usize,
}

/// What is kept from one eviction to the next.
#[derive(Default)]
pub(super) struct Evictor {
    policy: Policy,
    /// The best one last.
    candidates: Vec<Candidate>,
    search: Search,
    /// Keys that may go, by database, as of some evictions ago.
    weights: [u64; DATABASES as usize],
    weighed: u64,
    evicted: u64,
    key: Vec<u8>,
}

impl Evictor {
    /// Places in the indexes mean nothing any more.
    pub(super) fn forget(&mut self) {
        self.candidates.clear();
        self.weighed = 0;
    }
}

/// Evictions after which the databases' keys are counted anew.
const WEIGHED_EVERY: u64 = 256;

impl Store {
    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Policy {
        self.evictor.policy
    }

    /// Takes another policy. What was noted of uses for another kind of policy means little to the new one for a while.
    pub fn set_policy(&mut self, policy: Policy) {
        if policy == self.evictor.policy {
            return;
        }
        self.evictor.policy = policy;
        self.evictor.candidates.clear();
        self.evictor.weighed = 0;
        if policy.meaning() != self.access.meaning() {
            self.access.set_meaning(policy.meaning());
        }
    }

    /// Keys that were evicted since the start.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evictor.evicted
    }

    // ---- one key

    /// Removes one key that the policy lets go, unless `is_kept` holds for it.
    pub fn evict(&mut self, mut is_kept: impl FnMut(DatabaseId, &[u8]) -> bool) -> Evicted {
        if self.evictor.policy == Policy::None {
            return Evicted::Nothing;
        }
        self.weigh();
        if self.evictor.weights.iter().all(|&weight| weight == 0) {
            return Evicted::Nothing;
        }
        self.draw_candidates();
        match self.next_candidate(|store, database, key| {
            is_kept(database, key) || store.replicated.is_used && store.is_replicated(key)
        }) {
            Some((database, bytes, candidate)) => {
                let done = self.remove_evicted(database, &bytes, candidate);
                self.evictor.key = bytes;
                done
            }
            None => Evicted::NotYet,
        }
    }

    /// The next candidate that may go and is not kept, with its key.
    fn next_candidate(
        &mut self,
        mut is_kept: impl FnMut(&Self, DatabaseId, &[u8]) -> bool,
    ) -> Option<(DatabaseId, Vec<u8>, Candidate)> {
        while let Some(candidate) = self.evictor.candidates.pop() {
            if self.pool.entry_again(candidate.spot, candidate.entry) {
                let database = DatabaseId(candidate.database);
                let mut bytes = std::mem::take(&mut self.evictor.key);
                bytes.clear();
                bytes.extend_from_slice(self.log.record(candidate.entry.location()).key);
                if !is_kept(self, database, &bytes) {
                    return Some((database, bytes, candidate));
                }
                self.evictor.key = bytes;
            }
        }
        // Keys may have gone from where they were counted.
        self.evictor.weighed = 0;
        None
    }

    /// A key of a replicated partition that the policy lets go, unless `is_kept` holds for it: an entry has to delete it, by
    /// [`Store::evict_in_entry`].
    ///
    /// # Errors
    /// Why there is none: [`Evicted::Nothing`] or [`Evicted::NotYet`].
    pub fn next_evicted(
        &mut self,
        mut is_kept: impl FnMut(DatabaseId, &[u8]) -> bool,
    ) -> Result<(DatabaseId, Vec<u8>), Evicted> {
        if self.evictor.policy == Policy::None {
            return Err(Evicted::Nothing);
        }
        self.weigh();
        if self.evictor.weights.iter().all(|&weight| weight == 0) {
            return Err(Evicted::Nothing);
        }
        self.draw_candidates();
        let next = self.next_candidate(|store, database, key| {
            let is_on_the_way = || store.is_held(store.key(database, key).place());
            is_kept(database, key) || !store.is_replicated(key) || is_on_the_way()
        });
        next.map(|(database, key, _)| (database, key)).ok_or(Evicted::NotYet)
    }

    /// Deletes a key to make room, by the entry that is being built.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn evict_in_entry(&mut self, database: DatabaseId, key: &[u8]) -> Result<(), StoreError> {
        let lookups = self.lookups();
        let is_gone = self.delete(&self.key(database, key));
        self.set_lookups(lookups);
        if is_gone? {
            self.evictor.evicted += 1;
            self.note_gone(GoneWhy::Evicted, database, key);
        }
        Ok(())
    }

    /// What was drawn may lie elsewhere now.
    pub(crate) fn forget_candidates(&mut self) {
        self.evictor.forget();
    }

    fn remove_evicted(
        &mut self,
        database: DatabaseId,
        bytes: &[u8],
        candidate: Candidate,
    ) -> Evicted {
        let key = self.key(database, bytes);
        if self.bury(&key, candidate.spot, candidate.entry).is_err() {
            return Evicted::NoRoom;
        }
        self.access.evicted(candidate.entry.access());
        self.evictor.evicted += 1;
        self.note_gone(GoneWhy::Evicted, database, bytes);
        Evicted::One
    }

    /// Counts the keys that may go, by database, from time to time.
    fn weigh(&mut self) {
        let is_stale = self.evictor.evicted >= self.evictor.weighed + WEIGHED_EVERY;
        if self.evictor.weighed != 0 && !is_stale && self.weights_hold() {
            return;
        }
        self.evictor.weighed = self.evictor.evicted.max(1);
        for number in 0..DATABASES {
            let at = usize::from(number);
            self.evictor.weights[at] = if self.evictor.policy.is_volatile() {
                self.expiring[at]
            } else {
                self.count(DatabaseId(number))
            };
        }
    }

    /// Whether what was counted can still be true: a database that was flushed has no indexes, one without expiring keys none to go.
    fn weights_hold(&self) -> bool {
        let is_volatile = self.evictor.policy.is_volatile();
        let mut some = false;
        let hold = self.evictor.weights.iter().enumerate().filter(|&(_, &weight)| weight > 0).all(
            |(at, _)| {
                some = true;
                !self.databases[at].is_empty() && (!is_volatile || self.expiring[at] > 0)
            },
        );
        some && hold
    }

    // ---- candidates

    /// Draws entries by chance until there are enough; when chance finds none at all, searches in order.
    fn draw_candidates(&mut self) {
        let mut met = 0;
        for _ in 0..EVICTION_DRAWS_MAX {
            let (random, place) = (self.access.draw(), self.access.draw());
            let database = self.draw_database(random);
            let local = (random >> 48) as u16 % u16::try_from(self.owned.len()).unwrap_or(u16::MAX);
            met += self.look_at(database, local, place, EVICTION_DRAW_BUCKETS);
            if met >= EVICTION_SAMPLES {
                return;
            }
        }
        if met == 0 && self.evictor.candidates.is_empty() {
            self.search_candidates();
        }
    }

    fn draw_database(&self, random: u64) -> u8 {
        let all: u64 = self.evictor.weights.iter().sum();
        let mut at = (random & 0xffff_ffff) % all.max(1);
        for (database, &weight) in (0..).zip(&self.evictor.weights) {
            if at < weight {
                return database;
            }
            at -= weight;
        }
        0
    }

    /// Looks at the segments of the indexes one after the other, a bounded number, from where it ended last.
    fn search_candidates(&mut self) {
        for _ in 0..EVICTION_SEARCH_SEGMENTS {
            let Search { database, local, place } = self.evictor.search;
            let indexes = &self.databases[usize::from(database)];
            let length = indexes.get(usize::from(local)).map_or(0, Index::directory_len);
            let is_passed = length == 0 || self.evictor.weights[usize::from(database)] == 0;
            let met = if is_passed {
                0
            } else {
                self.look_at(database, local, (place as u64) << 32, usize::MAX)
            };
            self.evictor.search =
                if is_passed || local + 1 >= self.owned_count_u16() && place + 1 >= length {
                    Search { database: (database + 1) % DATABASES, ..Search::default() }
                } else if place + 1 >= length {
                    Search { database, local: local + 1, place: 0 }
                } else {
                    Search { database, local, place: place + 1 }
                };
            if met > 0 {
                return;
            }
        }
    }

    fn owned_count_u16(&self) -> u16 {
        u16::try_from(self.owned.len()).expect("partitions are counted in 16 bits")
    }

    /// Takes what may go from some neighbouring buckets among the candidates; gives how many it met.
    fn look_at(&mut self, database: u8, local: u16, place: u64, buckets: usize) -> usize {
        let Some(index) =
            self.databases[usize::from(database)].get(usize::from(local)).filter(|i| i.count() > 0)
        else {
            return 0;
        };
        let (policy, log, access) = (self.evictor.policy, &self.log, &self.access);
        let (is_volatile, order) = (policy.is_volatile(), policy.order());
        let candidates = &mut self.evictor.candidates;
        let mut met = 0;
        index.draw(&self.pool, place, buckets, |spot, entry| {
            if is_volatile && !entry.expires() {
                return;
            }
            met += 1;
            let rank = match order {
                Order::Use => access.rank(entry.access()),
                Order::Expiry => log.record(entry.location()).expiry_ms.unwrap_or(u64::MAX),
                // Any order will do that has nothing to do with the keys: here that of the tags' neighbours.
                Order::Chance => entry.location().wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place,
            };
            offer(candidates, Candidate { rank, database, spot, entry });
        });
        met
    }
}

/// Keeps a candidate if it is among the best.
fn offer(candidates: &mut Vec<Candidate>, offered: Candidate) {
    if candidates.len() == CANDIDATES_MAX && candidates[0].rank <= offered.rank {
        return;
    }
    if candidates.iter().any(|other| other.spot == offered.spot) {
        return;
    }
    if candidates.len() == CANDIDATES_MAX {
        candidates.remove(0);
    }
    let at = candidates.partition_point(|other| other.rank > offered.rank);
    candidates.insert(at, offered);
}
