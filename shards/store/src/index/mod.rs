//! Owns the way from a key's hash to the place of its record: extendible hashing over segments of 64 buckets.
//!
//! A bucket is one cache line: 8 tags of 16 bits and 8 entries of 48 bits (location 40, access 6, expiry 1, and in the first entry
//! 1 bit that tells that a key of this bucket lies in one of the next three). The directory is indexed by the hash's high bits,
//! the bucket by its low 6, the tag by bits 16 to 31. A segment splits by moving half of its entries to the same buckets of a
//! sibling, so a split never fails and never moves an entry twice.
//!
//! Source: Fagin et al., "Extendible hashing" (1979); Lu et al., "Dash" (VLDB 2020) for buckets that overflow to neighbours.

mod access;
mod alike;
mod bucket;
mod frequency;
mod hand;
mod memory;
mod pool;
mod restored;
mod scan;
#[cfg(test)]
mod tests;

use crate::limits::DEPTH_MAX;
use crate::prefetch::prefetch;
pub(crate) use access::{Access, Meaning};
use bucket::BUCKET_ENTRIES;
pub(crate) use bucket::Entry;
pub(crate) use hand::Hand;
pub(crate) use pool::IndexPool;
use pool::IndexSegment;
pub use pool::Unbacked;
pub(crate) use scan::Cursor;

const BUCKETS: usize = 64;
/// A key lies in its own bucket or one of the next three.
const PROBES: usize = 4;
/// Keys that a segment takes before most of its buckets overflow: 84 parts of 100.
const SEGMENT_KEYS: u64 = 430;

/// Where an entry lies, until the index changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    segment: u32,
    bucket: u8,
    entry: u8,
}

impl Spot {
    /// The place of what no index has.
    pub(crate) const NOWHERE: Self = Self { segment: STASH, bucket: u8::MAX, entry: u8::MAX };
}

const STASH: u32 = u32::MAX;

/// The keys of one partition of one database.
pub(crate) struct Index {
    directory: Vec<u32>,
    depth: u8,
    count: u64,
    /// Entries that no bucket would take at the greatest depth: only for keys whose hashes are alike.
    stash: Vec<(u64, Entry)>,
}

#[inline(always)]
fn tag_of(hash: u64) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "a tag is 16 bits of the hash")]
    let tag = (hash >> 16) as u16;
    tag.max(1)
}

#[inline(always)]
fn home_of(hash: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "6 bits are wanted")]
    let home = hash as usize & (BUCKETS - 1);
    home
}

impl Index {
    pub(crate) fn new(pool: &mut IndexPool) -> Self {
        Self { directory: vec![pool.allocate(0)], depth: 0, count: 0, stash: Vec::new() }
    }

    /// An empty index that takes about `keys` keys before it grows.
    pub(crate) fn with_room(pool: &mut IndexPool, keys: u64) -> Self {
        let segments = keys.div_ceil(SEGMENT_KEYS).max(1).next_power_of_two();
        let depth =
            u8::try_from(segments.trailing_zeros()).map_or(DEPTH_MAX, |depth| depth.min(DEPTH_MAX));
        let directory = (0..1_u32 << depth).map(|_| pool.allocate(depth)).collect();
        Self { directory, depth, count: 0, stash: Vec::new() }
    }

    /// Bits of the hash that choose a segment.
    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    /// Number of keys, those that have expired unnoticed too.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    #[inline(always)]
    fn slot(&self, hash: u64) -> usize {
        // Two shifts, because a shift by 64 is none.
        (hash >> 1 >> (63 - self.depth)) as usize
    }

    /// Asks for the home bucket of `hash`.
    #[inline(always)]
    pub(crate) fn prefetch(&self, pool: &IndexPool, hash: u64) {
        prefetch(&pool.segment(self.directory[self.slot(hash)]).buckets[home_of(hash)]);
    }

