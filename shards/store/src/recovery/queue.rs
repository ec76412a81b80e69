//! Owns the order in which keys that were read go into the indexes: by region of an index, and in each as the log has them.
//!
//! Keys come in no order of their places. A region is as much of an index as fits a core's cache, so that what is looked up one after the
//! other lies side by side. What stands between the keys of the log, and is not about one key, is replayed when all before it are in.

use super::Reader;
use super::digest::{DATABASE_MASK, DATABASE_SHIFT, EXPIRES, OBJECT, SIZE_SHIFT, Step, TOMBSTONE};
use crate::database::Place;
use crate::limits::{REPLAY_AHEAD, REPLAY_QUEUED_MAX, REPLAY_REGION_BITS_MAX, REPLAY_REGION_DEPTH};
use crate::log::Location;
use crate::store::Store;
use hyperion_model::DatabaseId;

/// A record that sets or removes a key.
///
/// Shape of `what`: 40 bits location; the rest as in [`Step`].
#[derive(Clone, Copy, Debug)]
struct Due {
    hash: u64,
    what: u64,
}

const LOCATION_MASK: u64 = (1 << DATABASE_SHIFT) - 1;

impl Due {
    #[inline(always)]
    fn new(location: Location, step: Step) -> Self {
        Self { hash: step.hash, what: location | step.what & !LOCATION_MASK }
    }

    #[inline(always)]
    fn location(self) -> Location {
        self.what & LOCATION_MASK
    }

    #[inline(always)]
    fn place(self, local: u16) -> Place {
        Place {
            database: DatabaseId((self.what >> DATABASE_SHIFT & DATABASE_MASK) as u8),
            local,
            hash: self.hash,
        }
    }
}

/// Keys that were read and are not in the indexes yet.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// By partition and by the first bits of the hash.
    regions: Vec<Vec<Due>>,
    /// How many bits.
    bits: u32,
    count: usize,
    /// Regions in which something waits.
    waiting: Vec<usize>,
}

impl Queue {
    /// For `partitions` indexes, the largest of which has a directory of `depth` bits.
    pub(super) fn new(partitions: usize, depth: u8) -> Self {
        let bits = u32::from(depth).saturating_sub(REPLAY_REGION_DEPTH).min(REPLAY_REGION_BITS_MAX);
        Self { regions: vec![Vec::new(); partitions << bits], bits, ..Self::default() }
    }

    /// Takes a record that sets or removes a key.
    #[inline(always)]
    pub(super) fn push(&mut self, location: Location, step: Step) {
        let (local, due) = (step.local(), Due::new(location, step));
        // Two shifts, because a shift by 64 is none.
        let region = usize::from(local) << self.bits | (due.hash >> 1 >> (63 - self.bits)) as usize;
        if self.regions[region].is_empty() {
            self.waiting.push(region);
        }
        self.regions[region].push(due);
        self.count += 1;
    }
}

impl Store {
    /// Lets all that waits take effect, if so much waits.
    #[inline]
    pub(super) fn drain_full(&mut self, reader: &mut Reader) {
        if reader.queue.count >= REPLAY_QUEUED_MAX {
            self.drain(&mut reader.queue);
        }
    }

    /// Lets all that waits take effect.
    pub(super) fn drain(&mut self, queue: &mut Queue) {
        for region in std::mem::take(&mut queue.waiting) {
            let local = u16::try_from(region >> queue.bits).expect("partitions fit 16 bits");
            let dues = std::mem::take(&mut queue.regions[region]);
            for (at, due) in dues.iter().enumerate() {
                if let Some(ahead) = dues.get(at + REPLAY_AHEAD) {
                    self.prefetch_place(ahead.place(local));
                }
                if let Some(ahead) = dues.get(at + REPLAY_AHEAD / 2) {
                    self.prefetch_alike(ahead.place(local), ahead.location());
                }
                self.replay_key(*due, local);
            }
            queue.regions[region] = dues;
            queue.regions[region].clear();
        }
        queue.count = 0;
    }

    #[inline(always)]
    fn replay_key(&mut self, due: Due, local: u16) {
        let (location, place) = (due.location(), due.place(local));
        if due.what & TOMBSTONE != 0 {
            self.log.add_anchor(location);
            if let Some((spot, entry)) = self.locate_alike(place, location) {
                self.unpoint_place(place, spot, entry);
            }
            return;
        }
        if due.what & OBJECT != 0 {
            self.objects.replay_head();
        }
        let size = match due.what >> SIZE_SHIFT {
            0 => self.log.record(location).size,
            #[expect(clippy::cast_possible_truncation, reason = "17 bits")]
            words => words as usize * 4,
        };
        // Chunks may have moved behind their head: whether they are all there is looked at in the end.
        self.point(place, location, size, due.what & EXPIRES != 0);
    }
}
