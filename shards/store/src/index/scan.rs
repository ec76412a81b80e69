//! Owns walks over an index that survive its growth: by hash prefix, then by home bucket.

use super::{BUCKETS, Entry, Index, IndexPool, PROBES, Spot, home_of};

/// Where a walk stands. The order is that of the hashes' high bits, then of the home buckets; a split keeps both, so a key that is
/// there from the first step to the last is met at least once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// High 32 bits of the hashes that come next.
    pub(crate) prefix: u32,
    /// Home bucket that comes next, `0..64`.
    pub(crate) bucket: u8,
}

impl Index {
    /// Gives every entry whose home is the cursor's bucket, and the cursor after it; `None` after the last.
    pub(crate) fn walk(
        &self,
        pool: &IndexPool,
        cursor: Cursor,
        hash_at: impl Fn(u64) -> u64,
        mut visit: impl FnMut(Spot, Entry),
    ) -> Option<Cursor> {
        let hash = u64::from(cursor.prefix) << 32;
        let id = self.directory[self.slot(hash)];
        let segment = pool.segment(id);
        let home = usize::from(cursor.bucket) % BUCKETS;
        if cursor == Cursor::default() {
            for (at, &(_, entry)) in self.stash.iter().enumerate() {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the stash holds fewer than 2^16"
                )]
                visit(
                    Spot { segment: super::STASH, bucket: (at >> 8) as u8, entry: at as u8 },
                    entry,
                );
            }
        }
        let probes = if segment.buckets[home].has_overflow() { PROBES } else { 1 };
        for probe in 0..probes {
            let at = (home + probe) % BUCKETS;
            for (entry, _, found) in segment.buckets[at].entries() {
                if home_of(hash_at(found.location())) == home {
                    #[expect(clippy::cast_possible_truncation, reason = "below 64 and below 8")]
                    visit(Spot { segment: id, bucket: at as u8, entry: entry as u8 }, found);
                }
            }
        }
        self.next_cursor(pool, cursor)
    }

    /// The next bucket of the segment, or the first of the next segment; `None` behind the last.
    fn next_cursor(&self, pool: &IndexPool, cursor: Cursor) -> Option<Cursor> {
        let home = usize::from(cursor.bucket) % BUCKETS;
        if home + 1 < BUCKETS {
            #[expect(clippy::cast_possible_truncation, reason = "below 64")]
            return Some(Cursor { prefix: cursor.prefix, bucket: (home + 1) as u8 });
        }
        let id = self.directory[self.slot(u64::from(cursor.prefix) << 32)];
        let depth = u32::from(pool.depths[id as usize]);
        let span = 1_u64 << (32 - depth);
        let next = (u64::from(cursor.prefix) / span + 1) * span;
        u32::try_from(next).ok().map(|prefix| Cursor { prefix, bucket: 0 })
    }

    /// As [`Index::walk`], for the entries that expire: the others' keys are not even looked at.
    pub(crate) fn walk_expiring(
        &self,
        pool: &IndexPool,
        cursor: Cursor,
        mut visit: impl FnMut(Entry),
    ) -> Option<Cursor> {
        // An entry that is not at home is met through its neighbour's walk as well; that does no harm here.
        let id = self.directory[self.slot(u64::from(cursor.prefix) << 32)];
        let bucket = &pool.segment(id).buckets[usize::from(cursor.bucket) % BUCKETS];
        bucket
            .entries()
            .filter(|(_, _, entry)| entry.expires())
            .for_each(|(_, _, entry)| visit(entry));
        if cursor == Cursor::default() {
            self.stash
                .iter()
                .filter(|(_, entry)| entry.expires())
                .for_each(|&(_, entry)| visit(entry));
        }
        self.next_cursor(pool, cursor)
    }
}