    /// Asks for the other buckets in which the entry of `hash` with `location` may lie, where its home bucket, which should be there by now,
    /// does not have it.
    #[inline(always)]
    pub(crate) fn prefetch_rest(&self, pool: &IndexPool, hash: u64, location: u64) {
        let segment = pool.segment(self.directory[self.slot(hash)]);
        let home = home_of(hash);
        let bucket = &segment.buckets[home];
        let matches = bucket.matches(tag_of(hash));
        let is_there =
            matches != 0 && bucket.entry(matches.trailing_zeros() as usize).location() == location;
        if bucket.has_overflow() && !is_there {
            (1..PROBES).for_each(|probe| prefetch(&segment.buckets[(home + probe) % BUCKETS]));
        }
    }

    /// The location that `hash` most likely has, for prefetching.
    #[inline(always)]
    pub(crate) fn guess(&self, pool: &IndexPool, hash: u64) -> Option<u64> {
        let bucket = &pool.segment(self.directory[self.slot(hash)]).buckets[home_of(hash)];
        let matches = bucket.matches(tag_of(hash));
        (matches != 0).then(|| bucket.entry(matches.trailing_zeros() as usize).location())
    }

    /// Finds the entry with `hash` for which `is_it` holds.
    #[inline(always)]
    pub(crate) fn find(
        &self,
        pool: &IndexPool,
        hash: u64,
        mut is_it: impl FnMut(u64) -> bool,
    ) -> Option<(Spot, Entry)> {
        let id = self.directory[self.slot(hash)];
        let segment = pool.segment(id);
        let (home, tag) = (home_of(hash), tag_of(hash));
        let mut probe = 0;
        loop {
            let at = (home + probe) % BUCKETS;
            let bucket = &segment.buckets[at];
            let mut matches = bucket.matches(tag);
            while matches != 0 {
                let entry = matches.trailing_zeros() as usize;
                let found = bucket.entry(entry);
                if is_it(found.location()) {
                    #[expect(clippy::cast_possible_truncation, reason = "below 64 and below 8")]
                    return Some((
                        Spot { segment: id, bucket: at as u8, entry: entry as u8 },
                        found,
                    ));
                }
                matches &= matches - 1;
            }
            probe += 1;
            if probe == PROBES || !segment.buckets[home].has_overflow() {
                break;
            }
        }
        self.find_stashed(hash, is_it)
    }

    #[inline]
    fn find_stashed(&self, hash: u64, mut is_it: impl FnMut(u64) -> bool) -> Option<(Spot, Entry)> {
        let at = self
            .stash
            .iter()
            .position(|&(other, entry)| other == hash && is_it(entry.location()))?;
        let low = u8::try_from(at & 0xff).ok()?;
        let high = u8::try_from(at >> 8).ok()?;
        Some((Spot { segment: STASH, bucket: high, entry: low }, self.stash[at].1))
    }

    fn stash_at(spot: Spot) -> usize {
        usize::from(spot.bucket) << 8 | usize::from(spot.entry)
    }

    /// The entry that was just found.
    #[inline]
    pub(crate) fn entry_at(&self, pool: &IndexPool, spot: Spot) -> Entry {
        if spot.segment == STASH {
            return self.stash[Self::stash_at(spot)].1;
        }
        pool.segment(spot.segment).buckets[usize::from(spot.bucket)].entry(usize::from(spot.entry))
    }

    /// Puts another entry in the place of one that was just found.
    #[inline]
    pub(crate) fn replace(&mut self, pool: &mut IndexPool, spot: Spot, entry: Entry) {
        if spot.segment == STASH {
            self.stash[Self::stash_at(spot)].1 = entry;
        } else {
            pool.segment_mut(spot.segment).buckets[usize::from(spot.bucket)]
                .set_entry(usize::from(spot.entry), entry);
        }
    }

    /// Takes out an entry that was just found.
    pub(crate) fn remove(&mut self, pool: &mut IndexPool, spot: Spot) {
        if spot.segment == STASH {
            self.stash.swap_remove(Self::stash_at(spot));
        } else {
            pool.segment_mut(spot.segment).buckets[usize::from(spot.bucket)]
                .clear(usize::from(spot.entry));
        }
        self.count -= 1;
    }

