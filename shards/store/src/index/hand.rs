//! Owns walks over the buckets as they lie in memory: the hand that holds old stamps back, and the draw of entries by chance.

use super::{BUCKETS, Entry, Index, IndexPool, Spot};

/// Where the hand stands, and how far it is to go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hand {
    segment: usize,
    /// Sixteenths of a segment that are still to be gone.
    due: u64,
}

/// Segments that the hand goes in one turn, at most.
const SEGMENTS_A_TURN: usize = 32;
/// Parts of a round that the hand is given.
const PARTS: u64 = 16;

impl IndexPool {
    /// Moves the hand by `parts` sixteenths of a round and what it had left, over a bounded number of segments: `change` gives the
    /// access bits that an entry is to have. `true`: some may have got others.
    pub(crate) fn move_hand(
        &mut self,
        hand: &mut Hand,
        parts: u64,
        change: impl Fn(u8) -> u8,
    ) -> bool {
        let segments = self.depths.len();
        hand.due = (hand.due + parts * segments as u64).min(2 * PARTS * segments as u64);
        for turn in 0..SEGMENTS_A_TURN {
            if hand.due < PARTS {
                return turn > 0;
            }
            hand.due -= PARTS;
            hand.segment = (hand.segment + 1) % segments;
            let id = u32::try_from(hand.segment).expect("fewer than 2^32 index segments");
            for bucket in &mut self.segment_mut(id).buckets {
                for at in 0..super::BUCKET_ENTRIES {
                    let entry = bucket.entry(at);
                    let access = change(entry.access());
                    if !bucket.is_free(at) && access != entry.access() {
                        bucket.set_entry(at, entry.with_access(access));
                    }
                }
            }
        }
        true
    }

    /// The entry at a spot that was drawn some time ago, if it is still the same one there.
    pub(crate) fn entry_again(&self, spot: Spot, entry: Entry) -> bool {
        let bucket = &self.segment(spot.segment).buckets[usize::from(spot.bucket)];
        let at = usize::from(spot.entry);
        !bucket.is_free(at) && bucket.entry(at) == entry
    }
}

impl Index {
    /// Places of segments, for [`Index::draw`].
    pub(crate) fn directory_len(&self) -> usize {
        self.directory.len()
    }

    /// Gives the entries of `buckets` neighbouring buckets of the segment that `place` names with its high half, from the one on that it
    /// names with its low half; any number will do. Entries of the stash are never met.
    pub(crate) fn draw(
        &self,
        pool: &IndexPool,
        place: u64,
        buckets: usize,
        mut visit: impl FnMut(Spot, Entry),
    ) {
        #[expect(clippy::cast_possible_truncation, reason = "parts of the number")]
        let (slot, first) = ((place >> 32) as usize % self.directory.len(), place as usize);
        let id = self.directory[slot];
        let segment = pool.segment(id);
        for bucket in 0..buckets.min(BUCKETS) {
            let bucket = (first + bucket) % BUCKETS;
            for (entry, _, found) in segment.buckets[bucket].entries() {
                #[expect(clippy::cast_possible_truncation, reason = "below 64 and below 8")]
                visit(Spot { segment: id, bucket: bucket as u8, entry: entry as u8 }, found);
            }
        }
    }
}