    /// Adds an entry for a key that is not there. `hash_at` gives the hash of the key at a location, for splits;
    /// `load` asks for the record at a location.
    pub(crate) fn insert(
        &mut self,
        pool: &mut IndexPool,
        hash: u64,
        entry: Entry,
        hash_at: impl Fn(u64) -> u64,
        load: impl Fn(u64),
    ) {
        self.count += 1;
        loop {
            let id = self.directory[self.slot(hash)];
            if Self::put(pool.segment_mut(id), hash, entry) {
                return;
            }
            if pool.depths[id as usize] == DEPTH_MAX {
                if self.stash.len() < usize::from(u16::MAX) {
                    self.stash.push((hash, entry));
                    return;
                }
                // 65,535 keys with 26 equal bits of a keyed hash do not happen by chance or by guessing.
                panic!("the index has no place left for hash {hash:#x}");
            }
            self.split(pool, hash, &hash_at, &load);
        }
    }

    fn put(segment: &mut IndexSegment, hash: u64, entry: Entry) -> bool {
        let home = home_of(hash);
        for probe in 0..PROBES {
            let bucket = &mut segment.buckets[(home + probe) % BUCKETS];
            if let Some(free) = bucket.free_entry() {
                bucket.set(free, tag_of(hash), entry);
                if probe > 0 {
                    segment.buckets[home].set_overflow();
                }
                return true;
            }
        }
        false
    }

    fn split(
        &mut self,
        pool: &mut IndexPool,
        hash: u64,
        hash_at: &impl Fn(u64) -> u64,
        load: &impl Fn(u64),
    ) {
        let old = self.directory[self.slot(hash)];
        let depth = pool.depths[old as usize];
        if depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&id| [id, id]).collect();
            self.depth += 1;
        }
        let new = pool.allocate(depth + 1);
        pool.depths[old as usize] = depth + 1;
        let mut lower = *pool.segment(old);
        let mut upper = lower;
        for bucket in &lower.buckets {
            bucket.entries().for_each(|(_, _, entry)| load(entry.location()));
        }
        for at in 0..BUCKETS {
            for entry in 0..BUCKET_ENTRIES {
                if lower.buckets[at].is_free(entry) {
                    continue;
                }
                let moves =
                    hash_at(lower.buckets[at].entry(entry).location()) >> (63 - depth) & 1 == 1;
                if moves { &mut lower } else { &mut upper }.buckets[at].clear(entry);
            }
        }
        *pool.segment_mut(old) = lower;
        *pool.segment_mut(new) = upper;
        let span = 1_usize << (self.depth - depth);
        let first = self.slot(hash) / span * span;
        self.directory[first + span / 2..first + span].fill(new);
    }

    /// Gives all segments back.
    pub(crate) fn dissolve(self, pool: &mut IndexPool) {
        let mut ids = self.directory;
        ids.dedup();
        ids.into_iter().for_each(|id| pool.release(id));
    }

    /// Ends the index, and adds its segments and the entries beside them to what the caller has.
    pub(crate) fn take_apart(self, segments: &mut Vec<u32>, stash: &mut Vec<Entry>) {
        let mut ids = self.directory;
        ids.dedup();
        segments.append(&mut ids);
        stash.extend(self.stash.into_iter().map(|(_, entry)| entry));
    }

    /// All entries, in no order that matters.
    pub(crate) fn entries<'a>(&'a self, pool: &'a IndexPool) -> impl Iterator<Item = Entry> + 'a {
        let mut last = None;
        self.directory
            .iter()
            .filter(move |&&id| last.replace(id) != Some(id))
            .flat_map(|&id| {
                pool.segment(id)
                    .buckets
                    .iter()
                    .flat_map(|bucket| bucket.entries().map(|(_, _, entry)| entry))
            })
            .chain(self.stash.iter().map(|&(_, entry)| entry))
    }
}
